"""Plain text, as assistants list what they remember."""

import re
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import make_entry_too_large_error
from memories.portability.files.parts import Part
from memories.portability.files.streams import MAX_TEXT_BYTES, read_lines
from memories.portability.readers.formats import Format, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.times import parse_time

# "[2026-01-31] - I am allergic to peanuts.", perhaps as an item of a list.
DATED = re.compile(r"\s*(?:[-*•]\s+)?\[(?P<date>[^\]\n]{1,40})\]\s*[-–—:]\s*(?P<text>.*)")
BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+(?P<text>\S.*)")
HEADING = re.compile(r"\s*(?:#{1,6}\s.*|\*\*[^*]+\*\*:?|```.*|-{3,}|={3,})\s*")
TEXT_SUFFIXES = ("", ".txt", ".text")
CONTINUATION_INDENT = "  "  # of continuation lines
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _read_plain_text(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    """Read `[date] - content` lines, one memory each.

    Indented lines that follow belong to the memory, and so do undated lines that are neither headings nor list items.
    If no line has a date, each list item and each paragraph is a memory. Headings are ignored.
    """
    pending_lines: list[str] = []
    length = 0
    dated: re.Match[str] | None = None  # the first line of the current memory, if it has a date
    has_dates = False
    for line in read_lines(part):
        is_continuation = dated is not None and _measure_indent(line) > _measure_indent(dated.string)
        date = None if is_continuation else DATED.fullmatch(line)
        starts = date or (None if is_continuation else BULLET.fullmatch(line))
        is_break = not line.strip() and not has_dates
        if starts or is_break or (not is_continuation and HEADING.fullmatch(line)):
            yield from _build_items(pending_lines, dated)
            pending_lines, length = [starts["text"]] if starts else [], 0
            dated = date
            has_dates = has_dates or dated is not None
        elif pending_lines or line.strip():
            pending_lines.append(line)
            length += len(line) + 1
            if length > MAX_TEXT_BYTES:
                raise make_entry_too_large_error()
    yield from _build_items(pending_lines, dated)


def _build_items(lines: list[str], dated: re.Match[str] | None) -> Iterator[ImportItem]:
    text = "\n".join([*lines[:1], *_dedent_lines(lines[1:], dated)]).strip()
    if text:
        yield ImportItem(text, created_at=_parse_day(dated["date"]) if dated else None)


def _dedent_lines(lines: list[str], dated: re.Match[str] | None) -> Iterator[str]:
    """Remove the indent of Picard's own export or, in a list, the common indent."""
    if dated and dated.string.startswith("["):
        return (line.removeprefix(CONTINUATION_INDENT) for line in lines)
    indent = min((_measure_indent(line) for line in lines if line.strip()), default=0)
    return (line[indent:] for line in lines)


def _measure_indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parse_day(text: str) -> datetime | None:
    match = DAY.search(text)
    return parse_time(text) or (parse_time(match[0]) if match else None)


TEXT = Format(
    "text",
    gettext_lazy("Plain text, one memory per line"),
    lambda start: start.is_text and start.suffix in TEXT_SUFFIXES,
    _read_plain_text,
)
