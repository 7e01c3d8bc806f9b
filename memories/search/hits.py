"""The hits of a search."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from memories.index.languages import Language
from memories.index.matched_words import find_matched_words
from memories.models import Memory
from memories.services.reads import decrypt_or_none
from memories.services.tags import get_tag_names


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
    least ranking.STRONG_STRENGTH for a strongly related one. language: its owner's, or the one of several that the
    query is in. passage: which one of a long text matches best, from 0. query, owner_language: to find its words.
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
    query: str = ""
    owner_language: Language | None = None

    @cached_property
    def matched_words(self) -> list[str]:
        """The query's words as the memory writes them, for people and apps."""
        if not self.matched:
            return []
        return find_matched_words(
            self.query,
            decrypt_or_none(self.memory) or "",
            matched=self.matched,
            tags=get_tag_names(self.memory),
            language=self.owner_language or self.language,
        )

    @property
    def matched_by_any(self) -> frozenset[str]:
        """The stems that it or the memory that it replaces contains."""
        return frozenset((*self.matched, *(self.replaces.matched if self.replaces else ())))
