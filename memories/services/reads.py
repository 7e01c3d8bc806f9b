"""Every read of memories. What may be seen is decided by querysets.visible_to; absent and forbidden are one answer."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from accounts.actor import Actor
from accounts.fields import DecryptError
from memories import scopes
from memories.errors import MemoryNotFound
from memories.models import AuditAction, AuditEvent, Memory, MemoryRevision, Tag
from memories.models.visibility import Filters
from memories.services import audit
from memories.services.tags import attach_prefetched_tags, list_used_tags, with_tags
from memories.validation.limits import fold_tag_name

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)
Cursor = TypeVar("Cursor", UUID, int)


@dataclass(frozen=True)
class MemoryPage:
    """Some memories, newest first, their tags at hand; `next` is the cursor of the page after it, None at the end."""

    memories: list[Memory]
    next: UUID | None


@dataclass(frozen=True)
class ActivityPage:
    """Some audit events, newest first; `next` as with Page."""

    events: list[AuditEvent]
    next: UUID | None


@dataclass(frozen=True)
class RevisionPage:
    """Some earlier texts of a memory, newest first; `next` is the version before which the page after it begins.

    count: of all earlier texts.
    """

    revisions: list[MemoryRevision]
    next: int | None
    count: int


def get_memory(actor: Actor, memory_id: UUID) -> Memory:
    """One of the person's own memories. Raises MemoryNotFound, InsufficientScope."""
    actor.require_scope(scopes.READ)
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=memory_id)
    memory = with_tags(own).first()
    if memory is None:
        raise MemoryNotFound
    attach_prefetched_tags(actor, [memory])
    audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


def list_memories(
    actor: Actor, *, filters: Filters | None = None, before: UUID | None = None, limit: int = 25
) -> MemoryPage:
    """The person's own memories, newest first; `before` is the `next` of the page before."""
    actor.require_scope(scopes.READ)
    rows = Memory.objects.visible_to(actor, owner=actor.person).apply_filters(filters or Filters())
    page = _build_page(actor, rows, before, limit)
    audit.record_read(
        actor, AuditAction.MEMORY_LIST, owner_id=actor.person.pk, memory_ids=[row.pk for row in page.memories]
    )
    return page


def list_trash(
    actor: Actor, *, expired: bool | None = None, before: UUID | None = None, limit: int = 25
) -> MemoryPage:
    """What is in the trash or expired, or one of both: for the owner's own session only, empty for an app."""
    actor.require_scope(scopes.READ)
    rows = Memory.objects.trash_visible_to(actor)
    if expired is not None:
        rows = rows.filter(deleted_at__isnull=expired)
    return _build_page(actor, rows.annotate(read_at=Now()), before, limit)


def get_history(actor: Actor, memory_id: UUID, *, before: int | None = None, limit: int = 25) -> RevisionPage:
    """The earlier texts of one of the person's own memories. Raises MemoryNotFound, InsufficientScope."""
    memory = get_memory(actor, memory_id)
    rows = MemoryRevision.objects.filter(owner_id=memory.owner_id, memory=memory)
    return RevisionPage(*paginate(rows, before, limit, by="version"), rows.count())


def list_tags(actor: Actor) -> list[Tag]:
    """The person's tags that are in use, by name; for a narrowed app, only the tags it was narrowed to."""
    actor.require_scope(scopes.READ)
    used = list_used_tags(actor.person)
    return used if actor.only_tags is None else [tag for tag in used if tag.pk in actor.only_tags]


def resolve_tag_names(actor: Actor, names: Iterable[str]) -> tuple[list[Tag], list[str]]:
    """Of these names the tags that `list_tags` tells the actor of, and the names that it does not; blanks are none."""
    known = {fold_tag_name(tag.name): tag for tag in list_tags(actor)}
    wanted = {fold_tag_name(" ".join(name.split())): name for name in names if name.strip()}
    return [known[key] for key in wanted if key in known], [wanted[key] for key in wanted if key not in known]


def list_activity(
    actor: Actor, *, client_id: str | None = None, before: UUID | None = None, limit: int = 25
) -> ActivityPage:
    """Who did what to the person's memories, of all or of one app. An app is told what it did itself."""
    actor.require_scope(scopes.READ)
    rows = AuditEvent.objects.filter(owner_id=actor.person.pk)
    if actor.is_app:
        # What was done to it (app:...) is its person's to know.
        rows = rows.filter(client_id=actor.client_id).exclude(action__startswith="app:")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    return ActivityPage(*paginate(rows, before, limit))


def count_memories(actor: Actor, filters: Filters | None = None) -> int:
    actor.require_scope(scopes.READ)
    own = Memory.objects.visible_to(actor, owner=actor.person)
    return own.apply_filters(filters or Filters()).count()


def decrypt_or_none(sealed: Memory | MemoryRevision) -> str | None:
    """The text, or None where the stored one does not open: it must hide no other, and its row can be deleted."""
    try:
        return sealed.text
    except DecryptError:
        logger.error("%s does not open", sealed)
        return None


def paginate(
    rows: QuerySet[Row], before: Cursor | None, limit: int, *, by: str = "pk"
) -> tuple[list[Row], Cursor | None]:
    """A page by cursor, and the cursor of the page after it, None at the end.

    Ids sort by time (UUID version 7), so it stays stable while rows are added.
    """
    if before is not None:
        rows = rows.filter(**{f"{by}__lt": before})
    found = list(rows.order_by(f"-{by}")[: limit + 1])
    following: Cursor | None = getattr(found[limit - 1], by) if len(found) > limit else None
    return found[:limit], following


def _build_page(actor: Actor, rows: QuerySet[Memory], before: UUID | None, limit: int) -> MemoryPage:
    memories, following = paginate(with_tags(rows), before, limit)
    attach_prefetched_tags(actor, memories)
    return MemoryPage([*memories], following)
