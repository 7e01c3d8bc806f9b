"""What the ranking statement reads of each passage and of its neighbors (FROM_ROWS), computed from a process's memory.

Only the memories that can be among the best are returned: of those with the same words and the same neighbors' words,
which differ in the cosine alone, as many as are asked for. So the statement ranks them as if it had read all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memories.index.vectors import format_halfvec
from memories.index.work_queue import TURN_PLACES
from memories.search.cache.passages import Passages
from memories.search.ranking import (
    APART,
    MAX_GAP,
    MAX_TURN_GAP,
    NEIGHBOUR_WEIGHTS,
    PASSAGES_A_MEMORY,
    TEXT_BITS,
)
from memories.search.ranking_query import RankingQuery

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_COSINE = float("-inf")


@dataclass(frozen=True)
class Matches:
    """Memories that can be among the best, as arrays: id, cosine (NO_COSINE without a vector), bits, and givers.

    count: of all passages. kinds: which bits there are among all memories, and how many have each.
    """

    ids: list[str]
    cosines: "NDArray[np.float32]"
    bits: "NDArray[np.int64]"
    givers: "list[NDArray[np.int64]]"
    count: int
    kinds: "tuple[NDArray[np.int64], NDArray[np.int64]]"


def match_passages(passages: Passages, query: RankingQuery, *, limit: int) -> Matches:
    """Return what a ranking of so many memories needs of the passages."""
    import numpy as np

    cosines, bits = compute_cosines(passages, query), _compute_bits(passages, query)
    is_chosen = cosines >= _find_nearest(cosines, limit * PASSAGES_A_MEMORY)
    if query.private_tokens:
        is_chosen |= (bits != 0) | passages.has_sequence
    chosen = np.flatnonzero(is_chosen & passages.present)
    starts = _find_starts(passages, chosen)
    first = chosen[starts]
    if not len(first):
        none = bits[:0]
        return Matches([], cosines[:0], none, [none] * len(NEIGHBOUR_WEIGHTS), passages.count, (none, none))
    best = np.maximum.reduceat(cosines[chosen], starts)
    own = np.bitwise_or.reduceat(bits[chosen], starts)
    givers = _find_givers(own, passages.sequence[first], passages.has_sequence[first])
    kept = _keep_best([own, *givers], best, passages.high[first], passages.low[first], limit)
    ids = zip(passages.high[first[kept]].tolist(), passages.low[first[kept]].tolist(), strict=True)
    return Matches(
        [f"{high:016x}{low:016x}" for high, low in ids],
        best[kept],
        own[kept],
        [each[kept] for each in givers],
        passages.count,
        np.unique(own[own != 0], return_counts=True),
    )


def compute_cosines(passages: Passages, query: RankingQuery) -> "NDArray[np.float32]":
    """Return the cosine of each present passage with the query's vector of its encoder, NO_COSINE without one."""
    import numpy as np

    found = np.full(len(passages.high), NO_COSINE, np.float32)
    pairs = [vector for each in query.vectors for vector in (each.private, each.public)]
    column = _choose_columns(passages, query)
    for number, pair in enumerate(pairs):
        is_of = column == number
        if not is_of.any():
            continue
        # As PostgreSQL reads it.
        vector = (
            np.array(format_halfvec(pair)[1:-1].split(","), np.float32).astype(np.float16).astype(np.float32)
        )
        for block in passages.blocks:
            if block.vectors.shape[1] == len(vector):
                rows = np.flatnonzero(is_of[block.passages])
                is_most = 2 * len(rows) > len(block.vectors)  # to copy the others would take longer
                # No product of matrices: equal vectors get equal cosines, wherever they are.
                products = np.einsum("ij,j->i", block.vectors if is_most else block.vectors[rows], vector)
                found[block.passages[rows]] = products[rows] if is_most else products
    return found


def _choose_columns(passages: Passages, query: RankingQuery) -> "NDArray[np.int64]":
    """Return for each passage which vector of the query it is compared with: private, public; -1 for none."""
    import numpy as np

    by_space = np.full(
        (max(passages.encoders, default=0) + 2, 2), -1
    )  # the last one: of passages without a space
    for number, each in reversed([*enumerate(query.vectors)]):
        spaces = [space for space, encoder in passages.encoders.items() if encoder == each.encoder]
        by_space[spaces] = [2 * number, 2 * number + 1]
    column = by_space[passages.space, passages.is_public.astype(np.intp)]
    return np.where(passages.has_vector & passages.present, column, -1)


def _compute_bits(passages: Passages, query: RankingQuery) -> "NDArray[np.int64]":
    """Return which words of the query each passage has."""
    import numpy as np

    bits = np.zeros(len(passages.high), np.int64)
    is_public = passages.is_public
    for (tokens, of_tokens), wanted in ((query.private_words, False), (query.public_words, True)):
        for block in passages.blocks:
            sought = np.array(tokens, np.int64)
            firsts, lasts = (
                np.searchsorted(block.tokens, sought, side).tolist() for side in ("left", "right")
            )
            for first, last, bit in zip(firsts, lasts, of_tokens, strict=True):
                owners = block.owners[first:last]
                bits[owners[is_public[owners] == wanted]] |= bit
    return bits


def find_tokens(passages: Passages, tokens: Sequence[int], of_public: Sequence[bool]) -> set[int]:
    """Return the places of the tokens that a present passage has: a public one, or a private one."""
    import numpy as np

    found: set[int] = set()
    for block in passages.blocks:
        sought = np.array(tokens, np.int64)
        firsts, lasts = (np.searchsorted(block.tokens, sought, side) for side in ("left", "right"))
        for place in np.flatnonzero(lasts > firsts).tolist():
            owners = block.owners[firsts[place] : lasts[place]]
            if np.any(passages.present[owners] & (passages.is_public[owners] == of_public[place])):
                found.add(place)
    return found


def _find_nearest(cosines: "NDArray[np.float32]", count: int) -> float:
    """Return the least of the so many best cosines."""
    import numpy as np

    at = len(cosines) - count
    least = float(np.partition(cosines, at)[at]) if at > 0 else NO_COSINE
    # Fewer have one.
    return least if least > NO_COSINE else float(cosines.min(initial=np.inf, where=cosines > NO_COSINE))


def _find_starts(passages: Passages, chosen: "NDArray[np.intp]") -> "NDArray[np.intp]":
    """Return where each memory begins among the chosen passages."""
    import numpy as np

    high, low = passages.high[chosen], passages.low[chosen]
    is_other = np.ones(len(chosen), np.bool_)
    is_other[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return np.flatnonzero(is_other)


def _find_givers(
    bits: "NDArray[np.int64]", sequence: "NDArray[np.int64]", has_sequence: "NDArray[np.bool_]"
) -> "list[NDArray[np.int64]]":
    """Return the words at each distance of NEIGHBOUR_WEIGHTS in the memory's conversation."""
    import numpy as np

    givers = [np.zeros(len(bits), np.int64) for _ in NEIGHBOUR_WEIGHTS]
    marked = np.flatnonzero(has_sequence)
    if not len(marked):
        return givers
    marked = marked[np.argsort(sequence[marked], kind="stable")]
    gaps = np.diff(sequence[marked])
    is_next = (gaps <= MAX_GAP) | ((gaps >= TURN_PLACES // 2) & (gaps <= MAX_TURN_GAP))
    steps = np.where(gaps == 0, 0, np.where(is_next, 1, APART))
    numbers = np.concatenate([[0], np.cumsum(steps)])
    starts = np.flatnonzero(np.concatenate([[True], steps != 0]))
    there, at = np.bitwise_or.reduceat(bits[marked], starts) & TEXT_BITS, numbers[starts]
    sizes = np.diff(np.append(starts, len(marked)))
    for giver, distance in zip(givers, NEIGHBOUR_WEIGHTS, strict=True):
        places = np.minimum(np.searchsorted(at, at - distance), len(at) - 1)
        giver[marked] = np.repeat(np.where(at[places] == at - distance, there[places], 0), sizes)
    return givers


def _keep_best(
    kinds: "list[NDArray[np.int64]]",
    cosines: "NDArray[np.float32]",
    high: "NDArray[np.uint64]",
    low: "NDArray[np.uint64]",
    limit: int,
) -> "NDArray[np.intp]":
    """Return the places of the best `limit` of each surrounding, as the statement orders them."""
    import numpy as np

    surrounding = np.zeros(len(cosines), np.int64)
    for each in filter(np.any, kinds):
        values, place = np.unique(each, return_inverse=True)
        surrounding = np.unique(surrounding * len(values) + place, return_inverse=True)[1]
    counts = np.bincount(surrounding)
    large = np.flatnonzero(counts > limit)
    if not len(large):
        return np.arange(len(cosines))
    kept = [np.flatnonzero(counts[surrounding] <= limit)]
    score = np.where(cosines == NO_COSINE, np.float32(0), cosines)
    grouped, ends = np.argsort(surrounding, kind="stable"), np.cumsum(counts)
    for number in large.tolist():
        places = grouped[ends[number] - counts[number] : ends[number]]
        least = np.partition(score[places], len(places) - limit)[len(places) - limit]
        places = places[score[places] >= least]
        order = np.lexsort((low[places], high[places], cosines[places], score[places]))
        kept.append(places[order[-limit:]])
    return np.concatenate(kept)
