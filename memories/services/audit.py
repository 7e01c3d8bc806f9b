"""The audit log of who did what to which memories. It contains ids, never a text.

Whatever an app or another user is told of a memory is in it, by an answer or by an error: so what a transaction read
stays on record if the transaction fails (`atomic`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, transaction

from accounts.actor import Actor
from accounts.ids import new_id
from accounts.rate_limits import (
    CONSUME_ONE_SQL,
    CONSUME_SQL,
    RateLimit,
    build_exceeded_error,
    enforce_rate_limit,
)
from core.db.distribution import is_distributed
from core.db.prepared import fetch_prepared
from core.db.principal import acting_for
from memories.models import AuditAction
from memories.models.compiled import Statement

# Handwritten SQL: every read of an app writes an event, and the ORM would take longer than PostgreSQL itself.
RECORD = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
values (%(line)s, %(owner)s, %(actor)s, %(door)s, %(client)s, %(action)s, %(memories)s::uuid[])
returning id
"""
# If the app may still read so many memories today; otherwise returns no row and records nothing.
RECORD_COUNTED = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
select %(line)s::uuid, %(owner)s::uuid, %(actor)s::uuid, %(door)s, %(client)s, %(action)s, {memories}
where exists (select from counted)
returning id
"""
RECORD_WITHIN_LIMIT = f"""
with counted as ({CONSUME_ONE_SQL}) {RECORD_COUNTED.replace("{memories}", "%(memories)s::uuid[]")}
"""
# Seconds of the limit that the memories shown cost, at most all that are allowed.
COST = "least(greatest((select count(*) from shown), %(least)s) * %(cost)s::float8, %(window)s::float8)"
READER = "select %(key)s where exists (select from shown)"
# The same for the rows of a statement of memories, which it returns with whether they may be shown: all or none.
READ_WITHIN_LIMIT = f"""
with found as materialized ({{rows}}),
shown as materialized (select id from found order by id desc limit %(limit)s),
counted as ({CONSUME_SQL.replace("{key}", READER).replace("%(cost)s", COST)}),
recorded as ({RECORD_COUNTED.replace("{memories}", "array(select id from shown)")})
select exists (select from recorded), found.* from found order by id desc
"""  # noqa: S608 - put together from constants # nosec B608
MAX_IDS = 1_000  # of an event; more memories become several events
MIN_READ = 5  # memories that a read counts at least, since its event takes room as well
# After these an answer has no text of the memory: it is gone, or not yet one.
WITHOUT_TEXT = frozenset(
    {
        AuditAction.MEMORY_TRASH,
        AuditAction.MEMORY_DELETE,
        AuditAction.MEMORY_PROPOSE,
        AuditAction.MEMORY_DECLINE,
    }
)


@dataclass(frozen=True)
class Event:
    """An event about memories."""

    actor: Actor
    action: AuditAction
    owner_id: UUID
    memory_ids: tuple[UUID, ...]


@dataclass
class Block:
    """What is recorded in a transaction, and what is to be recorded unless something else names the memory."""

    events: list[Event] = field(default_factory=list)
    reads: list[Event] = field(default_factory=list)
    touched: list[Event] = field(default_factory=list)

    def list_readable_ids(self) -> list[UUID]:
        """Return the memories whose texts an answer may have."""
        gone = {pk for event in self.events if event.action in WITHOUT_TEXT for pk in event.memory_ids}
        named = (pk for event in self.events for pk in event.memory_ids if pk not in gone)
        return list(dict.fromkeys(named))

    def merge_unnamed(self) -> list[Event]:
        """Return the reads of what was touched and is not in an event, one for each actor and owner."""
        named = {pk for event in self.events for pk in event.memory_ids}
        merged: dict[tuple[Actor, UUID], dict[UUID, None]] = {}
        for event in self.touched:
            ids = {pk: None for pk in event.memory_ids if pk not in named}
            merged.setdefault((event.actor, event.owner_id), {}).update(ids)
        return [
            Event(actor, AuditAction.MEMORY_READ, owner_id, tuple(ids))
            for (actor, owner_id), ids in merged.items()
        ]


_current: ContextVar[Block | None] = ContextVar("audited block", default=None)


@contextmanager
def atomic() -> Iterator[Block]:
    """A transaction whose reads are recorded also if it fails: the error may tell of them. Also a decorator.

    Not after an error of the database, which tells nothing and is not followed by a statement.
    """
    outer, block = _current.get(), Block()
    token = _current.set(block)
    try:
        with transaction.atomic():
            yield block
            for read in block.merge_unnamed():
                _record(read, is_read=True)
    except Error:
        raise
    except Exception:
        _current.reset(token)
        for read in (*block.reads, *block.merge_unnamed()):
            _record(read, is_read=True)
        raise
    else:
        if outer is not None:
            outer.events += block.events
            outer.reads += block.reads
    finally:
        if _current.get() is block:
            _current.reset(token)


def record_event(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Record an event in the transaction of the action. An action on no memory is not recorded."""
    _record(Event(actor, action, owner_id, tuple(memory_ids)))


def record_read(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Record what an app or another user read. Users' own reads in their own session are not recorded.

    Raises RateLimitExceeded if the app read too many memories within a day. Call it before the answer leaves.
    """
    if _is_recorded(actor, owner_id):
        _record(Event(actor, action, owner_id, tuple(memory_ids)), is_read=True)


def fetch_read(actor: Actor, action: AuditAction, rows: Statement, *, limit: int) -> list[tuple[Any, ...]]:
    """Return rows of the user's own memories, the newest first; if an app reads them, record the first `limit`.

    As `record_read` does, but in the same statement. rows: selects `id` first. limit: at most MAX_IDS. Raises
    RateLimitExceeded.
    """
    if not actor.is_app:
        return fetch_prepared(rows.sql, list(rows.params))
    if is_distributed():
        return _read_then_record(actor, action, rows, limit)
    allowed, reader = get_read_limit(), _get_reader(actor)
    params = build_event_params(Event(actor, action, actor.person.pk, ())) | allowed.build_params(reader)
    params |= rows.named_params | {"limit": limit, "least": MIN_READ}
    found = fetch_prepared(READ_WITHIN_LIMIT.replace("{rows}", rows.named_sql), params)
    ids = tuple(row[1] for row in found[:limit])
    if ids and not found[0][0]:
        raise build_exceeded_error(allowed, allowed.build_params(reader, max(len(ids), MIN_READ)))
    note_event(Event(actor, action, actor.person.pk, ids), is_read=True)
    return [row[1:] for row in found]


def _read_then_record(
    actor: Actor, action: AuditAction, rows: Statement, limit: int
) -> list[tuple[Any, ...]]:
    """The same in several statements: one that runs on a node cannot count in a table of the coordinator."""
    found = fetch_prepared(rows.sql, list(rows.params))
    record_read(actor, action, owner_id=actor.person.pk, memory_ids=tuple(row[0] for row in found[:limit]))
    return found


def touch(actor: Actor, memory_ids: Iterable[UUID]) -> None:
    """Record a read of the actor's own memories, unless another event of this block names them.

    For whatever the outcome tells about: that nothing changed, or why something could not.
    """
    if not _is_recorded(actor, actor.person.pk):
        return
    event = Event(actor, AuditAction.MEMORY_READ, actor.person.pk, tuple(memory_ids))
    if (block := _current.get()) is not None:
        block.touched.append(event)
    else:
        _record(event, is_read=True)


def build_event_params(event: Event) -> dict[str, object]:
    """Return the parameters of RECORD, for a statement that also performs the action; then call `note_event`."""
    return {
        "line": new_id(),
        "owner": event.owner_id,
        "actor": event.actor.user.pk if event.actor.user else None,
        "door": event.actor.door.value,
        "client": event.actor.client_id or "",
        "action": event.action.value,
        "memories": list(event.memory_ids),
    }


def note_event(event: Event, *, is_read: bool = False) -> None:
    """Add a recorded event to the block."""
    if (block := _current.get()) is not None:
        block.events.append(event)
        if is_read:
            block.reads.append(event)


def enforce_read_limit(actor: Actor, count: int) -> None:
    """Count memories that an app is going to read; `record_event` then records them. Raises RateLimitExceeded."""
    if actor.is_app and count:
        enforce_rate_limit(get_read_limit(), _get_reader(actor), count)


def get_read_limit() -> RateLimit:
    """Return the limit of memories that one app of a user reads within a day."""
    return RateLimit(
        "reads", settings.READS_PER_APP_PER_DAY, 86_400.0, "This app read too many memories today."
    )


def record_account_event(by: Actor, action: AuditAction, *, owner_id: UUID) -> None:
    """Record what the user or an administrator did to an account: an event without memories."""
    with acting_for(owner_id):  # a link in an e-mail restores an account
        fetch_prepared(RECORD, build_event_params(Event(by, action, owner_id, ())))


def _is_recorded(actor: Actor, owner_id: UUID) -> bool:
    return actor.is_app or actor.user is None or actor.user.pk != owner_id


def _record(event: Event, *, is_read: bool = False) -> None:
    limit = get_read_limit() if is_read and event.actor.is_app else None
    for start in range(0, len(event.memory_ids), MAX_IDS):
        part = replace(event, memory_ids=event.memory_ids[start : start + MAX_IDS])
        with acting_for(event.owner_id):  # the log of another person, whose persona was asked
            _insert_event(part, limit)
        note_event(part, is_read=is_read)


def _insert_event(event: Event, limit: RateLimit | None) -> None:
    params = build_event_params(event)
    if limit is None:
        fetch_prepared(RECORD, params)
        return
    count = max(len(event.memory_ids), MIN_READ)
    if is_distributed():
        enforce_rate_limit(limit, _get_reader(event.actor), count)
        fetch_prepared(RECORD, params)
        return
    params |= limit.build_params(_get_reader(event.actor), count)
    if not fetch_prepared(RECORD_WITHIN_LIMIT, params):
        raise build_exceeded_error(limit, params)


def _get_reader(actor: Actor) -> str:
    return f"{actor.person.pk}:{actor.client_id}"
