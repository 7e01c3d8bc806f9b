"""Kindle: the notebook of a book, as the apps export it, in HTML or CSV.

Source: exports of the Kindle apps: HTML with the classes bookTitle, authors, sectionHeading, noteHeading and noteText;
CSV with some lines about the book above a header of four columns, of which the last is the annotation.
"""

import csv
import re
from collections.abc import Iterator
from typing import cast

from django.utils.translation import gettext_lazy
from lxml import etree

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines, read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.tables.quotes import build_quote

FIELDS = {
    "bookTitle": "title", "authors": "author", "sectionHeading": "section", "noteHeading": "heading", "noteText": "text"
}  # fmt: skip
NOTE = re.compile(
    r"^\s*(?:note|notiz|nota|notitie|anteckning|notat|заметка|notatka|メモ|笔记|筆記|메모)\b", re.IGNORECASE
)
CSV_START = re.compile(
    r'"?(?:your kindle notes for|ihre kindle-notizen|vos notes kindle|tus notas de kindle)', re.IGNORECASE
)
RULE = "-----"
PIECE_CHARACTERS = 65_536


def _is_notebook(start: PartStart) -> bool:
    return "noteHeading" in start.text and "bookTitle" in start.text and "<" in start.text[:1]


def _is_notebook_table(start: PartStart) -> bool:
    return CSV_START.match(start.text) is not None


class _NotebookParser:
    """Collects (field, text) pairs of a notebook in HTML."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self._field = ""
        self._depth = 0
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._field:
            self._depth += tag not in ("br", "img", "hr")
        elif field := FIELDS.get(attributes.get("class", "")):
            self._field, self._depth, self._text = field, 1, []

    def end(self, tag: str) -> None:
        if self._field and tag not in ("br", "img", "hr"):
            self._depth -= 1
            if not self._depth:
                self.pairs.append((self._field, "".join(self._text).strip()))
                self._field = ""

    def data(self, text: str) -> None:
        if self._field:
            self._text.append(text)

    def close(self) -> None:
        pass


def _read_notebook(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    parser_target = _NotebookParser()
    parser = etree.HTMLParser(
        target=cast("etree.ParserTarget", parser_target), no_network=True, encoding="utf-8"
    )
    data = read_text(part).encode()
    for start in range(0, len(data), PIECE_CHARACTERS):
        parser.feed(data[start : start + PIECE_CHARACTERS])
    if data:
        parser.close()
    known: dict[str, str] = {}
    for field, text in parser_target.pairs:
        known[field] = " ".join(text.split()) if field != "text" else text
        if field == "text":
            yield _build_item(text, known.get("heading", ""), known)


def _build_item(text: str, heading: str, known: dict[str, str]) -> ReadResult:
    title, author = known.get("title", ""), known.get("author", "")
    is_note = NOTE.match(heading) is not None
    quote = build_quote("" if is_note else text, title, author, text if is_note else "")
    return ImportItem(quote, (title,) if title else ()) if quote else SkippedEntry("blank")


def _read_notebook_table(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    above: list[str] = []  # the lines about the book
    has_header = False
    for row in csv.reader(f"{line}\n" for line in read_lines(part)):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if has_header and len(cells) >= 2:
            known = {"title": above[1] if len(above) > 1 else "", "author": _strip_by(above[2:3])}
            yield _build_item(cells[-1], cells[0], known)
        elif len([cell for cell in cells if cell]) >= 3:
            has_header = True
        elif not cells[0].startswith(RULE):
            above.append(cells[0])


def _strip_by(lines: list[str]) -> str:
    """Return the author of "by Ada Lovelace", whatever the language of the first word."""
    return re.sub(r"^(?:by|von|par|de|di|por|door)\s+", "", lines[0], flags=re.IGNORECASE) if lines else ""


LABEL = gettext_lazy("Kindle notebook")
KINDLE_NOTEBOOK = Format("kindle_notebook", LABEL, _is_notebook, _read_notebook)
KINDLE_NOTEBOOK_TABLE = Format("kindle_notebook", LABEL, _is_notebook_table, _read_notebook_table)
