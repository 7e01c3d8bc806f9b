"""How much the words of a query say on their own.

A word that is rare among a user's few memories may still be generic: "name", "home", "kind". How common it is in
English is known from the vocabulary of BERT, whose pieces are in about the order of their frequency; in other
languages from the vocabulary of the multilingual model, which has the probability of each piece.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import fmean

from memories.index import keywords
from memories.index.languages import DATA, Language

VOCABULARY = DATA / "bert-base-uncased-vocab.txt"
# A word on this line of the vocabulary says half as much as a name or number that is not in it.
HALF_LINE = 12_000
STEEPNESS = 3
# The same for a word of this negative log probability, of at most MAX_BY_COST, since the cosines of the multilingual
# model differ more; of a word whose frequency is unknown.
HALF_COST = 16.0
COST_STEEPNESS = 6
MAX_BY_COST = 1.5
UNKNOWN = 0.5

WordCosts = Callable[[Sequence[str]], list[float] | None]


def measure_specificity(
    text: str, words: Sequence[str], language: Language, compute_costs: WordCosts = lambda _: None
) -> list[float]:
    """Return 0 to 1 (outside English, MAX_BY_COST) for each of the text's stems `words`.

    compute_costs: returns how infrequent words are in languages other than English, None if that is unknown.
    """
    written: dict[str, str] = {}
    for word, stems in keywords.split_words(text, language):
        for stem in stems:
            written.setdefault(stem, word.casefold())
    if language.is_english:
        lines = load_vocabulary()
        found = [min(lines.get(written[word], math.inf), lines.get(word, math.inf)) for word in words]
        return [1 / (1 + (HALF_LINE / line) ** STEEPNESS) for line in found]
    costs = compute_costs([*words, *(written[word] for word in words)])
    if costs is None:
        return [UNKNOWN] * len(words)
    lowest = [min(pair) for pair in zip(costs[: len(words)], costs[len(words) :], strict=True)]
    return [MAX_BY_COST / (1 + (HALF_COST / max(cost, 1)) ** COST_STEEPNESS) for cost in lowest]


def measure_content(text: str, language: Language) -> float:
    """Return the share of the text's words that are not stop words, 1 without words."""
    has_stems = [bool(stems) for _, stems in keywords.split_words(text, language)]
    return fmean(has_stems) if has_stems else 1.0


@lru_cache(maxsize=1)
def load_vocabulary() -> dict[str, int]:
    lines = VOCABULARY.read_text(encoding="utf-8").split("\n")
    return {word: number for number, word in enumerate(lines) if word[:1].isalnum()}
