"""Readwise: the CSV with all highlights.

Source: the header of Readwise's export (readwise.io/export): Highlight, Book Title, Book Author, Amazon Book ID, Note,
Color, Tags, Location Type, Location, Highlighted at, Document tags.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.tables.named_rows import has_columns, read_named_rows
from memories.portability.readers.tables.quotes import build_quote
from memories.portability.readers.tables.rows import split_tags, unescape_formula
from memories.portability.readers.times import pick_time

COLUMNS = ("highlight", "book title", "highlighted at")


def _read_readwise(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for row in read_named_rows(part):
        if row is None:
            yield SkippedEntry("not_a_memory")
        elif not any(row.values()):
            continue
        elif text := build_quote(
            unescape_formula(row["highlight"]),
            row["book title"],
            row.get("book author", ""),
            row.get("note", ""),
        ):
            created_at, notes = pick_time([row["highlighted at"]], context.zone)
            tags = (*split_tags(row.get("tags", "")), *split_tags(row.get("document tags", "")))
            yield ImportItem(text, tags, created_at, notes=notes)
        else:
            yield SkippedEntry("blank")


READWISE = Format(
    "readwise", gettext_lazy("Readwise export"), lambda start: has_columns(start, COLUMNS), _read_readwise
)
