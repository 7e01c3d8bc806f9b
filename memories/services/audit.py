"""The audit log of who did what to which memories. It contains ids, never a text."""

from collections.abc import Iterable
from uuid import UUID

from accounts.actor import Actor
from accounts.ids import new_id
from core.db.prepared import fetch_prepared
from core.db.principal import acting_for
from memories.models import AuditAction

# Handwritten SQL: every read of an app writes an event, and the ORM would take longer than PostgreSQL itself.
RECORD = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids)
values (%(line)s, %(owner)s, %(actor)s, %(door)s, %(client)s, %(action)s, %(memories)s::uuid[])
returning id
"""


def record_event(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Record an event in the transaction of the action. An action on no memory is not recorded."""
    if ids := list(memory_ids):
        with acting_for(owner_id):  # the log of another person, whose persona was asked
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
    """Record what an app or another user read. Users' own reads in their own session are not recorded."""
    if actor.is_app or actor.user is None or actor.user.pk != owner_id:
        record_event(actor, action, owner_id=owner_id, memory_ids=memory_ids)


def record_account_event(by: Actor, action: AuditAction) -> None:
    """Record what a user did to their own account: an event without memories."""
    with acting_for(by.person.pk):  # a link in an e-mail restores an account
        fetch_prepared(RECORD, build_event_params(by, action, by.person.pk, []))
