"""The record of who did what to which memories. It holds ids and never a text."""

from collections.abc import Iterable
from uuid import UUID

from accounts.actor import Actor
from accounts.ids import new_id
from core.db.prepared import fetch_prepared
from memories.models import AuditAction

# By hand: every read of an app writes one, and the ORM would take longer to say it than PostgreSQL to do it.
RECORD = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
values (%(line)s, %(owner)s, %(actor)s, %(door)s, %(client)s, %(action)s, %(memories)s::uuid[])
returning id
"""


def record_event(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Write one line, in the transaction of the act. Nothing is written for an act on no memory."""
    if ids := list(memory_ids):
        fetch_prepared(RECORD, build_event_params(actor, action, owner_id, ids))


def build_event_params(
    actor: Actor, action: AuditAction, owner_id: UUID, memory_ids: list[UUID]
) -> dict[str, object]:
    """What RECORD needs, for a statement that does the act too."""
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
    """Write down what an app, or another person, read. One's own reading by one's own session is no event."""
    if actor.is_app or actor.user is None or actor.user.pk != owner_id:
        record_event(actor, action, owner_id=owner_id, memory_ids=memory_ids)


def record_account_event(by: Actor, action: AuditAction) -> None:
    """Write down what a person did to their own account: a line of no memory."""
    fetch_prepared(RECORD, build_event_params(by, action, by.person.pk, []))
