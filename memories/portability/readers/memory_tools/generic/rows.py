"""Lists of lists: rows of a table, [["date", "text"], ["2025-01-03", "I keep bees"]], perhaps without a header."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from itertools import chain

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import merge_tags
from memories.portability.readers.memory_tools.generic.place import Place
from memories.portability.readers.memory_tools.prose import is_prose, is_readable
from memories.portability.readers.tables.columns import find_columns
from memories.portability.readers.tables.rows import RowReader, find_month_first
from memories.portability.readers.times import parse_time

LIKE_A_DATE = re.compile(
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}.{0,24}|\d{1,2}[/.]\d{1,2}[/.]\d{4}.{0,16}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|"
    r"\d{1,2}\.? [^\W\d_]{3,12}\.? \d{4}|\d{10}|\d{13}"
)


class ListRows:
    """Reads rows by their header, else each by its cells: the one with a date, and those with a text."""

    def __init__(self, head: Sequence[object], zone: tzinfo) -> None:
        rows = [_to_cells(row) for row in head if is_row(row)]
        columns = find_columns(rows[0])
        self._zone = zone
        self._reader = None
        if columns.text is not None:
            self._reader = RowReader(columns, zone, month_first=find_month_first(rows[1:], columns))

    @property
    def has_header(self) -> bool:
        return self._reader is not None

    def read(self, row: object) -> Iterator[ReadResult]:
        if not is_row(row):
            yield SkippedEntry("not_a_memory")
        elif self._reader is not None:
            yield from self._reader.read_row(_to_cells(row))
        else:
            yield self._read_cells(_to_cells(row))

    def _read_cells(self, cells: list[str]) -> ReadResult:
        times = {place: time for place, cell in enumerate(cells) if (time := _parse_date(cell, self._zone))}
        own = [cell for place, cell in enumerate(cells) if place not in times]
        texts = [cell for cell in own if is_prose(cell)] or [cell for cell in own if is_readable(cell)][:1]
        others = [cell for cell in own if cell and cell not in texts]
        if not texts:
            return SkippedEntry("not_a_memory")
        tags = tuple(cell for cell in others if cell.isalpha())
        notes = ("fields_dropped",) if len(tags) < len(others) else ()
        return ImportItem("\n".join(texts), tags, next(iter(times.values()), None), notes=notes)


def read_rows(head: list[object], rest: Iterator[object], place: Place) -> Iterator[ReadResult]:
    rows = ListRows(head, place.context.zone)
    for value in chain(head[rows.has_header :], rest):
        for result in rows.read(value):
            if isinstance(result, ImportItem) and place.tags:
                result = replace(result, tags=merge_tags(result.tags, place.tags))
            yield result


def is_row(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 1
        and not any(isinstance(cell, list | dict) for cell in value)
        and any(isinstance(cell, str) for cell in value)
    )


def are_rows(head: Sequence[object], zone: tzinfo) -> bool:
    """Return whether a list is a table: it has a header, or each row has a date beside its text."""
    if not head or not all(map(is_row, head)):
        return False
    rows = [_to_cells(row) for row in head]
    if len({len(row) for row in rows}) > 1:
        return False
    return ListRows(head, zone).has_header or all(
        any(_parse_date(cell, zone) for cell in row) for row in rows
    )


def _to_cells(row: object) -> list[str]:
    cells = row if isinstance(row, list) else []
    return ["" if cell is None else str(cell).strip() for cell in cells]


def _parse_date(cell: str, zone: tzinfo) -> datetime | None:
    return parse_time(cell, zone) if LIKE_A_DATE.fullmatch(cell) else None
