"""Texts to measure with: words as often as in a language (Zipf), of which the embedding model knows every one."""

from functools import lru_cache
from typing import TYPE_CHECKING

from memories.index.keywords import DATA

if TYPE_CHECKING:
    import numpy as np

WORDS_A_TEXT = 20
SMALLEST_WORD = 3


def make_texts(count: int, random: "np.random.Generator") -> list[str]:
    """As many sentences of WORDS_A_TEXT words."""
    import numpy as np

    vocabulary = _load_vocabulary()
    weights = 1 / np.arange(1, len(vocabulary) + 1)
    chosen = random.choice(len(vocabulary), (count, WORDS_A_TEXT), p=weights / weights.sum())
    return [" ".join(vocabulary[at] for at in row).capitalize() + "." for row in chosen.tolist()]


@lru_cache(maxsize=1)
def _load_vocabulary() -> list[str]:
    """Whole words, the frequent ones first, as BERT's vocabulary has them."""
    pieces = (DATA / "bert-base-uncased-vocab.txt").read_text(encoding="utf-8").split()
    return [piece for piece in pieces if piece.isascii() and piece.isalpha() and len(piece) >= SMALLEST_WORD]
