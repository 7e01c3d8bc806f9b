"""Places in conversations. Each is of one memory, so that a memory has few neighbors and search is linear."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.db.locks import OwnerLock, lock_owner
from core.db.prepared import fetch_prepared
from memories.models import Memory, MemoryVector
from memories.validation.drafts import MAX_POSITION

Place = tuple[UUID, int]

# `limit 1` forces an index lookup per place, as in search/ranking.py.
TAKEN = """
select id, memory.conversation, memory.position, is_hidden
from unnest(%s::uuid[], %s::int[]) wanted (conversation, position), lateral (
  select id, conversation, position,
         deleted_at is not null or coalesce(expires_at <= statement_timestamp(), false) as is_hidden
  from memories_memory
  where owner_id = %s and conversation = wanted.conversation and position = wanted.position limit 1) memory
"""


def assign_places(owner_id: UUID, rows: Sequence[Memory]) -> None:
    """Give each new memory of a conversation a place of its own: the next free one if its place is taken.

    A memory in the trash, or expired, gives up its place: an app must not learn of it. Beyond MAX_POSITION, a memory
    has no place. Needs a transaction.
    """
    wanted = {
        row.pk: (row.conversation, row.position)
        for row in rows
        if row.conversation is not None and row.position is not None
    }
    if not wanted:
        return
    lock_owner(OwnerLock.PLACES, owner_id)
    params = [[of for of, _ in wanted.values()], [at for _, at in wanted.values()], owner_id]
    taken = fetch_prepared(TAKEN, [*params])
    _release_places(owner_id, {memory_id for memory_id, _, _, is_hidden in taken if is_hidden})
    crowded = {conversation for _, conversation, _, is_hidden in taken if not is_hidden}
    crowded |= {conversation for (conversation, _), count in Counter(wanted.values()).items() if count > 1}
    if not crowded:
        return
    stored = Memory.objects.filter(owner_id=owner_id, conversation__in=crowded)
    pairs = stored.values_list("conversation", "position")
    free = _FreePlaces({(of, at): at + 1 for of, at in pairs if of is not None and at is not None})
    for row in rows:
        if row.pk in wanted:
            row.position = free.take(*wanted[row.pk])
            row.conversation = None if row.position is None else row.conversation


@dataclass
class _FreePlaces:
    """following: of each place that is taken, a later position before which none is free."""

    following: dict[Place, int] = field(default_factory=dict)

    def take(self, conversation: UUID, position: int) -> int | None:
        """Return the first free position from this one on, which is then taken; None beyond MAX_POSITION."""
        passed = []
        while (following := self.following.get((conversation, position))) is not None:
            passed.append(position)
            position = following
        for each in [*passed, position]:
            self.following[conversation, each] = position + 1
        return position if position <= MAX_POSITION else None


def _release_places(owner_id: UUID, memory_ids: Collection[UUID]) -> None:
    if memory_ids:
        own = Memory.objects.filter(owner_id=owner_id, pk__in=memory_ids)
        own.update(conversation=None, position=None)
        MemoryVector.objects.filter(owner_id=owner_id, memory_id__in=memory_ids).update(sequence=None)
