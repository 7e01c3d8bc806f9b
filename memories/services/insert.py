"""Insertion of new memories with their keywords, tags and audit event in one statement.

Handwritten SQL: for four separate statements the ORM took several times as long as PostgreSQL itself.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.ids import new_id
from accounts.models import User
from core.db.distribution import is_distributed
from core.db.prepared import fetch_prepared, format_array
from memories.fields import get_sealed_bytes
from memories.index import work_queue
from memories.models import AuditAction, Memory, MemoryTag, MemoryVector, Tag
from memories.services import audit
from memories.services.tags import get_readable_names
from memories.validation.drafts import NewMemory, Origin

BATCH = 1_000  # rows of a statement
INSERT_NEW = """
    insert into memories_memory (
        id, owner_id, text, visibility, expires_at, version, source, conversation, position,
        supersedes_id, pinned, index_state, index_attempts, index_error
    )
    select id, %(owner)s, text, visibility, expires_at, 1, %(source)s, conversation, position,
        supersedes_id, pinned, 'pending', 0, ''
    from unnest(
        %(ids)s::text::uuid[], %(texts)s::text::bytea[], %(visibilities)s::text[],
        %(expiries)s::text::timestamptz[], %(conversations)s::text::uuid[], %(positions)s::text::int[],
        %(superseded)s::text::uuid[], %(pinned)s::text::bool[]
    ) as item (id, text, visibility, expires_at, conversation, position, supersedes_id, pinned)
"""
INSERT_IMPORTED = """
    insert into memories_memory (
        id, owner_id, text, visibility, expires_at, source, conversation, position, supersedes_id,
        pinned, index_state, index_attempts, index_error, imported_id, created_at, updated_at, written_at, version
    )
    select id, %(owner)s, text, visibility, expires_at, %(source)s, conversation, position, supersedes_id,
        pinned, 'pending', 0, '', imported_id, coalesce(created_at, statement_timestamp()),
        coalesce(updated_at, created_at, statement_timestamp()),
        coalesce(written_at, created_at, statement_timestamp()), version
    from unnest(
        %(ids)s::text::uuid[], %(texts)s::text::bytea[], %(visibilities)s::text[],
        %(expiries)s::text::timestamptz[], %(conversations)s::text::uuid[], %(positions)s::text::int[],
        %(superseded)s::text::uuid[], %(pinned)s::text::bool[], %(imported_ids)s::text::uuid[],
        %(created)s::text::timestamptz[], %(updated)s::text::timestamptz[],
        %(written)s::text::timestamptz[], %(versions)s::text::int[]
    ) as item (id, text, visibility, expires_at, conversation, position, supersedes_id,
        pinned, imported_id, created_at, updated_at, written_at, version)
"""

# One array per column, in PostgreSQL's text form (`format_array`). The tokens of all passages are in one array,
# of which each passage takes a slice.
STORE = f"""
with memory as (
    {INSERT_NEW}
), words as materialized (
    select %(tokens)s::text::bigint[] as tokens
), passage as (
    insert into memories_memoryvector (
        memory_id, passage, owner_id, is_public, is_trashed, expires_at, tokens, sequence
    )
    select memory_id, passage, %(owner)s, is_public, false, expires_at,
        words.tokens[first_token:last_token], sequence
    from words, unnest(
        %(of_memories)s::text::uuid[], %(numbers)s::text::int[], %(are_public)s::text::bool[],
        %(expire)s::text::timestamptz[], %(first_tokens)s::text::int[], %(last_tokens)s::text::int[],
        %(sequences)s::text::bigint[]
    ) as item (memory_id, passage, is_public, expires_at, first_token, last_token, sequence)
), tagged as (
    insert into memories_memorytag (memory_id, tag_id, owner_id, since)
    select memory_id, tag_id, %(owner)s, since
    from unnest(%(tagged)s::text::uuid[], %(tags)s::text::uuid[], %(tagged_since)s::text::int[])
        as item (memory_id, tag_id, since)
), audited as (
    {audit.RECORD}
)
select statement_timestamp(), pg_notify('{work_queue.CHANNEL}', '')
"""  # noqa: S608 - put together from constants # nosec B608
STORE_IMPORTED = STORE.replace(INSERT_NEW, INSERT_IMPORTED)

# The database sets them. Without a value, each new row would get an expression for each from the model.
TIMES_LATER: dict[str, Any] = dict.fromkeys(("created_at", "updated_at", "written_at", "index_due_at"))


def build_row(owner: User, item: NewMemory, source: str) -> Memory:
    """Return a new memory from its clean values; `insert_memories` stores it."""
    return Memory(
        id=item.id or new_id(),
        owner=owner,
        text=item.text,
        visibility=item.visibility,
        expires_at=item.expires_at,
        source=source,
        conversation=item.conversation,
        position=item.position,
        supersedes_id=item.supersedes,
        pinned=item.pinned,
        imported_id=item.origin.imported_id if item.origin else None,
        **TIMES_LATER,
    )


def insert_memories(
    actor: Actor,
    rows: Sequence[Memory],
    tags: Sequence[Collection[Tag]],
    *,
    origins: Sequence[Origin | None] = (),
) -> None:
    """Store new memories of the actor's user, each with its existing tags; all or none. Commit wakes the workers.

    origins: of imported memories, of all or none. Sets the times that the database assigned on the rows.
    """
    is_imported = any(origins)
    for row, origin in zip_longest(rows, origins):
        # For the words of its day, which the worker computes again from the stored time.
        row.created_at = (origin and origin.created_at) or timezone.now()
    names = {row.pk: get_readable_names(row_tags) for row, row_tags in zip(rows, tags, strict=True)}
    passages = work_queue.build_passage_rows(rows, names)
    event = audit.Event(actor, AuditAction.MEMORY_CREATE, actor.person.pk, tuple(row.pk for row in rows))
    if is_distributed():
        _store_in_parts(rows, passages, tags, origins, event)
        return
    params = (
        audit.build_event_params(event)
        | _build_memory_params(rows)
        | _build_passage_params(passages)
        | _build_tag_params(rows, tags, origins)
    )
    if is_imported:
        params |= _build_origin_params(rows, origins)
    [(now, _notified)] = fetch_prepared(STORE_IMPORTED if is_imported else STORE, params)
    audit.note_event(event)
    for row, origin in zip_longest(rows, origins):
        _set_stored_values(row, origin or Origin(), now)


def _store_in_parts(
    rows: Sequence[Memory],
    passages: Sequence[MemoryVector],
    tags: Sequence[Collection[Tag]],
    origins: Sequence[Origin | None],
    event: audit.Event,
) -> None:
    """The same, with a statement for each table: what one inserts from arrays, Citus would send to all nodes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select statement_timestamp()")
        [(now,)] = cursor.fetchall()
        for row, origin in zip_longest(rows, origins):
            _set_stored_values(row, origin or Origin(), now)
        Memory.objects.bulk_create(rows, batch_size=BATCH)
        MemoryVector.objects.bulk_create(passages, batch_size=BATCH)
        tagged = [
            MemoryTag(memory_id=memory_id, tag_id=tag_id, owner_id=event.owner_id, since=since)
            for memory_id, tag_id, since in _list_tagged(rows, tags, origins)
        ]
        MemoryTag.objects.bulk_create(tagged, batch_size=BATCH)
        fetch_prepared(audit.RECORD, audit.build_event_params(event))
        work_queue.wake_workers_on_commit()
    audit.note_event(event)


def _set_stored_values(row: Memory, origin: Origin, now: datetime) -> None:
    row.created_at = origin.created_at or now
    row.updated_at = origin.updated_at or row.created_at
    row.written_at = origin.written_at or row.created_at
    row.version = origin.version
    row.index_due_at = now
    row._state.adding = row.has_successor = False


def _build_memory_params(rows: Sequence[Memory]) -> dict[str, str]:
    return {
        "source": rows[0].source,
        "ids": format_array(row.pk for row in rows),
        # The backslash of PostgreSQL's hexadecimal form is itself escaped within an array.
        "texts": format_array(f'"\\\\x{get_sealed_bytes(row, "text").hex()}"' for row in rows),
        "visibilities": format_array(row.visibility for row in rows),
        "expiries": _format_times(row.expires_at for row in rows),
        "conversations": format_array(row.conversation for row in rows),
        "positions": format_array(row.position for row in rows),
        "superseded": format_array(row.supersedes_id for row in rows),
        "pinned": format_array(row.pinned for row in rows),
    }


def _build_origin_params(rows: Sequence[Memory], origins: Sequence[Origin | None]) -> dict[str, str]:
    known = [origin or Origin() for origin in origins]
    return {
        "imported_ids": format_array(row.imported_id for row in rows),
        "created": _format_times(origin.created_at for origin in known),
        "updated": _format_times(origin.updated_at for origin in known),
        "written": _format_times(origin.written_at for origin in known),
        "versions": format_array(origin.version for origin in known),
    }


def _build_passage_params(rows: Sequence[MemoryVector]) -> dict[str, str]:
    lasts: list[int] = []
    tokens: list[int] = []
    for row in rows:
        tokens += row.tokens
        lasts.append(len(tokens))
    return {
        "of_memories": format_array(row.memory_id for row in rows),
        "numbers": format_array(row.passage for row in rows),
        "are_public": format_array(row.is_public for row in rows),
        "expire": _format_times(row.expires_at for row in rows),
        "first_tokens": format_array(
            last - len(row.tokens) + 1 for row, last in zip(rows, lasts, strict=True)
        ),
        "last_tokens": format_array(lasts),
        "sequences": format_array(row.sequence for row in rows),
        "tokens": format_array(tokens),
    }


def _build_tag_params(
    rows: Sequence[Memory], tags: Sequence[Collection[Tag]], origins: Sequence[Origin | None]
) -> dict[str, str]:
    items = _list_tagged(rows, tags, origins)
    return {
        "tagged": format_array(memory_id for memory_id, _, _ in items),
        "tags": format_array(tag_id for _, tag_id, _ in items),
        "tagged_since": format_array(version for _, _, version in items),
    }


def _list_tagged(
    rows: Sequence[Memory], tags: Sequence[Collection[Tag]], origins: Sequence[Origin | None]
) -> list[tuple[UUID, UUID, int]]:
    """Return memory, tag, and the version since which the memory has the tag."""
    return [
        (row.pk, tag.pk, origin.version if origin else 1)
        for row, row_tags, origin in zip_longest(rows, tags, origins)
        for tag in row_tags
    ]


def _format_times(values: Iterable[datetime | None]) -> str:
    return format_array(value and f'"{value.isoformat()}"' for value in values)
