"""Whether the lines of a paragraph are a memory each, or one text with line breaks."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from memories.portability.readers.texts.lines import ends_sentence

# Width to which editors and mail programs break lines.
MIN_WRAP, MAX_WRAP = 55, 100
SHORT_LINE = 60
FRAGMENT_CHARACTERS = 40


def split_paragraph(lines: Sequence[str]) -> list[str]:
    """Return the memories of consecutive lines.

    Each line is one when the lines are short or end like sentences. A line that goes on from the one above (after a
    comma, or in small letters where the others begin with capitals) stays with it; a text that is broken at a width
    stays whole.
    """
    if len(lines) < 2:
        return ["\n".join(lines).strip()]
    pairs = list(pairwise(lines))
    continued = [_is_continued(line, following, lines[0]) for line, following in pairs]
    if sum(continued) * 3 > len(pairs) or _is_broken_at_width(lines):
        return ["\n".join(lines).strip()]
    return list(_join(lines, continued))


def _join(lines: Sequence[str], continued: Sequence[bool]) -> Iterator[str]:
    unit = [lines[0]]
    for line, goes_on in zip(lines[1:], continued, strict=True):
        if not goes_on:
            yield "\n".join(unit).strip()
            unit = []
        unit.append(line)
    yield "\n".join(unit).strip()


def _is_continued(line: str, following: str, first: str) -> bool:
    if line.rstrip().endswith((",", "，", "、", "-", "–", "(", "&")):
        return True
    return not ends_sentence(line) and _begins_small(following) and not _begins_small(first)


def _begins_small(line: str) -> bool:
    """Return whether a line begins with a small letter; "iPhone" does not."""
    word = line.strip().split(maxsplit=1)[:1]
    return bool(word) and word[0][:1].islower() and not any(letter.isupper() for letter in word[0])


def _is_broken_at_width(lines: Sequence[str]) -> bool:
    *upper, _last = lines
    widths = [_measure_width(line) for line in upper]
    widest = max(widths)
    if _begins_small(lines[0]) and widest > SHORT_LINE:
        return sum(map(ends_sentence, upper)) * 2 < len(upper)
    return (
        MIN_WRAP <= widest <= MAX_WRAP
        and _measure_width(lines[-1]) <= widest
        and min(widths) >= widest * 3 // 4
        and sum(map(ends_sentence, upper)) * 2 < len(upper)
    )


def _measure_width(line: str) -> int:
    if line.isascii():
        return len(line)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def is_fragment(text: str) -> bool:
    """Return whether a text is only a few words, which make no sense without their heading."""
    if ":" in text or ends_sentence(text) or "\n" in text:
        return False
    return len(text.split()) <= 2 and _measure_width(text) <= FRAGMENT_CHARACTERS
