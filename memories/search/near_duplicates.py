"""Memories with similar meaning: shown together, and replaced, linked or merged only by their owner.

Two memories may say the same, or one may replace the other; what differs between them (change_detection.py) decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Case, Count, F, QuerySet, When
from pgvector import HalfVector
from pgvector.django import MaxInnerProduct

from accounts.actor import Actor, InsufficientScope
from accounts.keys import get_person_key
from memories import scopes
from memories.errors import MemoryNotFound
from memories.index import vectors
from memories.index.languages import Language, get_owner_language
from memories.models import AuditAction, KeptPair, Memory, MemoryVector, Visibility
from memories.search.change_detection import SAME_SUBJECT, Difference, describe_update, find_contradictions
from memories.services import audit, proposals, reads, writes
from memories.services.supersession import attach_links, lock_links, take_over_links, with_successors
from memories.services.tags import attach_prefetched_tags, get_tags, with_tags
from memories.validation import limits

DUPLICATE_THRESHOLD = 0.9  # minimum cosine of likely duplicates (docs/decisions/0014-near-duplicates.md)
SIMILAR_THRESHOLD = 0.6  # minimum cosine of similar memories
MAX_SIMILAR = 5
MAX_CANDIDATES = 12  # nearest memories that are compared by their words
MAX_ROWS = 200  # nearest passages to the memory's first one
MERGE_SEPARATOR = "\n\n"  # between two merged texts


@dataclass(frozen=True)
class UpdateSuggestion:
    """That the newer of two memories may replace the older one, and what differs, the most telling first."""

    newer_id: UUID
    older_id: UUID
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class SimilarMemory:
    """A memory similar to another. The owner has not chosen to keep both if one of these is set.

    is_same: they are likely duplicates. update: one may replace the other; less similar memories are only listed
    because of it.
    """

    memory: Memory
    cosine: float
    is_same: bool
    update: UpdateSuggestion | None = None


def find_similar(actor: Actor, memory_id: UUID, *, limit: int = MAX_SIMILAR) -> list[SimilarMemory]:
    """Return the user's own memories similar to this one, most similar first; none before it is embedded.

    Exact: compares with every vector of the user. The similarity to a long memory is that of its least similar passage.
    """
    memory = reads.get_memory(actor, memory_id)
    similarities = _compute_similarities(actor, memory)
    nearest = sorted(similarities, key=lambda each: -similarities[each])[: max(limit, MAX_CANDIDATES)]
    own = Memory.objects.visible_to(actor, owner=actor.person)
    found = with_successors(with_tags(own, memory.owner_id), memory.owner_id).in_bulk(nearest)
    attach_prefetched_tags(actor, found.values())
    attach_links(actor, found.values())
    dismissed, lengths = _get_dismissed_ids(memory), _count_passages([memory, *found.values()])
    language = get_owner_language(actor.person)
    compared = []
    for each in (found[pk] for pk in nearest if pk in found):
        if each.pk not in dismissed and lengths[each.pk] == lengths[memory.pk] == 1:
            compared.append(compare_memories(memory, each, similarities[each.pk], language))
        else:
            is_same = (
                similarities[each.pk] >= DUPLICATE_THRESHOLD and lengths[each.pk] == lengths[memory.pk] > 0
            )
            is_open = is_same and each.pk not in dismissed
            compared.append(SimilarMemory(each, similarities[each.pk], is_open))
    shown = _select_shown(compared, limit)
    ids = [each.memory.pk for each in shown]
    audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=memory.owner_id, memory_ids=ids)
    return shown


def find_updates(actor: Actor, memory_id: UUID) -> list[SimilarMemory]:
    """Return the memories that may replace this one or be replaced by it; none before it is embedded."""
    return [each for each in find_similar(actor, memory_id) if each.update]


def compare_memories(one: Memory, other: Memory, cosine: float, language: Language) -> SimilarMemory:
    """Return what `other` is to `one`, by their texts. Both have one passage, and their links are attached."""
    is_same = cosine >= DUPLICATE_THRESHOLD and not _find_contradictions(one, other, language)
    return SimilarMemory(other, cosine, is_same, _suggest_update(one, other, cosine, language))


def _suggest_update(one: Memory, other: Memory, cosine: float, language: Language) -> UpdateSuggestion | None:
    """Return the suggestion to link two memories, unless links of theirs are in the way."""
    older, newer = sorted((one, other), key=lambda memory: (memory.created_at, memory.pk))
    if older.superseded_by or newer.superseded:
        return None
    texts = reads.decrypt_or_none(older), reads.decrypt_or_none(newer)
    differences = describe_update(texts[0] or "", texts[1] or "", cosine, language)
    return UpdateSuggestion(newer.pk, older.pk, tuple(differences)) if differences else None


def _find_contradictions(one: Memory, other: Memory, language: Language) -> list[Difference]:
    texts = reads.decrypt_or_none(one), reads.decrypt_or_none(other)
    return find_contradictions(texts[0] or "", texts[1] or "", language)


def _select_shown(compared: Sequence[SimilarMemory], limit: int) -> list[SimilarMemory]:
    """Return the similar memories, and of those that are less similar only the first that is an update."""
    shown = [each for each in compared if each.cosine >= SIMILAR_THRESHOLD][:limit]
    further = [each for each in compared if each.cosine < SIMILAR_THRESHOLD and each.update][:1]
    if any(each.update for each in shown):
        return shown
    return [*shown[: limit - len(further)], *further]


@audit.atomic()
def merge_memories(actor: Actor, one: UUID, other: UUID, *, merge: bool = False) -> Memory:
    """Merge two memories: the older gets the newer's text as a new version, the newer moves to trash.

    merge: append the newer's text to the older's instead. The result has the tags of both and the newer's expiry. It
    is public only if both are, so that no private text is published. It is pinned if one of them is, which no app can
    merge. It takes over the newer's links.
    """
    older, newer = _get_ordered_pair(actor, one, other)
    is_pinned = older.pinned or newer.pinned
    if is_pinned and actor.is_app:
        raise InsufficientScope("sign-in")
    lock_links(actor.person.pk, [older.pk, newer.pk])
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
        pinned=is_pinned,
    )
    writes.trash_memory(actor, newer.pk, expected_version=newer.version)
    take_over_links(actor, newer.pk, into=older.pk)
    attach_links(actor, [merged])
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


def _compute_similarities(actor: Actor, memory: Memory) -> dict[UUID, float]:
    """Return the cosines of the nearest memories by id.

    Those of a memory with several passages are above SIMILAR_THRESHOLD.
    """
    rows = MemoryVector.objects.filter(owner_id=memory.owner_id, memory=memory, embedding__isnull=False)
    stored = list(rows.order_by("passage").values_list("embedding", "space__encoder"))
    if not stored:
        return {}
    lists = [list(embedding or ()) for embedding, _ in stored]
    rotation = get_person_key(memory.owner_id).vector_rotation_key
    private = vectors.rotate_vectors(lists, rotation) if memory.is_public else lists
    public = lists if memory.is_public else vectors.unrotate_vectors(lists, rotation)
    others = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(
        space__encoder=stored[0][1], embedding__isnull=False
    )
    minimum = SIMILAR_THRESHOLD if len(lists) > 1 else SAME_SUBJECT
    found: list[dict[UUID, float]] = []
    for pair in zip(private, public, strict=True):
        # All vectors are read once, and for the other passages only those of the memories that are still possible.
        rows = others.filter(memory_id__in=list(found[-1])) if found else others
        found.append(_find_near_rows(rows, *pair, minimum, limit=None if found else MAX_ROWS))
    return {each: min(near[each] for near in found) for each in found[-1].keys() - {memory.pk}}


def _find_near_rows(
    others: QuerySet[MemoryVector],
    private: list[float],
    public: list[float],
    minimum: float,
    *,
    limit: int | None,
) -> dict[UUID, float]:
    """Return each memory's best cosine to a vector, given in the form of private and of public rows."""
    distance = Case(
        When(is_public=True, then=MaxInnerProduct("embedding", HalfVector(public))),
        default=MaxInnerProduct("embedding", HalfVector(private)),
    )
    near = others.annotate(distance=distance).filter(distance__lte=-minimum).order_by("distance")
    best: dict[UUID, float] = {}
    for memory_id, negative in near.values_list("memory_id", F("distance"))[:limit]:
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


def _count_passages(memories: Sequence[Memory]) -> dict[UUID, int]:
    """Return the number of passages per memory: duplicates have equally many, since a part is not a duplicate.

    It is 0 if a passage has no vector: what it means is unknown.
    """
    rows = MemoryVector.objects.filter(
        owner_id__in={memory.owner_id for memory in memories}, memory__in=[memory.pk for memory in memories]
    )
    counted = rows.values("memory_id").annotate(passages=Count("*"), embedded=Count("embedding"))
    found = counted.values_list("memory_id", "passages", "embedded")
    counts = {memory_id: passages for memory_id, passages, embedded in found if passages == embedded}
    return dict.fromkeys((memory.pk for memory in memories), 0) | counts
