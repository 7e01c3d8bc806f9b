"""Memories near in meaning: shown beside one another, and replaced or merged only when their owner says so."""

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
from memories.index.work_queue import get_space_identity
from memories.models import AuditAction, KeptPair, Memory, MemoryVector, Visibility
from memories.services import audit, proposals, reads, writes
from memories.services.tags import attach_prefetched_tags, get_tags, with_tags
from memories.validation import limits

DUPLICATE_THRESHOLD = (
    0.9  # cosine from which two memories are said to mean the same (docs/decisions/0014-near-duplicates.md)
)
SIMILAR_THRESHOLD = 0.6  # from which one is worth showing beside the other
MAX_SIMILAR = 5
MERGE_SEPARATOR = "\n\n"  # between the texts of two memories that become one


@dataclass(frozen=True)
class SimilarMemory:
    """A memory near another. is_same: both mean the same, and their owner has not said yet to keep both."""

    memory: Memory
    cosine: float
    is_same: bool


def find_similar(actor: Actor, memory_id: UUID, *, limit: int = MAX_SIMILAR) -> list[SimilarMemory]:
    """Of the person's own memories those near this one, nearest first; none before it is embedded.

    Exact: compared with every vector of the person. A long memory is as near as its passage that is least near.
    """
    memory = reads.get_memory(actor, memory_id)
    nearness, passages = _compute_similarities(actor, memory)
    nearest = sorted(nearness, key=lambda each: -nearness[each])[:limit]
    found = with_tags(Memory.objects.visible_to(actor, owner=actor.person)).in_bulk(nearest)
    attach_prefetched_tags(actor, found.values())
    audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=memory.owner_id, memory_ids=list(found))
    kept, lengths = _get_dismissed_ids(memory), _count_passages(found)
    return [
        SimilarMemory(
            found[each],
            nearness[each],
            nearness[each] >= DUPLICATE_THRESHOLD and lengths[each] == passages and each not in kept,
        )
        for each in nearest
        if each in found
    ]


def has_near_duplicate(actor: Actor, memory_id: UUID) -> bool:
    """Whether another memory means the same as this one, and its owner has not said to keep both."""
    return any(each.is_same for each in find_similar(actor, memory_id))


@transaction.atomic
def merge_memories(actor: Actor, one: UUID, other: UUID, *, merge: bool = False) -> Memory:
    """Make one memory of two: the older takes the newer's text as a new version, the newer goes to the trash.

    merge: the older keeps its text, and the newer's follows it. The tags of both stay. It is public only if both
    were, for nobody said that the private text may be known; and it ends when the newer was to end.
    """
    older, newer = _get_ordered_pair(actor, one, other)
    names = [tag.name for memory in (older, newer) for tag in get_tags(memory)]
    is_public = older.is_public and newer.is_public
    if is_public:  # to everybody, the older says something else then
        actor.require_scope(scopes.PUBLISH)
    united = writes.update_memory(
        actor,
        older.pk,
        expected_version=older.version,
        text=MERGE_SEPARATOR.join((older.text, newer.text)) if merge else newer.text,
        visibility=Visibility.PUBLIC if is_public else Visibility.PRIVATE,
        tags=limits.select_valid_tags(names),
        expires_at=newer.expires_at,
    )
    writes.trash_memory(actor, newer.pk, expected_version=newer.version)
    return united


def dismiss_duplicate(actor: Actor, one: UUID, other: UUID) -> None:
    """Remember that these two are kept though they mean the same, so that it is not asked again."""
    first, second = _get_ordered_pair(actor, one, other)
    KeptPair.objects.get_or_create(owner=actor.person, first=first, second=second)


def _get_ordered_pair(actor: Actor, one: UUID, other: UUID) -> tuple[Memory, Memory]:
    """The older first, to be written. A memory is no other one beside itself."""
    actor.require_scope(scopes.WRITE)
    proposals.require_approver(actor)
    if one == other:
        raise MemoryNotFound
    first, second = sorted((one, other))
    return reads.get_memory(actor, first), reads.get_memory(actor, second)


def _compute_similarities(actor: Actor, memory: Memory) -> tuple[dict[UUID, float], int]:
    """By id the cosine of each memory that is SIMILAR to this one, and how many passages this one has."""
    rows = MemoryVector.objects.filter(
        owner_id=memory.owner_id, memory=memory, space__identity=get_space_identity(), embedding__isnull=False
    )
    lists = [list(row.embedding) for row in rows.order_by("passage")]
    if not lists:
        return {}, 0
    rotation = get_person_key(memory.owner_id).vector_rotation_key
    private = vectors.rotate_vectors(lists, rotation) if memory.is_public else lists
    public = lists if memory.is_public else vectors.unrotate_vectors(lists, rotation)
    others = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(
        space__identity=get_space_identity(), embedding__isnull=False
    )
    found = [_find_near_rows(others, *pair) for pair in zip(private, public, strict=True)]
    in_all = set.intersection(*map(set, found)) - {memory.pk}
    return {each: min(near[each] for near in found) for each in in_all}, len(lists)


def _find_near_rows(
    others: QuerySet[MemoryVector], private: list[float], public: list[float]
) -> dict[UUID, float]:
    """By memory, the cosine of its passage nearest to this vector, given as in private and as in public rows."""
    distance = Case(
        When(is_public=True, then=MaxInnerProduct("embedding", HalfVector(public))),
        default=MaxInnerProduct("embedding", HalfVector(private)),
    )
    near = others.annotate(distance=distance).filter(distance__lte=-SIMILAR_THRESHOLD)
    best: dict[UUID, float] = {}
    for memory_id, negative in near.values_list("memory_id", F("distance")):
        # Vectors rounded to halfvecs can be a little longer than one.
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
    """Two that mean the same are about equally long: a part is not the whole."""
    counts = dict.fromkeys(found, 0)
    for memory_id in MemoryVector.objects.filter(memory__in=found).values_list("memory_id", flat=True):
        counts[memory_id] += 1
    return counts
