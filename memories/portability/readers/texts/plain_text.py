"""Plain text, pasted or as a file: a list of memories, or lines and paragraphs."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from django.utils.translation import gettext_lazy

from memories.portability.files.encodings import detect_encoding
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines, read_start
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult
from memories.portability.readers.markup import is_messages
from memories.portability.readers.tables.dialects import is_known_table
from memories.portability.readers.texts.chatter import is_opening
from memories.portability.readers.texts.lines import CONTINUATION_INDENT as CONTINUATION_INDENT
from memories.portability.readers.texts.lines import (
    DATE_FIRST,
    DATE_LAST,
    FENCE,
    RULE,
    TABLE_ROW,
    belongs_above,
    ends_sentence,
    get_heading,
    get_item_text,
    is_dated,
    measure_indent,
)
from memories.portability.readers.texts.memory_list import ListOptions, read_memory_list

TEXT_SUFFIXES = frozenset(
    {"", ".txt", ".text", ".md", ".markdown", ".mdown", ".mkd", ".list", ".asc", ".utf8"}
)
SAMPLE_LINES = 2_000
NAMES = re.compile(
    r"memor(?:y|ies|ia|ias)\b|erinnerung|souvenir|recuerdo|ricord|lembran|herinnering|\bfacts\b"
)
SLASHED_LABEL = re.compile(
    r"(?P<before>\s*(?:(?:[-*•+]|\d{1,3}[.)])\s+)?\**\\?[\[(]?)(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})\b"
)
QUOTED = re.compile(r"^>[ \t]?")
MIN_ITEMS = 2  # of an assistant's answer


def _read_plain_text(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    counts = _count_lines(_decode_start(part))
    options = ListOptions(
        zone=context.zone,
        is_list=counts["dated"] + counts["item"] + counts["row"] > 0,
        dates_trail=counts["date_last"] >= MIN_ITEMS and counts["date_last"] == counts["item"],
        dates_lead=counts["date_first"] >= MIN_ITEMS and counts["date_first"] * 2 >= counts["top"],
    )
    lines = read_lines(part)
    if counts["quoted"] * 2 > counts["lines"]:
        lines = map(unquote, lines)
    if bool(counts["month_first"]) is not bool(counts["day_first"]):
        lines = map(partial(_put_year_first, month_first=bool(counts["month_first"])), lines)
    return read_memory_list(lines, options)


def _put_year_first(line: str, *, month_first: bool) -> str:
    """Return a line with its date as 2025-01-13, in a list whose other dates tell which is the month."""
    match = SLASHED_LABEL.match(line)
    if match is None:
        return line
    names = ("first", "second") if month_first else ("second", "first")
    month, day = (match[name].zfill(2) for name in names)
    return f"{match['before']}{match['year']}-{month}-{day}{line[match.end() :]}"


def unquote(line: str) -> str:
    """Remove the mark of a quotation in Markdown or mail."""
    return QUOTED.sub("", line, count=1)


def _decode_start(part: Part) -> str:
    data = read_start(part)
    return data.decode(detect_encoding(data) or "utf-8", errors="ignore").lstrip("\ufeff")


def _count_lines(text: str) -> Counter[str]:
    """Count the lines of the start of a text by what they are; "top" are those that can begin an entry."""
    counts: Counter[str] = Counter()
    entry_indent: int | None = None
    for line in text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES]:
        if line.startswith(">"):
            counts["quoted"] += 1
            line = unquote(line)
        counts["lines"] += bool(line.strip())
        if not line.strip() or RULE.fullmatch(line) or FENCE.fullmatch(line):
            continue
        if entry_indent is not None and measure_indent(line) > entry_indent:
            continue
        entry_indent = None
        if slashed := SLASHED_LABEL.match(line):
            counts["day_first"] += int(slashed["first"]) > 12
            counts["month_first"] += int(slashed["second"]) > 12
        if is_dated(line):
            counts.update(("dated", "top"))
        elif DATE_FIRST.fullmatch(line):
            counts.update(("date_first", "top"))
        elif TABLE_ROW.fullmatch(line):
            counts.update(("row", "top"))
            continue
        elif belongs_above(line):
            counts["evidence"] += 1
            continue
        elif get_heading(line):
            counts["heading"] += 1
            continue
        elif (item := get_item_text(line)) is not None:
            counts.update(("item", "top"))
            counts["date_last"] += DATE_LAST.fullmatch(item) is not None
            counts["sentence"] += ends_sentence(line)
        else:
            counts.update(("opening" if is_opening(line) and not counts["top"] else "free", "top"))
            continue
        entry_indent = measure_indent(line)
    return counts


def _is_memory_list(start: PartStart) -> bool:
    """Return whether a text is clearly a list of memories: most entries are dated, or an assistant introduces it."""
    if not start.is_text or start.suffix not in TEXT_SUFFIXES or start.text.startswith("---"):
        return False
    if is_messages(start):
        return False
    counts = _count_lines(start.text)
    return (_has_list(counts) or _is_bare_list(start, counts)) and not is_known_table(start)


def _is_bare_list(start: PartStart, counts: Counter[str]) -> bool:
    """Return whether a file has nothing but items, and is named after memories or, alone, has sentences as items."""
    if counts["item"] < MIN_ITEMS:
        return False
    is_named = NAMES.search(start.part.stem.lower()) is not None
    if counts["item"] < counts["top"]:  # an assistant may have put some lines around the items
        return is_named and counts["item"] * 2 > counts["top"]
    is_alone = len(start.parts) <= 1
    return is_named or (is_alone and counts["sentence"] * 2 > counts["item"])


def _has_list(counts: Counter[str]) -> bool:
    if counts["dated"] and counts["dated"] * 2 >= counts["top"] - counts["opening"]:
        return True
    entries = counts["dated"] + counts["item"] + counts["row"]
    return entries >= MIN_ITEMS and bool(counts["opening"] or counts["evidence"] >= MIN_ITEMS)


def _is_text(start: PartStart) -> bool:
    suffix = start.suffix
    # "2025.01.05 notes" has no ending.
    return start.is_text and (suffix in TEXT_SUFFIXES or " " in suffix or suffix[1:].isdigit())


LABEL = gettext_lazy("Plain text")
MEMORY_LIST = Format("text", LABEL, _is_memory_list, _read_plain_text)
TEXT = Format("text", LABEL, _is_text, _read_plain_text)
