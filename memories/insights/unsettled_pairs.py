"""Duplicates and possible updates among a user's newest memories that the user has not settled yet.

The newest memories are compared with each other by one product of matrices, so that the work does not grow with the
number of memories; a memory's own page compares it with all of them. What counts as a duplicate or an update is decided
as there (search/near_duplicates.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.actor import Actor
from core.db.standby import prefer_standby
from memories.index.languages import get_owner_language
from memories.insights.comparable_vectors import StoredPassage, load_newest_vectors, stack_vectors
from memories.insights.sessions import require_session
from memories.models import KeptPair, Memory
from memories.search.near_duplicates import SIMILAR_THRESHOLD, SimilarMemory, compare_memories
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import attach_prefetched_tags, with_tags

MAX_MEMORIES = 600  # newest ones that are compared
MAX_PAIRS = 24  # most similar ones whose texts are compared
Pair = tuple[UUID, UUID]  # the older memory, the newer one


@dataclass(frozen=True)
class UnsettledPair:
    """An older memory, and what a newer one is to it: a likely duplicate, or what may replace it."""

    older: Memory
    newer: SimilarMemory


@dataclass(frozen=True)
class UnsettledPairs:
    """Pairs, the most similar first. compared: how many memories were compared with each other."""

    pairs: Sequence[UnsettledPair]
    compared: int


@prefer_standby
def find_unsettled(actor: Actor) -> UnsettledPairs:
    """Return the pairs of the user's newest memories that the user can settle; none before they are embedded."""
    require_session(actor)
    rows = _load_rows(actor)
    similar = _find_similar_pairs(rows, actor)
    dismissed = _list_dismissed(actor, similar)
    nearest = [pair for pair in similar if pair not in dismissed][:MAX_PAIRS]
    memories = _load_memories(actor, {pk for pair in nearest for pk in pair})
    language = get_owner_language(actor.person)
    found = []
    for pair in nearest:
        if not memories.keys() >= {*pair}:
            continue
        older, newer = sorted((memories[pk] for pk in pair), key=lambda each: (each.created_at, each.pk))
        if older.superseded_by or newer.superseded_by:
            continue
        compared = compare_memories(older, newer, similar[pair], language)
        if compared.is_same or compared.update:
            found.append(UnsettledPair(older, compared))
    return UnsettledPairs(found, len(rows))


def _load_rows(actor: Actor) -> list[StoredPassage]:
    """Return the vectors of the newest memories that have only one: a part is no duplicate of a whole."""
    rows = load_newest_vectors(actor, MAX_MEMORIES)
    passages = Counter(row.memory_id for row in rows)
    return [row for row in rows if row.passage == 0 and passages[row.memory_id] == 1]


def _find_similar_pairs(rows: Sequence[StoredPassage], actor: Actor) -> dict[Pair, float]:
    """Return the cosines of all pairs that are similar, the most similar first."""
    import numpy as np

    if len(rows) < 2:
        return {}
    points = stack_vectors(rows, actor)
    cosines = np.triu(points @ points.T, 1)
    one, other = np.nonzero(cosines >= SIMILAR_THRESHOLD)
    order = np.argsort(-cosines[one, other], kind="stable")[: MAX_PAIRS * 10]
    found: dict[Pair, float] = {}
    for first, second in zip(one[order].tolist(), other[order].tolist(), strict=True):
        older, newer = sorted((rows[first].memory_id, rows[second].memory_id))
        found[older, newer] = min(float(cosines[first, second]), 1.0)
    return found


def _list_dismissed(actor: Actor, pairs: dict[Pair, float]) -> set[Pair]:
    kept = KeptPair.objects.filter(owner_id=actor.person.pk, first_id__in={older for older, _ in pairs})
    return set(kept.values_list("first_id", "second_id"))


def _load_memories(actor: Actor, ids: set[UUID]) -> dict[UUID, Memory]:
    seen = Memory.objects.visible_to(actor, owner=actor.person)
    found = with_successors(with_tags(seen, actor.person.pk), actor.person.pk).in_bulk(ids)
    attach_prefetched_tags(actor, found.values())
    attach_links(actor, found.values())
    return {**found}
