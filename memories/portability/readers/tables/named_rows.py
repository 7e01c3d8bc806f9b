"""Rows of a product's table, by the names of their columns."""

import csv
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import PartStart
from memories.portability.readers.tables.columns import normalize_name
from memories.portability.readers.tables.dialects import detect_dialect, read_rows


def has_columns(start: PartStart, names: Iterable[str]) -> bool:
    """Return whether it is a table with all these columns."""
    first = start.text.partition("\n")[0].casefold()
    wanted = list(names)
    if not all(name.partition(" ")[0] in first for name in wanted):
        return False
    dialect = detect_dialect(start)
    return dialect is not None and set(wanted) <= set(map(normalize_name, dialect.header))


def read_named_rows(part: Part) -> Iterator[dict[str, str] | None]:
    """Yield each row as cells by the normalized name of their column; None for one with too many cells."""
    dialect = detect_dialect(PartStart(part))
    if dialect is None:
        return
    names = [normalize_name(name) for name in dialect.header]
    try:
        for row in read_rows(read_lines(part), dialect):
            if any(cell.strip() for cell in row[len(names) :]):
                yield None
            else:
                yield dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False))
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None
