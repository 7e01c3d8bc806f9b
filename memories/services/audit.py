"""The audit log of who did what to which memories. It contains ids, never a text."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from accounts.actor import Actor
from accounts.ids import new_id
from accounts.rate_limits import CONSUME_ONE_SQL, RateLimit, build_exceeded_error, enforce_rate_limit
from core.db.prepared import fetch_prepared
from memories.models import AuditAction

# Handwritten SQL: every read of an app writes an event, and the ORM would take longer than PostgreSQL itself.
RECORD = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
values (%(line)s, %(owner)s, %(actor)s, %(door)s, %(client)s, %(action)s, %(memories)s::uuid[])
returning id
"""
# The same if the app may still read so many memories today; otherwise returns no row and records nothing.
RECORD_WITHIN_LIMIT = f"""
with counted as ({CONSUME_ONE_SQL})
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
select %(line)s::uuid, %(owner)s::uuid, %(actor)s::uuid, %(door)s, %(client)s, %(action)s, %(memories)s::uuid[]
where exists (select from counted)
returning id
"""  # noqa: S608 - put together from constants # nosec B608
MAX_IDS = 1_000  # of an event; more memories become several events
MIN_READ = 5  # memories that a read counts at least, since its event takes room as well


def record_event(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Record an event in the transaction of the action. An action on no memory is not recorded."""
    for ids in _split_ids(memory_ids):
        fetch_prepared(RECORD, build_event_params(actor, action, owner_id, ids))


def build_event_params(
    actor: Actor, action: AuditAction, owner_id: UUID, memory_ids: list[UUID]
) -> dict[str, object]:
    """Return the parameters of RECORD, for a statement that also performs the action."""
    return {
        "line": new_id(),
        "owner": owner_id,
        "actor": actor.user.pk if actor.user else None,
        "door": actor.door.value,
        "client": actor.client_id or "",
        "action": action.value,
        "memories": memory_ids,
    }


def record_read(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Record what an app or another user read. Users' own reads in their own session are not recorded.

    Raises RateLimitExceeded if the app read too many memories within a day. Call it before the answer leaves.
    """
    if not actor.is_app:
        if actor.user is None or actor.user.pk != owner_id:
            record_event(actor, action, owner_id=owner_id, memory_ids=memory_ids)
        return
    limit = get_read_limit()
    for ids in _split_ids(memory_ids):
        params = build_event_params(actor, action, owner_id, ids)
        params |= limit.build_params(_get_reader(actor), max(len(ids), MIN_READ))
        if not fetch_prepared(RECORD_WITHIN_LIMIT, params):
            raise build_exceeded_error(limit, params)


def enforce_read_limit(actor: Actor, count: int) -> None:
    """Count memories that an app is going to read; `record_event` then records them. Raises RateLimitExceeded."""
    if actor.is_app and count:
        enforce_rate_limit(get_read_limit(), _get_reader(actor), count)


def get_read_limit() -> RateLimit:
    """Return the limit of memories that one app of a user reads within a day."""
    return RateLimit(
        "reads", settings.READS_PER_APP_PER_DAY, 86_400.0, "This app read too many memories today."
    )


def _get_reader(actor: Actor) -> str:
    return f"{actor.person.pk}:{actor.client_id}"


def _split_ids(memory_ids: Iterable[UUID]) -> Iterable[list[UUID]]:
    ids = list(memory_ids)
    return (ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS))


def record_account_event(by: Actor, action: AuditAction) -> None:
    """Record what a user did to their own account: an event without memories."""
    fetch_prepared(RECORD, build_event_params(by, action, by.person.pk, []))
