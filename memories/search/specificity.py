"""How much the words of a query say on their own.

A word that is rare among a user's few memories may still be generic: "name", "home", "kind". How common it is in
English is known from the vocabulary of BERT, whose pieces are in about the order of their frequency.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from memories.index import keywords
from memories.index.languages import Language

VOCABULARY = keywords.DATA / "bert-base-uncased-vocab.txt"
# A word on this line of the vocabulary says half as much as a name or number that is not in it.
HALF_LINE = 12_000
STEEPNESS = 3


def measure_specificity(text: str, words: Sequence[str], language: Language) -> list[float]:
    """Return 0 to 1 for each of the text's stems `words`. Outside English, which other words are common is unknown."""
    if not language.is_english:
        return [1.0] * len(words)
    lines = load_vocabulary()
    specificity: dict[str, float] = {}
    for written, stems in keywords.split_words(text, language):
        for stem in stems:
            line = min(lines.get(written.casefold(), math.inf), lines.get(stem, math.inf))
            specificity.setdefault(stem, 1 / (1 + (HALF_LINE / line) ** STEEPNESS))
    return [specificity[word] for word in words]


def measure_content(text: str, language: Language) -> float:
    """Return the share of the text's words that are not stop words, 1 without words."""
    has_stems = [bool(stems) for _, stems in keywords.split_words(text, language)]
    return fmean(has_stems) if has_stems else 1.0


@lru_cache(maxsize=1)
def load_vocabulary() -> dict[str, int]:
    lines = VOCABULARY.read_text(encoding="utf-8").split("\n")
    return {word: number for number, word in enumerate(lines) if word[:1].isalnum()}
