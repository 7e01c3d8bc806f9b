"""How much the words of a query say on their own.

A word that is rare among a user's few memories may still be generic: "name", "home", "kind". How common it is in
English is known from the vocabulary of BERT, whose pieces are in about the order of their frequency, and in other
languages from that of the multilingual model, whose pieces have probabilities.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from memories.index import keywords
from memories.index.languages import Language
from memories.providers.embeddings import has_multilingual_model

VOCABULARY = keywords.DATA / "bert-base-uncased-vocab.txt"
# A word on this line of the vocabulary says half as much as a name or number that is not in it.
HALF_LINE = 12_000
STEEPNESS = 3
HALF_RARITY = 18.0  # the same in other languages: e to the minus 18 of all words


def measure_specificity(text: str, words: Sequence[str], language: Language) -> list[float]:
    """Return 0 to 1 for each of the text's stems `words`; 1 if this platform does not know how common they are."""
    if language.is_english:
        measure_form = _measure_english
    elif has_multilingual_model():
        measure_form = _measure_multilingual
    else:
        return [1.0] * len(words)
    specificity: dict[str, float] = {}
    for written, stems in keywords.split_words(text, language):
        for stem in stems:
            if stem not in specificity:
                specificity[stem] = min(map(measure_form, {written, written.casefold(), stem}))
    return [specificity[word] for word in words]


def _measure_english(word: str) -> float:
    return 1 / (1 + (HALF_LINE / _load_lines().get(word, math.inf)) ** STEEPNESS)


def _measure_multilingual(word: str) -> float:
    from memories.providers.e5_weights import load_vocabulary

    return 1 / (1 + math.exp(HALF_RARITY - load_vocabulary().measure_rarity(word)))


def measure_content(text: str, language: Language) -> float:
    """Return the share of the text's words that are not stop words, 1 without words."""
    has_stems = [bool(stems) for _, stems in keywords.split_words(text, language)]
    return fmean(has_stems) if has_stems else 1.0


@lru_cache(maxsize=1)
def _load_lines() -> dict[str, int]:
    lines = VOCABULARY.read_text(encoding="utf-8").split("\n")
    return {word: number for number, word in enumerate(lines) if word[:1].isalnum()}
