"""Passages: the parts of a memory's text that are indexed separately.

Most texts are one passage. Two limits require more: the size of an index row (a btree tuple holds 2,704 bytes), and
the input size of the embedding model, which truncates silently (256 word pieces for the local one).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from memories.index import joined_words, keywords
from memories.index.languages import Language

MAX_KEYWORDS = 150  # distinct words of the text; the row also has joined words, the date's words and the tags
MAX_TAG_WORDS = 24
MAX_WORDS = 200
MAX_PIECES = 240  # estimated; the local model reads 254
# Bytes of an index tuple for the vector (2 per dimension) and the tokens (8 each), including the date's.
ROW_BYTES = 2_590
ROW_SPARE_KEYWORDS = 10
SPARE_TAG_WORDS = 7  # of these, besides the date's

_UNSPACED = re.compile(f"[{keywords.UNSPACED}]")
_RUN = re.compile(r"[a-zA-Z]+|[0-9]+|.")
_BLANK_LINE = re.compile(r"\n\s*\n")
_SENTENCE_END = ".!?\u2026\u3002\uff01\uff1f\u0964\"')\u201d\u2019\u300d"
_FULL_STOPS = "\u3002\uff01\uff1f"  # no space follows these


@dataclass(frozen=True, slots=True)
class _Atom:
    start: int
    end: int
    is_word: bool
    is_unspaced: bool  # one character of a script without spaces
    pieces: int


@dataclass(slots=True)
class _PassageSize:
    """The size of a passage so far."""

    words: int = 0
    pieces: int = 0
    keywords: set[str] = field(default_factory=set)

    def add(self, atom: _Atom, stems: list[str]) -> None:
        self.words += atom.is_word
        self.pieces += atom.pieces
        self.keywords.update(stems)

    def is_over(self, max_keywords: int) -> bool:
        return self.words > MAX_WORDS or self.pieces > MAX_PIECES or len(self.keywords) > max_keywords


def split_passages(text: str, language: Language) -> list[str]:
    """Split the text (in NFC) into passages, between paragraphs, lines or sentences if possible, else words.

    Every word is whole in some passage. Where a script without spaces must be split, the next passage repeats the last
    character, so that every pair of characters is whole too. No passage is empty, and only an empty text has none.
    """
    text = unicodedata.normalize("NFC", text)
    if _is_short(text, language):
        return [text.strip()]
    atoms = list(_split_atoms(text))
    if not atoms:
        return [text] if text else []
    passages = []
    first = 0
    while first < len(atoms):
        cut = _find_cut(text, atoms, first, language)
        passages.append(text[atoms[first].start : atoms[cut - 1].end])
        first = cut - 1 if cut < len(atoms) and _are_pair(atoms[cut - 1], atoms[cut]) else cut
    return passages


@cache
def _get_atom_regex() -> re.Pattern[str]:
    """Match a word, which is never split, or any other single non-space character. Compiled when first used: 8 ms."""
    return re.compile(rf"(?P<word>{keywords.TOKEN}) | \S", re.VERBOSE)


def get_max_keywords() -> int:
    """Return how many distinct words a passage can have besides a vector of EMBEDDING_DIMENSIONS."""
    return max(1, min(MAX_KEYWORDS, _get_room()))


def extract_passage_words(passage: str, language: Language) -> list[str]:
    """Return the words under which a passage is indexed: its own, and joined forms as far as the row has room."""
    return joined_words.extract_index_words(passage, language, limit=_get_room())


def get_max_tag_words() -> int:
    """Return how many words of tags fit into a row, besides those of the passage and its date."""
    return min(MAX_TAG_WORDS, SPARE_TAG_WORDS + max(0, _get_room() - MAX_KEYWORDS - joined_words.MAX_JOINED))


def _get_room() -> int:
    dimensions: int = settings.EMBEDDING_DIMENSIONS
    return (ROW_BYTES - 2 * dimensions) // 8 - ROW_SPARE_KEYWORDS


def _is_short(text: str, language: Language) -> bool:
    """Return whether the text fits without counting pieces: no word has more pieces than characters."""
    return (
        0 < len(text.strip()) <= MAX_PIECES
        and len(keywords.extract_words(text, language)) <= get_max_keywords()
    )


def _split_atoms(text: str) -> Iterator[_Atom]:
    for match in _get_atom_regex().finditer(text):
        if _UNSPACED.match(match[0]):
            for at in range(*match.span()):
                yield _Atom(at, at + 1, is_word=False, is_unspaced=True, pieces=1)
        else:
            is_word = match.lastgroup == "word"
            yield _Atom(*match.span(), is_word=is_word, is_unspaced=False, pieces=_estimate_pieces(match[0]))


def _estimate_pieces(word: str) -> int:
    """Estimate BERT's number of word pieces from above: one per character for non-ASCII words."""
    if not word.isascii():
        return len(word)
    # Most short English words are one piece, and numbers have pieces of two or more digits.
    return sum(1 + (len(run) - 1) // (2 if run.isdecimal() else 6) for run in _RUN.findall(word))


def _find_cut(text: str, atoms: list[_Atom], first: int, language: Language) -> int:
    """Return the index of the first atom after the passage that starts at atom `first`."""
    last = _find_last_fit(text, atoms, first, language)
    if last == len(atoms):
        return last
    # The best border in the second half: an early cut costs a row and loses context.
    earliest = first + (last - first) // 2 + 1
    return max(range(earliest, last + 1), key=lambda at: (_score_border(text, atoms[at - 1], atoms[at]), at))


def _find_last_fit(text: str, atoms: list[_Atom], first: int, language: Language) -> int:
    load, limit = _PassageSize(), get_max_keywords()
    for at in range(first, len(atoms)):
        atom = atoms[at]
        start = atoms[at - 1].start if at > first and _are_pair(atoms[at - 1], atom) else atom.start
        load.add(
            atom,
            keywords.extract_words(text[start : atom.end], language)
            if atom.is_word or atom.is_unspaced
            else [],
        )
        if load.is_over(limit) and at > first + 1:
            return at
    return len(atoms)


def _are_pair(one: _Atom, other: _Atom) -> bool:
    return one.is_unspaced and other.is_unspaced and one.end == other.start


def _score_border(text: str, before: _Atom, after: _Atom) -> int:
    """Rate a cut between two atoms: paragraph 4, line 3, sentence 2, words 1, inside a run 0."""
    gap = text[before.end : after.start]
    if _BLANK_LINE.search(gap):
        return 4
    if "\n" in gap:
        return 3
    end = text[before.end - 1]
    if (gap and end in _SENTENCE_END) or end in _FULL_STOPS:
        return 2
    return 1 if gap else 0
