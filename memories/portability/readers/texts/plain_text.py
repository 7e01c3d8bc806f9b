"""Plain text, pasted or as a file: a list of memories, or lines and paragraphs."""

import re
from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.encodings import detect_encoding
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines, read_start
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult
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
    is_quoted = counts["quoted"] * 2 > counts["lines"]
    return read_memory_list(map(unquote, read_lines(part)) if is_quoted else read_lines(part), options)


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
    counts = _count_lines(start.text)
    return (_has_list(counts) or _is_bare_list(start, counts)) and not is_known_table(start)


def _is_bare_list(start: PartStart, counts: Counter[str]) -> bool:
    """Return whether a file has nothing but items, and is named after memories or, alone, has sentences as items."""
    if counts["item"] < MIN_ITEMS or counts["item"] < counts["top"]:
        return False
    is_alone = len(start.parts) <= 1
    return NAMES.search(start.part.stem.lower()) is not None or (
        is_alone and counts["sentence"] * 2 > counts["item"]
    )


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
