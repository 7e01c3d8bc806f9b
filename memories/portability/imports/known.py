"""What the user has already: their texts, by digests that exist only in this process, and their ids.

Nothing stored reveals which texts are equal. Everything is limited to what the actor may see, the trash too.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from accounts.actor import Actor
from memories.models import ImportBatch, ImportState, Memory, MemoryRevision, StagedMemories
from memories.models.visibility import build_revision_q
from memories.services.reads import decrypt_or_none
from memories.services.tags import attach_prefetched_tags, get_tags, set_prefetched_tags, with_tags

BATCH_SIZE = 2_000
COMPARED = (
    "owner_id",
    "imported_id",
    "text",
    "visibility",
    "expires_at",
    "pinned",
    "updated_at",
    "written_at",
)

IMPORTED = Q(imported_id__isnull=False)  # lets the partial index be used


def digest_text(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class KnownMemories:
    """digests: of each text that a memory has or had. trashed_digests, trashed_ids: of those in the trash."""

    actor: Actor
    digests: Mapping[bytes, UUID]
    trashed_digests: Collection[bytes]
    trashed_ids: Collection[UUID]

    def find(self, ids: Collection[UUID]) -> dict[UUID, Memory]:
        """Return memories by their ids on this server, or else by those of the file that they were imported from."""
        if not ids:
            return {}
        own = Memory.objects.visible_to(self.actor, owner=self.actor.person).only(*COMPARED)
        listed = RawSQL("select unnest(%s::uuid[])", [list(ids)])
        imported = {memory.imported_id: memory for memory in own.filter(IMPORTED, imported_id__in=listed)}
        stored = {key: memory for key, memory in imported.items() if key is not None}
        return stored | {memory.pk: memory for memory in own.filter(pk__in=listed)}

    def attach_tags(self, memories: Collection[Memory]) -> None:
        """Prefetch the tags of memories that may change."""
        if memories:
            owner_id = self.actor.person.pk
            tagged = with_tags(Memory.objects.filter(owner_id=owner_id), owner_id)
            found = tagged.only("pk", "owner_id").in_bulk([memory.pk for memory in memories])
            attach_prefetched_tags(self.actor, found.values())
            for memory in memories:
                set_prefetched_tags(memory, list(get_tags(found[memory.pk])) if memory.pk in found else [])


def load_known_memories(actor: Actor) -> KnownMemories:
    """Load the digests of all texts that the actor can read, including earlier versions: an edited text is known."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    trash, undone = Memory.objects.trash_visible_to(actor), _load_undone_ids(actor)
    pairs = [pair for pair in trash.values_list("pk", "imported_id") if pair[0] not in undone]
    return KnownMemories(
        actor,
        dict(_iterate_digests(actor, own)),
        {digest for digest, memory_id in _iterate_digests(actor, trash) if memory_id not in undone},
        {each for pair in pairs for each in pair if each is not None},
    )


def _iterate_digests(actor: Actor, memories: QuerySet[Memory]) -> Iterator[tuple[bytes, UUID]]:
    """Yield the digests of earlier texts first, so that a memory that has a text now comes after one that had it."""
    revisions = MemoryRevision.objects.filter(
        build_revision_q(actor), owner_id=actor.person.pk, memory_id__in=memories.values("pk")
    )
    for revision in revisions.only("pk", "owner_id", "memory_id", "text").iterator(chunk_size=BATCH_SIZE):
        if (text := decrypt_or_none(revision)) is not None:
            yield digest_text(text), revision.memory_id
    for memory in memories.only("pk", "owner_id", "text").iterator(chunk_size=BATCH_SIZE):
        if (text := decrypt_or_none(memory)) is not None:
            yield digest_text(text), memory.pk


def _load_undone_ids(actor: Actor) -> set[UUID]:
    """Return the memories in the trash because their import was undone, and not because the user deleted them."""
    owner_id = actor.person.pk
    undone = ImportBatch.objects.filter(owner_id=owner_id, state=ImportState.UNDONE)
    ids: set[UUID] = set()
    for batch in undone.only("pk", "finished_at"):
        for row in StagedMemories.objects.filter(owner_id=owner_id, batch_id=batch.pk).only("memory_ids"):
            trash = Memory.objects.filter(
                owner_id=owner_id, pk__in=row.memory_ids, deleted_at__lte=batch.finished_at
            )
            ids.update(trash.values_list("pk", flat=True))
    return ids
