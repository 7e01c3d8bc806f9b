"""Anki: notes in plain text.

Source: Anki's manual, "Text Files": a head of lines such as #separator:tab, #html:true, #tags column:3, then a row a
note; without a head of columns each cell is a field.
"""

import csv
import re
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, ReadContext
from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry

SEPARATORS = {
    "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " ",
}  # fmt: skip
MAX_HEAD = 20
SOUND = re.compile(r"\[sound:[^\[\]]{1,300}\]")
MEDIA = re.compile(r"<(?:img|audio|video)\b|\[sound:", re.IGNORECASE)
FIRST_KEYS = ("#separator:", "#html:", "#tags column:", "#deck column:", "#notetype column:", "#guid column:")


def _read_anki(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    """Read each note: its fields below each other, tagged with its tags and deck."""
    head: dict[str, str] = {}
    lines = read_lines(part)
    first = ""
    for first in lines:
        key, mark, value = first.lstrip("\ufeff").partition(":")
        if not first.lstrip("\ufeff").startswith("#") or not mark or len(head) > MAX_HEAD:
            break
        head[key[1:].strip().lower()] = value.strip()
        first = ""
    separator = head.get("separator", "tab")
    delimiter = SEPARATORS.get(separator.lower(), separator[:1] or "\t")
    rows = csv.reader(_chain(first, lines), delimiter=delimiter)
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _parse_note(row, head)
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield f"{first}\n"
    for line in lines:
        yield f"{line}\n"


def _parse_note(row: list[str], head: dict[str, str]) -> ReadResult:
    places = {
        name: int(head[f"{name} column"]) - 1
        for name in ("tags", "deck", "notetype", "guid")
        if head.get(f"{name} column", "").isdecimal()
    }

    def get(name: str) -> str:
        place = places.get(name, len(row))
        return row[place].strip() if 0 <= place < len(row) else ""

    fields = [cell for place, cell in enumerate(row) if place not in places.values()]
    has_media = any(MEDIA.search(field) for field in fields)
    if head.get("html", "").lower() == "true":
        fields = [html_to_text(field) for field in fields]
    text = "\n".join(filter(None, map(str.strip, fields)))
    if not SOUND.sub("", text).strip():
        return SkippedEntry("no_text")
    tags = [*get("tags").split(), *head.get("tags", "").split(), get("deck") or head.get("deck", "")]
    notes = ("attachments_dropped",) if has_media else ()
    return ImportItem(SOUND.sub("", text).strip(), tuple(filter(None, tags)), notes=notes)


ANKI = Format(
    "anki",
    gettext_lazy("Anki notes"),
    lambda start: start.text.lower().startswith(FIRST_KEYS),
    _read_anki,
)
