"""Kindle: "My Clippings.txt" of a device, in the languages of its menu.

Source: the file as readers of it in many languages describe it: the book with its author in parentheses, a line "- Your
Highlight on page 12 | Location 170-172 | Added on Sunday, 5 January 2025 10:15:32", a blank line, the text, and a line
of ten "=".
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.tables.quotes import build_quote
from memories.portability.readers.times import parse_time

END = "=========="
MAX_LINES = 10_000  # of a clipping
META = re.compile(r"- .*\d")
AUTHOR = re.compile(r"(?P<title>.*)[(（](?P<author>[^()（）]*)[)）]\s*")
NOTE = re.compile(
    r"\b(?:note|notiz|nota|notitie|aantekening|anteckning|notat|заметка|notatka|not)\b|メモ|笔记|筆記|메모",
    re.IGNORECASE,
)
# "Added on", in front of the date.
ADDED = re.compile(
    r"^(?:added on|hinzugefügt am|ajouté le|añadido el|añadido|aggiunto in data|aggiunto il|adicionado(?: em|:)?|"
    r"toegevoegd op|dodano|tillagd|tilføjet|добавлено|添加于|新增於|作成日[:：]?|추가됨)[\s:：]*",
    re.IGNORECASE,
)
WEEKDAY = re.compile(
    r"^[^\d\s,]+?(?:\s*,\s*|\s+)(?=\d)|(?:星期|周)[一二三四五六日]|[月火水木金土日]曜日|[월화수목금토일]요일"
)
CJK_DATE = re.compile(
    r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]?\D*?(上午|下午|午前|午後|오전|오후)?\s*(\d{1,2}):(\d\d)(?::(\d\d))?"
)
AFTERNOON = ("下午", "午後", "오후")
LIMIT = re.compile(r"<[^<>]{10,120}>")  # "<You have reached the clipping limit for this item>"


def _is_clippings(start: PartStart) -> bool:
    lines = start.text.split("\n", 40)
    return (
        END in [line.strip() for line in lines]
        and len(lines) > 2
        and META.match(lines[1].strip()) is not None
    )


def _read_clippings(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    clipping: list[str] = []
    for line in read_lines(part):
        if line.strip() == END:
            yield from _parse_clipping(clipping, context.zone)
            clipping = []
        elif len(clipping) < MAX_LINES:
            clipping.append(line.strip("\ufeff "))
    if any(clipping):
        yield from _parse_clipping(clipping, context.zone)


def _parse_clipping(lines: Sequence[str], zone: tzinfo) -> Iterator[ReadResult]:
    if len(lines) < 2 or not META.match(lines[1]):
        yield SkippedEntry("not_a_memory")
        return
    text = "\n".join(lines[2:]).strip()
    if not text or LIMIT.fullmatch(text):  # a bookmark, or more than the publisher lets one copy
        yield SkippedEntry("blank")
        return
    match = AUTHOR.fullmatch(lines[0])
    title, author = (match["title"], match["author"]) if match else (lines[0], "")
    time = _parse_time(lines[1].rsplit("|", 1)[-1], zone)
    is_note = NOTE.search(lines[1].split("|", 1)[0]) is not None
    quote, note = ("", text) if is_note else (text, "")
    yield ImportItem(
        build_quote(quote, title, author, note), (title.strip(),), time, notes=() if time else ("undated",)
    )


def _parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Return the time of the clock on the device, which is that of its owner."""
    if match := CJK_DATE.search(text):
        year, month, day, half, hour, minute, second = match.groups()
        hours = int(hour) % 12 + 12 * (half in AFTERNOON) if half else int(hour)
        return parse_time(
            f"{year}-{month:0>2}-{day:0>2}T{hours:02}:{minute}:{second or '00'}", zone, local=True
        )
    text = WEEKDAY.sub("", ADDED.sub("", text.strip())).strip()
    text = text.replace(" um ", " ").removesuffix(" Uhr").removesuffix("г.").strip()
    return parse_time(text, zone, local=True)


KINDLE = Format("kindle", gettext_lazy("Kindle clippings"), _is_clippings, _read_clippings)
