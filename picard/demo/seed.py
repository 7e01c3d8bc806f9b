"""Sample data of a fictional user: created by the services, then backdated."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor, Channel
from accounts.ids import new_id, new_id_at
from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.models import AuditAction, AuditEvent, Memory, MemoryRevision, MemoryUse
from memories.services import writes
from memories.services.saved_filters import save_filter
from memories.services.tags import find_tags
from memories.validation.drafts import NewMemory
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.registration import manual as manual_registration
from oauth.tokens.families import AccessToken, new_access_token
from picard.demo.texts import Sample, read_samples, read_turns

EMAIL = "maya@example.org"
DAYS = 400  # age of the memories
NEWER_DAYS = 2  # age of those that replace older ones, or nearly repeat them
MOST_REQUESTS = 5  # of an app within a day, at most
SECOND_TAGS = {"running": "health", "food": "home", "travel": "family"}  # a second tag for every third memory
OWN_APP = "Weather on my desk"
NAMES = {"desk": "Desk Assistant", "coach": "Running Coach", "travel": "Trip Planner"}
APP_DAYS = {"desk": 330, "coach": 200, "travel": 75}  # since when they are connected
READS = (
    AuditAction.MEMORY_SEARCH,
    AuditAction.MEMORY_SEARCH,
    AuditAction.MEMORY_LIST,
    AuditAction.MEMORY_READ,
)
PROPOSALS = (
    "Maya wants to run the half marathon in Gothenburg, too.",
    "Intervals moved to Friday, because Wednesday is for strength.",
    "Knee: pain-free for three weeks.",
)


class DatabaseNotEmpty(Exception):
    """The database has other users."""


def fill_database(*, among_others: bool = False) -> tuple[User, str]:
    """Create the demo user with data once; return the user and a new password. Raises DatabaseNotEmpty."""
    if not among_others and User.objects.exclude(email=EMAIL).exists():
        raise DatabaseNotEmpty
    password = secrets.token_urlsafe(9)
    person = User.objects.filter(email=EMAIL).first()
    if person is None:
        with transaction.atomic():
            person = _create_user()
            _create_history(person)
    person.set_password(password)
    person.save(update_fields=["password"])
    return person, password


def _create_user() -> User:
    return User.objects.create_user(
        EMAIL,
        None,
        display_name="Maya Lindqvist",
        handle="maya",
        bio="Draws maps, runs slowly, answers letters.",
        time_zone="Europe/Stockholm",
        persona_enabled=True,
        public_page_enabled=True,
    )


def _create_history(person: User) -> None:
    chance = Random(11)  # noqa: S311 # nosec B311 - reproducible data
    apps = {
        key: manual_registration.register_app(name=name, redirect_uris=[_build_redirect_uri(key)]).application
        for key, name in NAMES.items()
    }
    memory_ids = _create_memories(person, apps, chance)
    _create_conversation(person)
    AuditEvent.objects.filter(owner_id=person.pk).delete()  # all are dated today
    MemoryUse.objects.filter(owner_id=person.pk).delete()
    for key, application in apps.items():
        _connect_app(person, application, memory_ids, APP_DAYS[key], chance)
    _create_proposals(person, apps["coach"])
    manual_registration.register_app(
        name=OWN_APP, redirect_uris=["http://localhost:5173/callback"], is_public=True, user=person
    )
    actor = Actor(user=person, door=Channel.WEB)
    save_filter(actor, name="Knee and running", parts={"q": "knee"})
    save_filter(actor, name="Public memories", parts={"visibility": "public"})


def _build_redirect_uri(key: str) -> str:
    return f"https://{key}.example.org/callback"


def _create_memories(person: User, apps: dict[str, Application], chance: Random) -> dict[str, list[UUID]]:
    """Create the memories; return the IDs of those not in the trash by theme."""
    memory_ids: dict[str, list[UUID]] = {}
    actor = Actor(user=person, door=Channel.WEB)
    previous: Memory | None = None
    for number, sample in enumerate(read_samples()):
        then = timezone.now() - timedelta(days=chance.uniform(0.1, 1) ** 2 * DAYS, hours=chance.uniform(0, 9))
        source = f"mcp:{apps[sample.app].client_id}" if sample.app else str(Channel.WEB)
        older = previous if sample.is_newer else None
        if older is not None or sample.is_recent:
            then = timezone.now() - timedelta(days=NEWER_DAYS)
        previous = memory = _create_memory(actor, sample, number, then, source, older)
        if sample.is_trashed:
            writes.trash_memory(actor, memory.pk)
        else:
            memory_ids.setdefault(sample.theme, []).append(memory.pk)
    return memory_ids


def _create_memory(
    actor: Actor, sample: Sample, number: int, then: datetime, source: str, older: Memory | None = None
) -> Memory:
    tags = [
        sample.theme,
        *([SECOND_TAGS[sample.theme]] if sample.theme in SECOND_TAGS and number % 3 == 0 else []),
    ]
    item = NewMemory(
        text=sample.texts[0],
        visibility="public" if sample.is_public else "private",
        tags=tags,
        expires_at=timezone.now() + timedelta(days=sample.days) if sample.days else None,
        id=new_id_at(then),
        supersedes=older.pk if older else None,
    )
    [memory] = writes.create_memories(actor, [item], source=source)
    for text in sample.texts[1:]:
        writes.update_memory(actor, memory.pk, text=text, source=source)
    _backdate_memories(actor.person, [memory.pk], then)
    return memory


def _backdate_memories(person: User, ids: Iterable[UUID], then: datetime) -> None:
    """Set all timestamps of the memories and their revisions to `then`."""
    Memory.objects.owned_by(person).filter(pk__in=ids).update(
        created_at=then, updated_at=then, written_at=then
    )
    MemoryRevision.objects.filter(owner_id=person.pk, memory_id__in=ids).update(written_at=then)


def _create_conversation(person: User) -> None:
    then = timezone.now() - timedelta(days=70)
    conversation = new_id()
    items = [
        NewMemory(text=text, tags=["imported:chat"], conversation=conversation, position=position)
        for position, text in enumerate(read_turns())
    ]
    items = [
        NewMemory(
            item.text, tags=item.tags, conversation=conversation, position=item.position, id=new_id_at(then)
        )
        for item in items
    ]
    memories = writes.create_memories(Actor(user=person, door=Channel.WEB), items)
    _backdate_memories(person, [memory.pk for memory in memories], then)


def _connect_app(
    person: User, app: Application, memory_ids: dict[str, list[UUID]], days: int, chance: Random
) -> None:
    """Create the app's grant, its token and its recent activity."""
    is_coach = app.name == NAMES["coach"]
    since = timezone.now() - timedelta(days=days)
    tags = frozenset(tag.pk for tag in find_tags(person.pk, ["running"])) if is_coach else None
    scope_names = frozenset({scopes.READ, scopes.WRITE})
    grants.grant_access(person, app, grants.GrantOptions(scope_names, tags, asks_first=is_coach))
    AppGrant.objects.filter(user=person, application=app).update(created_at=since, consented_at=since)
    _create_token(person, app)
    readable = memory_ids["running"] if is_coach else [pk for ids in memory_ids.values() for pk in ids]
    AuditEvent.objects.bulk_create(_build_audit_events(person, app.client_id, readable, since, chance))


def _build_audit_events(
    person: User, client_id: str, readable: Sequence[UUID], since: datetime, chance: Random
) -> list[AuditEvent]:
    """Return reads, more of them the longer the app is connected, and a write for each memory of the app."""
    days = (timezone.now() - since).days
    reads = sorted(
        (since + timedelta(days=day, hours=chance.uniform(6, 21)), chance.choice(READS))
        for day in range(days)
        for _ in range(chance.randint(0, 1 + MOST_REQUESTS * day // days))
    )
    own = Memory.objects.owned_by(person).filter(pk__in=readable)
    written = own.filter(source=f"mcp:{client_id}", created_at__gt=since)
    writes = [(at, AuditAction.MEMORY_CREATE, pk) for pk, at in written.values_list("pk", "created_at")]
    return [
        *(_build_event(person, client_id, at, action, [pk]) for at, action, pk in writes),
        *(
            _build_event(
                person, client_id, at, action, chance.sample(readable, _count_read(action, readable))
            )
            for at, action in reads
        ),
    ]


def _count_read(action: AuditAction, readable: Sequence[UUID]) -> int:
    return 1 if action == AuditAction.MEMORY_READ else min(6, len(readable))


def _build_event(
    person: User, client_id: str, moment: datetime, action: AuditAction, memory_ids: list[UUID]
) -> AuditEvent:
    return AuditEvent(
        id=new_id_at(moment),
        owner_id=person.pk,
        actor_id=person.pk,
        door=Channel.MCP,
        client_id=client_id,
        action=action,
        memory_ids=memory_ids,
        happened_at=moment,
    )


def _create_token(person: User, app: Application) -> None:
    """Create an unknown token, so that the page shows the app as connected although nobody can use it."""
    row = AccessToken(
        user=person,
        application=app,
        scope=f"{scopes.READ} {scopes.WRITE}",
        resource=[f"{settings.PUBLIC_URL}/mcp"],
        expires=timezone.now() + timedelta(minutes=15),
    )
    row._raw_token = new_access_token(None)
    row.save()


def _create_proposals(person: User, app: Application) -> None:
    tags = frozenset(tag.pk for tag in find_tags(person.pk, ["running"]))
    scope_names = frozenset({scopes.READ, scopes.WRITE})
    actor = Actor(person, Channel.MCP, scope_names, app.client_id, tags, asks_first=True)
    for text in PROPOSALS:
        try:
            writes.create_memory(actor, text=text)
        except ApprovalRequired:
            continue
        raise ValidationError("The proposal was saved as a memory.")
