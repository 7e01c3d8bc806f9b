"""Memories with similar meaning: shown together, and replaced or merged only by their owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, QuerySet, When
from pgvector import HalfVector
from pgvector.django import MaxInnerProduct

from accounts.actor import Actor
from accounts.keys import get_person_key
from memories import scopes
from memories.errors import MemoryNotFound
from memories.index import vectors
from memories.models import AuditAction, KeptPair, Memory, MemoryVector, Visibility
from memories.services import audit, proposals, reads, writes
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import attach_prefetched_tags, get_tags, with_tags
from memories.validation import limits

DUPLICATE_THRESHOLD = 0.9  # minimum cosine of likely duplicates (docs/decisions/0014-near-duplicates.md)
SIMILAR_THRESHOLD = 0.6  # minimum cosine of similar memories
MAX_SIMILAR = 5
MERGE_SEPARATOR = "\n\n"  # between two merged texts


@dataclass(frozen=True)
class SimilarMemory:
    """A memory similar to another. is_same: they are likely duplicates, and the owner has not chosen to keep both."""

    memory: Memory
    cosine: float
    is_same: bool


def find_similar(actor: Actor, memory_id: UUID, *, limit: int = MAX_SIMILAR) -> list[SimilarMemory]:
    """Return the user's own memories similar to this one, most similar first; none before it is embedded.

    Exact: compares with every vector of the user. The similarity to a long memory is that of its least similar passage.
    """
    memory = reads.get_memory(actor, memory_id)
    similarities, passages = _compute_similarities(actor, memory)
    nearest = sorted(similarities, key=lambda each: -similarities[each])[:limit]
    found = with_successors(with_tags(Memory.objects.visible_to(actor, owner=actor.person))).in_bulk(nearest)
    attach_prefetched_tags(actor, found.values())
    attach_links(actor, found.values())
    audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=memory.owner_id, memory_ids=list(found))
    dismissed, lengths = _get_dismissed_ids(memory), _count_passages(found)
    return [
        SimilarMemory(
            found[each],
            similarities[each],
            similarities[each] >= DUPLICATE_THRESHOLD and lengths[each] == passages and each not in dismissed,
        )
        for each in nearest
        if each in found
    ]


def has_near_duplicate(actor: Actor, memory_id: UUID) -> bool:
    """Return whether another memory is a likely duplicate that the owner has not chosen to keep."""
    return any(each.is_same for each in find_similar(actor, memory_id))


@transaction.atomic
def merge_memories(actor: Actor, one: UUID, other: UUID, *, merge: bool = False) -> Memory:
    """Merge two memories: the older gets the newer's text as a new version, the newer moves to trash.

    merge: append the newer's text to the older's instead. The result has the tags of both and the newer's expiry. It
    is public only if both are, so that no private text is published.
    """
    older, newer = _get_ordered_pair(actor, one, other)
    names = [tag.name for memory in (older, newer) for tag in get_tags(memory)]
    is_public = older.is_public and newer.is_public
    if is_public:  # the public text changes
        actor.require_scope(scopes.PUBLISH)
    merged = writes.update_memory(
        actor,
        older.pk,
        expected_version=older.version,
        text=MERGE_SEPARATOR.join((older.text, newer.text)) if merge else newer.text,
        visibility=Visibility.PUBLIC if is_public else Visibility.PRIVATE,
        tags=limits.select_valid_tags(names),
        expires_at=newer.expires_at,
    )
    writes.trash_memory(actor, newer.pk, expected_version=newer.version)
    return merged


def dismiss_duplicate(actor: Actor, one: UUID, other: UUID) -> None:
    """Record that the user keeps both memories, so that they are not asked again."""
    first, second = _get_ordered_pair(actor, one, other)
    KeptPair.objects.get_or_create(owner=actor.person, first=first, second=second)


def _get_ordered_pair(actor: Actor, one: UUID, other: UUID) -> tuple[Memory, Memory]:
    """Return both memories, the older first. Raises MemoryNotFound if they are the same one."""
    actor.require_scope(scopes.WRITE)
    proposals.require_approver(actor)
    if one == other:
        raise MemoryNotFound
    first, second = sorted((one, other))
    return reads.get_memory(actor, first), reads.get_memory(actor, second)


def _compute_similarities(actor: Actor, memory: Memory) -> tuple[dict[UUID, float], int]:
    """Return the cosines of memories above SIMILAR_THRESHOLD by id, and this memory's number of passages."""
    rows = MemoryVector.objects.filter(owner_id=memory.owner_id, memory=memory, embedding__isnull=False)
    stored = list(rows.order_by("passage").values_list("embedding", "space__encoder"))
    if not stored:
        return {}, 0
    lists = [list(embedding or ()) for embedding, _ in stored]
    rotation = get_person_key(memory.owner_id).vector_rotation_key
    private = vectors.rotate_vectors(lists, rotation) if memory.is_public else lists
    public = lists if memory.is_public else vectors.unrotate_vectors(lists, rotation)
    others = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(
        space__encoder=stored[0][1], embedding__isnull=False
    )
    found = [_find_near_rows(others, *pair) for pair in zip(private, public, strict=True)]
    in_all = set.intersection(*map(set, found)) - {memory.pk}
    return {each: min(near[each] for near in found) for each in in_all}, len(lists)


def _find_near_rows(
    others: QuerySet[MemoryVector], private: list[float], public: list[float]
) -> dict[UUID, float]:
    """Return each memory's best cosine to a vector, given in the form of private and of public rows."""
    distance = Case(
        When(is_public=True, then=MaxInnerProduct("embedding", HalfVector(public))),
        default=MaxInnerProduct("embedding", HalfVector(private)),
    )
    near = others.annotate(distance=distance).filter(distance__lte=-SIMILAR_THRESHOLD)
    best: dict[UUID, float] = {}
    for memory_id, negative in near.values_list("memory_id", F("distance")):
        # Vectors rounded to halfvecs can be slightly longer than one.
        best[memory_id] = max(best.get(memory_id, -1.0), min(-negative, 1.0))
    return best


def _get_dismissed_ids(memory: Memory) -> set[UUID]:
    pairs = KeptPair.objects.filter(owner_id=memory.owner_id).values_list("first_id", "second_id")
    return {
        each
        for pair in pairs.filter(first=memory) | pairs.filter(second=memory)
        for each in pair
        if each != memory.pk
    }


def _count_passages(found: Mapping[UUID, Memory]) -> dict[UUID, int]:
    """Return the number of passages per memory: duplicates have equally many, since a part is not a duplicate."""
    counts = dict.fromkeys(found, 0)
    for memory_id in MemoryVector.objects.filter(memory__in=found).values_list("memory_id", flat=True):
        counts[memory_id] += 1
    return counts
