"""Numbers, codes and compounds that people write apart or together: 1,200 and 1200, LH 454 and LH454, e-mail and email.

The joined form is a further word of a memory. In a query, it stands for the words that it is made of. Numbers are
joined only if they are one: with separators of thousands, a date, or a phone number. "1.5" is not 15.
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
MIN_DIGITS = 6  # of a number in three groups or more, as a bank's sort code
SHORT_WORD = 3  # letters before or after a number that may be part of a code or a unit
SHORT_CAPITALS = 5

_HYPHENS = "-\u2010\u2011"
_SPACES = " \u00a0\u202f"
_MARKS = frozenset((*_HYPHENS, *"./,'\u2019"))
_POINTS = frozenset("./,'\u2019")  # within a number: its parts mean nothing
_SEPARATORS = frozenset((".", ",", "'", "\u2019", *_SPACES))  # of thousands
_NO_PHONE_MARKS = frozenset("/,'\u2019")  # which no phone number has
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
            yield from _combine_parts(parts, gaps)
            yield from _join_date(parts, gaps)
        for parts, gaps in _split_run(run[0], language, spaced=True):
            yield from _combine_parts(parts, gaps)


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
    """Return whether the parts may be joined; whether numbers are is decided for all parts of a sequence."""
    if gap in _HYPHENS:
        return True
    if before.isdecimal() and after.isdecimal():
        return True
    if gap in _MARKS:
        return False
    if not _DIGIT.search(before):
        return bool(_DIGIT.search(after)) and _is_short(before, language)
    return bool(_DIGIT.search(after)) or _is_short(after, language)


def _is_short(word: str, language: Language) -> bool:
    is_short = len(word) <= SHORT_WORD or (len(word) <= SHORT_CAPITALS and word.isupper())
    return is_short and bool(keywords.extract_words(word, language))


def _combine_parts(parts: Sequence[str], gaps: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    count = len(parts)
    spans = (
        [(start, end) for start in range(count) for end in range(start + 1, count + 1)]
        if count <= MAX_PARTS
        else [(0, count)]
    )
    for start, end in spans:
        if (start and gaps[start - 1] in _POINTS) or (end < count and gaps[end - 1] in _POINTS):
            continue  # half of a number
        if not _has_whole_numbers(parts[start:end], gaps[start : end - 1]):
            continue
        joined = "".join(parts[start:end])
        if end - start > 1 and len(joined) <= MAX_CHARACTERS:
            yield parts[start:end], joined
        if joined.isdecimal() and len(joined) > PHONE_DIGITS:
            yield parts[start:end], joined[-PHONE_DIGITS:]


def _has_whole_numbers(parts: Sequence[str], gaps: Sequence[str]) -> bool:
    """Return whether all digits that follow each other are one number, unlike a decimal, a list or a range."""
    start = 0
    for end in range(1, len(parts) + 1):
        if end < len(parts) and parts[end - 1].isdecimal() and parts[end].isdecimal():
            continue
        if end - start > 1 and not _is_number(parts[start:end], gaps[start : end - 1]):
            return False
        start = end
    return True


def _is_number(groups: Sequence[str], gaps: Sequence[str]) -> bool:
    """Return whether the groups of digits are one number with separators, a date, or the number of a phone."""
    lengths = [len(group) for group in groups]
    is_uniform = len(set(gaps)) == 1
    has_thousands = lengths[0] <= 3 and groups[0][0] != "0" and set(lengths[1:]) == {3}
    if is_uniform and has_thousands and gaps[0] in _SEPARATORS:
        return True
    if sum(lengths) == 8 and any(_join_date(groups, gaps)):
        return True
    return _is_phone_number(groups, lengths, gaps)


def _is_phone_number(groups: Sequence[str], lengths: Sequence[int], gaps: Sequence[str]) -> bool:
    """Return whether the groups can be those of a phone, card or account number: no years, times or decimals."""
    if not _NO_PHONE_MARKS.isdisjoint(gaps) or ("." in gaps and (len(groups) < 3 or set(gaps[1:]) != {"."})):
        return False
    years = [len(group) == 4 and group[:2] in ("19", "20") for group in groups]
    if all(years) or (len(groups) == 2 and (years[0] or (years[1] and lengths[0] == 4))):
        return False
    total = sum(lengths)
    return total >= PHONE_DIGITS or (len(groups) >= 3 and total >= MIN_DIGITS and min(lengths) >= 2)


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
