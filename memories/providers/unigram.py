"""A unigram tokenizer (SentencePiece): the most probable split of a text into the pieces of a vocabulary.

The `tokenizers` library would build a tree of 230 MB for the 250,000 pieces of XLM-RoBERTa. Here every piece is a
64-bit hash in a sorted array of 2 MB, and the hashes of all parts of a text are computed and found at once.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORD_START = "\u2581"  # stands for the space before a word
UNKNOWN_PENALTY = 10.0  # below the least probable piece, for a character that no piece contains
MAX_CHARS = 8_192  # of a text; a model reads fewer
BASE = 0x9E3779B97F4A7C15  # of the hashes; odd, so that it has an inverse modulo 2^64
MODULUS = 1 << 64


@dataclass(frozen=True)
class TokenizedText:
    """The pieces of a text. known: the share of its letters, digits and symbols that pieces contain, 0 without any."""

    ids: list[int]
    known: float


class UnigramTokenizer:
    """Splits texts into pieces with logarithmic probabilities (`scores`). No piece spans two words."""

    def __init__(
        self,
        pieces: Sequence[str],
        scores: "NDArray[np.float32]",
        replacements: dict[int, str],
        *,
        unknown: int,
        special: Sequence[int],
    ) -> None:
        """special: pieces that are never found in texts, which `unknown` is one of."""
        import numpy as np

        self._scores = scores
        self._replacements = replacements
        self._unknown = unknown
        self._unknown_score = float(scores.min()) - UNKNOWN_PENALTY
        self._longest = max(map(len, pieces))
        ends = np.cumsum([len(piece) for piece in pieces])
        starts = np.concatenate([[0], ends[:-1]])
        hashes = _hash_parts("".join(pieces), starts, ends)
        usable = np.setdiff1d(np.arange(len(pieces)), special)
        self._ids = usable[np.argsort(hashes[usable])].astype(np.int32)
        self._hashes = hashes[self._ids]

    def tokenize(self, text: str) -> TokenizedText:
        words = unicodedata.normalize("NFC", text).translate(self._replacements).split()
        pieces = self._split("".join(WORD_START + word for word in words)[:MAX_CHARS])
        known = (part for piece, part in pieces if piece != self._unknown)
        return TokenizedText(
            [piece for piece, _ in pieces], measure_known(known, (part for _, part in pieces))
        )

    def measure_rarity(self, word: str) -> float:
        """Return the negative logarithm of the word's probability: below 14 for a common word of a large language."""
        written = (WORD_START + word.translate(self._replacements))[:MAX_CHARS]
        # Where no spaces separate words, the start of a word is a piece of its own.
        pieces = [piece for piece, part in self._split(written) if part != WORD_START]
        unknown = pieces.count(self._unknown)
        return float(self.get_rarities(pieces).sum()) - unknown * self._unknown_score

    def get_rarities(self, pieces: list[int]) -> "NDArray[np.float32]":
        """Return the negative logarithms of the pieces' probabilities; 0 for special pieces."""
        return -self._scores[pieces]

    def _split(self, text: str) -> list[tuple[int, str]]:
        """Return the most probable pieces with their parts of the text (Viterbi's algorithm)."""
        best = [0.0] + [float("-inf")] * len(text)
        origin, chosen = [0] * len(best), [self._unknown] * len(best)
        found = self._find_pieces(text)
        for start in range(len(text)):
            unknown = (start + 1, self._unknown, self._unknown_score)
            for end, piece, score in (*found[start], unknown):
                if best[start] + score > best[end]:
                    best[end], origin[end], chosen[end] = best[start] + score, start, piece
        pieces: list[tuple[int, str]] = []
        end = len(text)
        while end:
            pieces.append((chosen[end], text[origin[end] : end]))
            end = origin[end]
        return pieces[::-1]

    def _find_pieces(self, text: str) -> list[list[tuple[int, int, float]]]:
        """Return, for each position, the pieces that start there: their end, ID and score."""
        import numpy as np

        starts, lengths = np.meshgrid(np.arange(len(text)), np.arange(1, self._longest + 1), indexing="ij")
        inside = starts + lengths <= len(text)
        starts, ends = starts[inside], (starts + lengths)[inside]
        hashes = _hash_parts(text, starts, ends)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        is_piece = self._hashes[at] == hashes
        ids = self._ids[at[is_piece]]
        found: list[list[tuple[int, int, float]]] = [[] for _ in text]
        for start, end, piece, score in zip(
            starts[is_piece].tolist(),
            ends[is_piece].tolist(),
            ids.tolist(),
            self._scores[ids].tolist(),
            strict=True,
        ):
            found[start].append((end, piece, score))
        return found


def _hash_parts(text: str, starts: "NDArray[np.int64]", ends: "NDArray[np.int64]") -> "NDArray[np.uint64]":
    """Return the hash of each part of the text: the sum of its characters times BASE^-position, modulo 2^64."""
    import numpy as np

    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(
        np.uint64
    ) + np.uint64(1)
    powers = _list_powers(BASE, len(text) + 1)
    inverses = _list_powers(pow(BASE, -1, MODULUS), len(text) + 1)
    sums = np.zeros(len(text) + 1, np.uint64)
    np.cumsum(characters * inverses[:-1], out=sums[1:])
    parts: NDArray[np.uint64] = (sums[ends] - sums[starts]) * powers[starts]
    return parts


def _list_powers(base: int, count: int) -> "NDArray[np.uint64]":
    import numpy as np

    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def measure_known(known: Iterable[str], parts: Iterable[str]) -> float:
    """Return the share of the parts' letters, marks, digits and symbols that the known ones contain, 0 without any."""
    return _count_telling(known) / max(1, _count_telling(parts))


def _count_telling(parts: Iterable[str]) -> int:
    """Return how many characters are not punctuation, spaces or control codes. Emoji are symbols."""
    characters = chain.from_iterable(parts)
    return sum(unicodedata.category(each)[0] in "LMNS" for each in characters if each != WORD_START)
