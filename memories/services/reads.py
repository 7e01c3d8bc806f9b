"""Reads of memories. `visible_to` (models/visibility.py) decides access; absent and forbidden look the same."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from accounts.actor import Actor
from accounts.fields import DecryptError
from accounts.ids import get_first_id
from accounts.models import User
from core.db.prepared import fetch_prepared, format_array
from core.db.standby import prefer_standby
from memories import scopes
from memories.errors import MemoryNotFound
from memories.fields import build_stored_row
from memories.models import AuditAction, Memory, MemoryRevision, Tag
from memories.models.compiled import Statement, compile_visible
from memories.models.visibility import NO_FILTERS, Filters, build_revision_q
from memories.services import audit
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import (
    TagsOfRows,
    attach_prefetched_tags,
    count_used_tags,
    filter_used_tags,
    find_tags,
    load_tags,
    redact_tags,
    set_tags_from_row,
    sort_by_name,
    with_tags,
)
from memories.validation.limits import fold_tag_name

# The columns that channels show; the others are deferred.
MEMORY_COLUMNS = tuple(
    field.attname
    for field in Memory._meta.concrete_fields
    if field.name not in ("written_at", "index_attempts", "index_due_at", "index_leased_by", "index_error")
)
TEXT_COLUMNS = ("id", "owner_id", "text")
LOADED = (*MEMORY_COLUMNS, "packed_tags", "has_successor")
COUNT = "select width_bucket(id, %s::uuid[]) as place, count(*) from ({rows}) visible group by place"
MAX_LISTED_TAGS = 1_000  # a page of all tags

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)
Cursor = TypeVar("Cursor", UUID, int)


@dataclass(frozen=True)
class MemoryPage:
    """A page of memories with prefetched tags, newest first; `next` is the next page's cursor, None at the end."""

    memories: list[Memory]
    next: UUID | None


@dataclass(frozen=True)
class TagPage:
    """A page of tags, by name; `next` is the number of tags on the pages so far, None at the end.

    counts: memories outside the trash by id of the tags that were ranked.
    """

    tags: list[Tag]
    next: int | None
    counts: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RevisionPage:
    """A page of earlier versions of a memory, newest first; `next` is the version before which the next page begins.

    count: of all earlier versions.
    """

    revisions: list[MemoryRevision]
    next: int | None
    count: int


def get_memory(actor: Actor, memory_id: UUID) -> Memory:
    """Return one of the user's own memories. Raises MemoryNotFound, InsufficientScope."""
    actor.require_scope(scopes.READ)
    rows = compile_visible(_select_memory, actor, actor.person, memory_id, filters=NO_FILTERS)
    memories = _load_memories(actor, AuditAction.MEMORY_READ, rows, limit=1)
    if not memories:
        raise MemoryNotFound
    return memories[0]


def list_memories(
    actor: Actor, *, filters: Filters | None = None, before: UUID | None = None, limit: int = 25
) -> MemoryPage:
    """Return the user's own memories, newest first; `before` is the `next` of the previous page."""
    actor.require_scope(scopes.READ)
    rows = compile_visible(
        _select_page, actor, actor.person, before, filters=filters or NO_FILTERS, limit=limit
    )
    memories = _load_memories(actor, AuditAction.MEMORY_LIST, rows, limit=limit)
    return MemoryPage(memories[:limit], _get_next(memories, limit))


def iterate_newest_texts(actor: Actor, *, limit: int) -> Iterator[str]:
    """Yield the texts of the user's own newest memories, each decrypted when it is asked for; at most `limit`."""
    actor.require_scope(scopes.READ)
    rows = compile_visible(_select_texts, actor, actor.person, filters=NO_FILTERS, limit=limit)
    for values in audit.fetch_read(actor, AuditAction.MEMORY_LIST, rows, limit=limit) if rows else []:
        text = decrypt_or_none(build_stored_row(Memory, TEXT_COLUMNS, values))
        if text is not None:
            yield text


@prefer_standby
def list_trash(
    actor: Actor, *, expired: bool | None = None, before: UUID | None = None, limit: int = 25
) -> MemoryPage:
    """Return trashed and expired memories, or only one kind: for the owner's own session only, empty for an app."""
    actor.require_scope(scopes.READ)
    rows = Memory.objects.trash_visible_to(actor)
    if expired is not None:
        rows = rows.filter(deleted_at__isnull=expired)
    owner_id = actor.person.pk
    loaded = with_successors(with_tags(rows.annotate(read_at=Now()), owner_id), owner_id)
    memories, next_cursor = paginate(loaded, before, limit)
    attach_prefetched_tags(actor, memories)
    attach_links(actor, memories)
    return MemoryPage([*memories], next_cursor)


def get_history(actor: Actor, memory_id: UUID, *, before: int | None = None, limit: int = 25) -> RevisionPage:
    """Return the earlier versions of one of the user's own memories. Raises MemoryNotFound, InsufficientScope."""
    memory = get_memory(actor, memory_id)
    rows = MemoryRevision.objects.filter(build_revision_q(actor), owner_id=memory.owner_id, memory=memory)
    return RevisionPage(*paginate(rows, before, limit, by="version"), rows.count())


@prefer_standby
def list_tags(
    actor: Actor, *, limit: int = MAX_LISTED_TAGS, after: int = 0, including: Collection[UUID] = ()
) -> TagPage:
    """Return the user's tags that are in use; for an app limited to tags, only those.

    Names are encrypted, so that of many tags only a page is decrypted: those on most memories first, each page by name.
    after: the `next` of the previous page. including: ids of more tags to return, if they are in use.
    """
    actor.require_scope(scopes.READ)
    counted = count_used_tags(actor, after=after, limit=limit + 1) if limit else []
    counts = {tag.pk: count for tag, count in counted}
    tags = [tag for tag, _count in counted[:limit]]
    if missing := {*including} - {tag.pk for tag in tags}:
        used = filter_used_tags(actor).filter(tag_id__in=missing).values_list("tag_id", flat=True)
        tags += load_tags(actor.person.pk, used)
    return TagPage(sort_by_name(tags), after + limit if len(counts) > limit else None, counts)


def resolve_tag_names(actor: Actor, names: Iterable[str]) -> tuple[list[Tag], list[str]]:
    """Return the tags with these names that the actor can list, and the unknown names; blanks are ignored."""
    actor.require_scope(scopes.READ)
    wanted = {fold_tag_name(" ".join(name.split())): name for name in names if name.strip()}
    found = sort_by_name(find_tags(actor.person.pk, wanted))
    used = {*filter_used_tags(actor).filter(tag__in=found).values_list("tag_id", flat=True)}
    known = {fold_tag_name(tag.name): tag for tag in found if tag.pk in used}
    return [known[key] for key in wanted if key in known], [wanted[key] for key in wanted if key not in known]


@prefer_standby
def count_memories(actor: Actor, filters: Filters | None = None) -> int:
    actor.require_scope(scopes.READ)
    own = Memory.objects.visible_to(actor, owner=actor.person)
    return own.apply_filters(actor, filters or NO_FILTERS).count()


@prefer_standby
def count_memories_between(
    actor: Actor, moments: Sequence[datetime], filters: Filters | None = None
) -> list[int]:
    """Return the numbers of memories before the first moment, between each two, and since the last; ascending.

    By their ids, which sort by creation time: one pass over their index.
    """
    actor.require_scope(scopes.READ)
    rows = compile_visible(_select_ids, actor, actor.person, filters=filters or NO_FILTERS)
    bounds = _format_bounds(tuple(moments))
    counts = dict(fetch_prepared(COUNT.replace("{rows}", rows.sql), [bounds, *rows.params])) if rows else {}
    return [counts.get(place, 0) for place in range(len(moments) + 1)]


@lru_cache(maxsize=64)  # the list of memories counts by hundreds of months, always the same
def _format_bounds(moments: tuple[datetime, ...]) -> str:
    return format_array(map(get_first_id, moments))


def decrypt_or_none(row: Memory | MemoryRevision) -> str | None:
    """Return the text, or None if it cannot be decrypted, so that it hides no other and its row can be deleted."""
    try:
        return row.text
    except DecryptError:
        logger.error("cannot decrypt %s", row)
        return None


def paginate(
    rows: QuerySet[Row], before: Cursor | None, limit: int, *, by: str = "pk"
) -> tuple[list[Row], Cursor | None]:
    """Return a page by cursor and the cursor of the next page, None at the end.

    Ids sort by time (UUID version 7), so pages stay stable while rows are added.
    """
    if before is not None:
        rows = rows.filter(**{f"{by}__lt": before})
    found = list(rows.order_by(f"-{by}")[: limit + 1])
    return found[:limit], _get_next(found, limit, by)


def _get_next(found: Sequence[Row], limit: int, by: str = "pk") -> Any:
    """Return the cursor of the next page, None if no more than `limit` rows were found."""
    return getattr(found[limit - 1], by) if len(found) > limit else None


def _select_ids(actor: Actor, owner: User, *, filters: Filters) -> QuerySet[Memory, Any]:
    return Memory.objects.visible_to(actor, owner=owner).apply_filters(actor, filters).values_list("id")


def _select_memory(actor: Actor, owner: User, memory_id: UUID, *, filters: Filters) -> QuerySet[Memory, Any]:
    return _select_rows(actor, owner, filters).filter(pk=memory_id).values_list(*LOADED)


def _select_page(
    actor: Actor, owner: User, before: UUID | None, *, filters: Filters, limit: int
) -> QuerySet[Memory, Any]:
    rows = _select_rows(actor, owner, filters)
    rows = rows if before is None else rows.filter(pk__lt=before)
    return rows.order_by("-pk").values_list(*LOADED)[: limit + 1]


def _select_texts(actor: Actor, owner: User, *, filters: Filters, limit: int) -> QuerySet[Memory, Any]:
    visible = Memory.objects.visible_to(actor, owner=owner).apply_filters(actor, filters)
    return visible.order_by("-pk").values_list(*TEXT_COLUMNS)[:limit]


def _select_rows(actor: Actor, owner: User, filters: Filters) -> QuerySet[Memory]:
    visible = Memory.objects.visible_to(actor, owner=owner).apply_filters(actor, filters)
    return with_successors(with_tags(visible, owner.pk), owner.pk)


def _load_memories(actor: Actor, action: AuditAction, rows: Statement | None, *, limit: int) -> list[Memory]:
    """Load the user's own memories with their tags and links; of these, the first `limit` are read.

    What an app reads is recorded in the same statement, so on the primary.
    """
    load = _load if actor.is_app else _load_on_standby
    return load(actor, action, rows, limit)


def _load(actor: Actor, action: AuditAction, rows: Statement | None, limit: int) -> list[Memory]:
    memories: list[Memory] = []
    tags: TagsOfRows = {}
    for values in audit.fetch_read(actor, action, rows, limit=limit) if rows else []:
        memories.append(build_stored_row(Memory, MEMORY_COLUMNS, values[: len(MEMORY_COLUMNS)]))
        packed_tags, memories[-1].has_successor = values[len(MEMORY_COLUMNS) :]
        set_tags_from_row(memories[-1], packed_tags, tags)
    redact_tags(actor, memories)
    attach_links(actor, memories)
    return memories


_load_on_standby = prefer_standby(_load)
