"""Tables: a column with texts, and optional ones with titles, tags, times and ends of validity."""

import csv
from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.tables.columns import (
    Columns,
    count_known,
    find_columns,
    resolve_choice,
)
from memories.portability.readers.tables.dialects import (
    TABLE_SUFFIXES,
    Dialect,
    detect_dialect,
    has_texts,
    is_data,
    read_rows,
    read_sample_rows,
)
from memories.portability.readers.tables.rows import RowReader, find_month_first
from memories.portability.readers.tables.rows import escape_formula as escape_formula
from memories.portability.readers.tables.rows import unescape_formula as unescape_formula

MAX_NAMED = 20  # columns in an error
MIN_WORDS = 4  # of a first row that is no header


def _name_columns(header: Sequence[str]) -> list[str]:
    """Return the names to choose from. A column without one is called by its number, which names any column."""
    return [name or str(number) for number, name in enumerate(header, 1)]


def _read_table(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a table: its column with texts is known by its name, or chosen (`context.text_column`)."""
    start = PartStart(part)
    dialect = detect_dialect(start)
    if dialect is None:
        yield SkippedEntry("unknown_table")
        return
    columns = _find_columns(dialect.header, context)
    if columns.text is None and len(dialect.header) == 1 and has_texts(start, dialect):
        columns = find_columns(dialect.header, "1")
    if columns.text is None:
        if len(context.parts) <= 1:
            raise _make_unknown_error(dialect.header)
        yield SkippedEntry("unknown_table", columns=tuple(_name_columns(dialect.header)))
        return
    yield from _read_rows(part, dialect, columns, context)


def _find_columns(header: Sequence[str], context: ReadContext) -> Columns:
    columns = find_columns(header)
    chosen = resolve_choice(header, context.text_column)
    by_number = context.text_column.strip().isdecimal()
    if chosen is not None and (columns.text is None or len(context.parts) <= 1 or not by_number):
        return find_columns(header, context.text_column)
    return columns


def _read_rows(part: Part, dialect: Dialect, columns: Columns, context: ReadContext) -> Iterator[ReadResult]:
    sample = read_sample_rows(PartStart(part), dialect)
    month_first = find_month_first(sample, columns)
    reader = RowReader(columns, context.zone, context.chats, month_first=month_first)
    if dialect.titles:
        yield SkippedEntry("not_a_memory", dialect.titles)
    if _is_memory(dialect, columns):
        yield from reader.read_row(dialect.header)
    try:
        for row in read_rows(read_lines(part), dialect):
            if len(columns.names) == 1 and len(row) > 1:  # a text with the delimiter in it
                yield from reader.read_row([dialect.delimiter.join(row)])
            else:
                yield from reader.read_row(row)
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None


def _is_memory(dialect: Dialect, columns: Columns) -> bool:
    """Return whether the first row of a table without a header is a memory: it reads like one, or has a date."""
    name = dialect.header[columns.text or 0]
    if find_columns(columns.names).text is not None:
        return False
    if len(dialect.header) == 1:  # a list with a text a line
        return bool(name) and not count_known(dialect.header)
    has_data = any(is_data(cell) for cell in dialect.header if cell)
    return has_data or len(name.split()) >= MIN_WORDS or (name[-1:] in ".!?。！？" and " " in name)


def _make_unknown_error(header: Sequence[str]) -> ValidationError:
    names = _name_columns(header)
    message = _("It is a table whose columns are not known: %(columns)s. Choose the column with the texts.")
    named = ", ".join(names[:MAX_NAMED]) + ("…" if len(names) > MAX_NAMED else "")
    error = ValidationError(message, code="unknown_table", params={"columns": named, "names": names})
    return ValidationError({"file": error})


def _is_text_table(start: PartStart) -> bool:
    return start.suffix not in TABLE_SUFFIXES and detect_dialect(start) is not None


LABEL = gettext_lazy("Table (CSV)")
TABLE = Format("table", LABEL, lambda start: detect_dialect(start) is not None, _read_table)
# A table in a text file: tried before notes.
TEXT_TABLE = Format("table", LABEL, _is_text_table, _read_table)
