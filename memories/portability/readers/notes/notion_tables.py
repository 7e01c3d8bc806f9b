"""Databases of Notion's export: a table for each, beside a folder with the pages of its rows.

`Name <id>_all.csv` has all rows, `Name <id>.csv` those of one view. Rows without a page of their own are memories.
"""

import csv
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.front_matter import Properties
from memories.portability.readers.notes.markdown.note_text import squash
from memories.portability.readers.notes.markdown.properties import read_properties
from memories.portability.readers.notes.notion import build_page, has_notion_name, split_name

MIN_CUT_NAME = 25  # characters; longer titles are cut in the names of files
DELIMITERS = ",;\t"  # others than the comma come from a spreadsheet that saved it anew
PAGE_SUFFIXES = (".md", ".html")


def _read_table(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    index = context.remember("pages of Notion", lambda: _index_pages(context.parts))
    pages = index.get(_get_key(PurePosixPath(part.path).with_suffix("")), set())
    with_page = 0
    try:
        lines = (f"{line}\n" for line in read_lines(part))
        header = next(lines, "")
        delimiter = max(DELIMITERS, key=header.count)  # of the same number the first
        for row in csv.DictReader(chain([header], lines), delimiter=delimiter):
            cells: Properties = {
                name: cell.strip() for name, cell in row.items() if name and isinstance(cell, str)
            }
            title = str(next(iter(cells.values()), ""))
            if _has_page(title, pages):
                with_page += 1
                continue
            cells.pop(next(iter(cells), ""), None)
            about = read_properties(cells, context.zone, own_names=True)
            yield build_page(part, title, about, "", has_files=False)
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None
    if with_page:
        yield SkippedEntry("same_content", with_page)


def _index_pages(paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the titles of all pages by the folder that they are in, both without what spelling may differ in."""
    pages: dict[str, set[str]] = {}
    for path in map(PurePosixPath, paths):
        if path.suffix in PAGE_SUFFIXES and (title := split_name(path.stem)[0]):
            pages.setdefault(_get_key(path.parent), set()).add(squash(title))
    return pages


def _get_key(folder: PurePosixPath) -> str:
    """Return a folder, or the name of a table, without the id at its end: newer exports have none for folders."""
    return str(folder.parent / split_name(folder.name)[0])


def _has_page(title: str, pages: Collection[str]) -> bool:
    name = squash(title)
    return bool(name) and any(
        name[:length] in pages for length in {len(name), *range(MIN_CUT_NAME, len(name))}
    )


def _is_table(start: PartStart) -> bool:
    return start.suffix == ".csv" and has_notion_name(start) and start.is_text and start.part.size > 0


def _is_filtered(start: PartStart) -> bool:
    """Return whether it has some rows of a table that is there with all of them."""
    path = PurePosixPath(start.path)
    return _is_table(start) and str(path.with_name(f"{path.stem}_all.csv")) in start.parts


NOTION_TABLE = Format("notion", gettext_lazy("Notion export"), _is_table, _read_table)
NOTION_FILTERED_TABLE = RefusedKind(
    "notion_view", gettext_lazy("view of a Notion database"), _is_filtered, "same_content"
)
