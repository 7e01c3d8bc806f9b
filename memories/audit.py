"""The record of who did what to which memories. It holds ids and never a text."""

from collections.abc import Iterable
from uuid import UUID

from accounts.actor import Actor
from memories.models import AuditAction, AuditEvent


def record(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Write one line, in the transaction of the act. Nothing is written for an act on no memory."""
    ids = list(memory_ids)
    if not ids:
        return
    AuditEvent.objects.create(
        owner_id=owner_id,
        actor_id=actor.user.pk if actor.user else None,
        door=actor.door,
        client_id=actor.client_id or "",
        action=action,
        memory_ids=ids,
    )


def record_read(actor: Actor, action: AuditAction, *, owner_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Write down what an app, or another person, read. One's own reading by one's own session is no event."""
    if actor.is_app or actor.user is None or actor.user.pk != owner_id:
        record(actor, action, owner_id=owner_id, memory_ids=memory_ids)
