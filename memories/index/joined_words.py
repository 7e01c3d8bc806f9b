"""Numbers, codes and compounds that people write apart or together: 1,200 and 1200, LH 454 and LH454, e-mail and email.

The joined form is a further word of a memory. In a query, it stands for the words that it is made of.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memories.index import keywords
from memories.index.languages import Language

MAX_JOINED = 40  # words of a passage
MAX_PARTS = 4  # of which all combinations are joined; of longer runs (an IBAN) only the whole
MAX_CHARACTERS = 34  # an IBAN's
PHONE_DIGITS = (
    7  # the last digits of a longer number, which are the same with and without country and area codes
)
SHORT_WORD = 3  # letters before or after a number that may be part of a code or a unit
SHORT_CAPITALS = 5

_HYPHENS = "-\u2010\u2011"
_SPACES = " \u00a0\u202f"
_MARKS = frozenset((*_HYPHENS, *"./,'\u2019"))
_PART = rf"[^\W_{keywords.UNSPACED}]+"
_GAP = rf"[{_HYPHENS}./,'\u2019{_SPACES}]|\)?[{_HYPHENS}{_SPACES}]|[{_SPACES}]?\(|\)"
_RUN = re.compile(rf"{_PART}(?:(?:{_GAP}){_PART})*")
_PARTS = re.compile(_PART)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class JoinedWord:
    """A joined word's stem, and the stems of the words that it is made of."""

    stem: str
    parts: tuple[str, ...]


def find_joined_words(text: str, language: Language) -> list[JoinedWord]:
    """Return the joined forms of a text's words, without duplicates."""
    found = {
        JoinedWord(stem, tuple(keywords.extract_words(" ".join(parts), language)))
        for parts, joined in _iter_joined(text, language)
        for stem in keywords.extract_words(joined, language)
    }
    return sorted(found, key=lambda each: (each.stem, each.parts))


def extract_index_words(text: str, language: Language, *, limit: int) -> list[str]:
    """Return the words of a passage, and as many joined ones as fit into `limit` words."""
    words = keywords.extract_words(text, language)
    joined = dict.fromkeys(
        stem
        for _, written in _iter_joined(text, language)
        for stem in keywords.extract_words(written, language)
    )
    further = [stem for stem in joined if stem not in words]
    return words + further[: max(0, min(MAX_JOINED, limit - len(words)))]


def _iter_joined(text: str, language: Language) -> Iterator[tuple[Sequence[str], str]]:
    """Yield parts of the text and what they are joined to."""
    if not _DIGIT.search(text) and not any(hyphen in text for hyphen in _HYPHENS):
        return
    for run in _RUN.finditer(text):
        for parts, gaps in _split_run(run[0], language, spaced=False):
            yield from _combine_parts(parts)
            yield from _join_date(parts, gaps)
        for parts, _ in _split_run(run[0], language, spaced=True):
            yield from _combine_parts(parts)


def _split_run(run: str, language: Language, *, spaced: bool) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the longest sequences of parts that belong together, with the gaps between them.

    spaced: also across spaces and parentheses.
    """
    matches = list(_PARTS.finditer(run))
    parts, gaps = [matches[0][0]], list[str]()
    for before, after in itertools.pairwise(matches):
        gap = run[before.end() : after.start()]
        if (spaced or gap in _MARKS) and _belong_together(parts[-1], gap, after[0], language):
            parts.append(after[0])
            gaps.append(gap)
        else:
            yield parts, gaps
            parts, gaps = [after[0]], []
    yield parts, gaps


def _belong_together(before: str, gap: str, after: str, language: Language) -> bool:
    if gap in _HYPHENS:
        return True
    if gap in (".", "/"):
        return before.isdecimal() and after.isdecimal()
    if gap in (",", "'", "\u2019"):  # thousands
        return before.isdecimal() and len(before) <= 3 and after.isdecimal() and len(after) == 3
    if not _DIGIT.search(before):
        return bool(_DIGIT.search(after)) and _is_short(before, language)
    return bool(_DIGIT.search(after)) or _is_short(after, language)


def _is_short(word: str, language: Language) -> bool:
    is_short = len(word) <= SHORT_WORD or (len(word) <= SHORT_CAPITALS and word.isupper())
    return is_short and bool(keywords.extract_words(word, language))


def _combine_parts(parts: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    count = len(parts)
    spans = (
        [(start, end) for start in range(count) for end in range(start + 1, count + 1)]
        if count <= MAX_PARTS
        else [(0, count)]
    )
    for start, end in spans:
        joined = "".join(parts[start:end])
        if end - start > 1 and len(joined) <= MAX_CHARACTERS:
            yield parts[start:end], joined
        if joined.isdecimal() and len(joined) > PHONE_DIGITS:
            yield parts[start:end], joined[-PHONE_DIGITS:]


def _join_date(parts: Sequence[str], gaps: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """Yield year, month and day of a date that is written in another order or without zeros."""
    if len(parts) != 3 or gaps[0] != gaps[1] or not all(part.isdecimal() for part in parts):
        return
    first, second, third = parts
    if len(first) == 4:
        orders = [(first, second, third)]
    else:  # after a full stop, the day always comes first
        orders = [(third, second, first), *([] if gaps[0] == "." else [(third, first, second)])]
    for year, month, day in orders:
        if len(year) == 4 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            yield parts, f"{year}{int(month):02}{int(day):02}"
