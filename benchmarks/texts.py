"""Texts with a natural word frequency distribution (Zipf), from the vocabulary of the embedding model."""

from functools import lru_cache
from typing import TYPE_CHECKING

from memories.index.languages import DATA

if TYPE_CHECKING:
    import numpy as np

WORDS_PER_TEXT = 20
MIN_WORD_CHARACTERS = 3


def make_texts(count: int, random: "np.random.Generator") -> list[str]:
    """Return sentences of WORDS_PER_TEXT words."""
    import numpy as np

    vocabulary = _load_vocabulary()
    weights = 1 / np.arange(1, len(vocabulary) + 1)
    indexes = random.choice(len(vocabulary), (count, WORDS_PER_TEXT), p=weights / weights.sum())
    return [" ".join(vocabulary[index] for index in row).capitalize() + "." for row in indexes.tolist()]


@lru_cache(maxsize=1)
def _load_vocabulary() -> list[str]:
    """Return the whole words of BERT's vocabulary, most frequent first."""
    tokens = (DATA / "bert-base-uncased-vocab.txt").read_text(encoding="utf-8").split()
    return [
        token for token in tokens if token.isascii() and token.isalpha() and len(token) >= MIN_WORD_CHARACTERS
    ]
