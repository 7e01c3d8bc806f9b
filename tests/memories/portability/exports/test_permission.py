"""A long answer ends where the permission to read it ends."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions import revocation
from core.deferred_responses import AccessEnded
from memories import scopes
from memories.models import AuditAction, AuditEvent, ImportBatch, Tag
from memories.portability.exports import full_archive, pages
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.imports import stage as import_stage
from memories.portability.imports.known import load_known_memories
from memories.services import writes
from memories.validation.drafts import NewMemory
from oauth.access import grants
from oauth.models import AppGrant
from picard.server.wsgi import run_application
from tests.factories import remember, session
from tests.memories.portability.staging import stage
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)
PER_PAGE, COUNT = 2, 7


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", PER_PAGE)
    writes.create_memories(session(ada), [NewMemory(f"memory {number}") for number in range(COUNT)])


@pytest.fixture
def grant(ada: User) -> AppGrant:
    return allow(ada, make_app(), *MANAGER)


def connect(grant: AppGrant) -> Actor:
    actor = grants.get_current_actor(grant.user_id, grant.application.client_id, Channel.API)
    assert actor is not None
    return actor


def limit(grant: AppGrant, *granted: str, **options: object) -> None:
    grants.update_grant(grant, grants.GrantOptions(frozenset(granted), **options))  # type: ignore[arg-type]


def end_access(grant: AppGrant) -> None:
    limit(grant, *MANAGER, ends_at=timezone.now() + timedelta(days=1))
    AppGrant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))


ENDINGS: dict[str, Callable[[AppGrant], object]] = {
    "disconnected": grants.revoke_grant,
    "paused": grants.pause_grant,
    "expired": end_access,
    "limited": lambda grant: limit(grant, scopes.READ, scopes.WRITE),
    "all sessions ended": lambda grant: revocation.end_sessions(grant.user),
    "account closed": lambda grant: deletion.close_account(session(grant.user)),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_export_of_an_app_ends_with_its_permission(grant: AppGrant, form: str, ending: str) -> None:
    chunks = export_memories(connect(grant), form).chunks
    while not count_exported():
        next(chunks)
    ENDINGS[ending](grant)
    with pytest.raises(AccessEnded):
        list(chunks)
    assert count_exported() == PER_PAGE


def test_rest_of_an_export_is_limited_as_the_app_is(grant: AppGrant, ada: User) -> None:
    remember(ada, "A tagged one.", tags=["work"])
    chunks = export_memories(connect(grant), "jsonl").chunks
    next(chunks)
    limit(grant, *MANAGER, only_tags=frozenset({Tag.objects.get().pk}))
    assert b"".join(chunks).count(b"\n") == 1


@pytest.mark.parametrize("ending", ["all sessions ended", "account closed"])
def test_export_of_a_session_ends_with_it(grant: AppGrant, ada: User, ending: str) -> None:
    chunks = full_archive.export_everything(session(ada)).chunks
    while not count_exported():
        next(chunks)
    ENDINGS[ending](grant)
    with pytest.raises(AccessEnded):
        list(chunks)


def test_import_preview_ends_with_the_permission(grant: AppGrant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it recognised is not told, and nothing is staged."""
    load = load_known_memories

    def disconnect_meanwhile(actor: Actor) -> object:
        grants.revoke_grant(grant)
        return load(actor)

    monkeypatch.setattr(import_stage, "load_known_memories", disconnect_meanwhile)
    with pytest.raises(InsufficientScope):
        stage(connect(grant), BytesIO(b"text\nmemory 1\n"))
    assert not ImportBatch.objects.exists()


def test_server_answers_403_where_access_ended() -> None:
    def respond(_environ: object, start_response: Callable[..., object]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a part of the export"
        raise AccessEnded

    response = run_application(respond, {})
    assert (response.status, b"export" in response.body.read()) == (403, False)


def count_exported() -> int:
    events = AuditEvent.objects.filter(action=AuditAction.MEMORY_EXPORT)
    return sum(len(event.memory_ids) for event in events)
