"""Who read one of the user's memories."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.actor import Actor
from accounts.models import User
from memories.clients import names as client_names
from memories.insights.sessions import require_session
from memories.models import ANONYMOUS_ID, MemoryUse, UseKind
from memories.services import reads as memory_reads


@dataclass(frozen=True)
class MemoryReader:
    """A reader of a memory: one of the user's apps by name, another user by handle, or an anonymous user (none)."""

    app: str
    client_id: str
    handle: str
    times: int
    last_at: datetime


def list_readers(actor: Actor, memory_id: UUID) -> list[MemoryReader]:
    """Return who read one of the user's memories, most recent first, within the retention of the audit log."""
    require_session(actor)
    memory = memory_reads.get_memory(actor, memory_id)
    reads = MemoryUse.objects.filter(owner_id=memory.owner_id, memory_id=memory.pk, kind=UseKind.READ)
    readers = list(reads.values("client_id", "actor_id", "times", "last_at").order_by("-last_at"))
    names = client_names.get_client_names(memory.owner_id, (f":{each['client_id']}" for each in readers))
    others = User.objects.in_bulk({each["actor_id"] for each in readers} - {ANONYMOUS_ID, memory.owner_id})
    handles = {pk: user.handle for pk, user in others.items()}
    return [
        MemoryReader(
            app=names.get(each["client_id"], each["client_id"]),
            client_id=each["client_id"],
            handle=handles.get(each["actor_id"], ""),
            times=each["times"],
            last_at=each["last_at"],
        )
        for each in readers
    ]
