"""The hits of a search."""

from dataclasses import dataclass
from enum import StrEnum

from memories.index.languages import Language
from memories.models import Memory


class Relevance(StrEnum):
    """How well a hit matches, in the same words for all channels.

    strong: it has most of the query's rare words, or nearly its meaning. fair: it, its date or a neighbor has a word of
    the query, or its meaning is similar. weak: its meaning is a little similar. none: unrelated; it only ranks next.
    """

    STRONG = "strong"
    FAIR = "fair"
    WEAK = "weak"
    NONE = "none"


@dataclass(frozen=True)
class Hit:
    """A search result and why it matched.

    score: only for ordering within one result. cosine: similarity in meaning, -1 to 1, None if not embedded yet.
    matched: the stems of the query's words that it contains. strength: cosine plus the matched share of the query's
    total IDF, without common words such as names: comparable between results, about 0 for an unrelated memory, at
    least ranking.STRONG_STRENGTH for a strongly related one. language: its owner's. passage: which one of a long text
    matches best, from 0.
    replaces: the superseded hit before which it stands; it is then at least as relevant.
    """

    memory: Memory
    score: float
    cosine: float | None
    matched: tuple[str, ...]
    strength: float
    relevance: Relevance
    language: Language
    passage: int | None = None
    replaces: "Hit | None" = None

    @property
    def matched_by_any(self) -> frozenset[str]:
        """The stems that it or the memory that it replaces contains."""
        return frozenset((*self.matched, *(self.replaces.matched if self.replaces else ())))
