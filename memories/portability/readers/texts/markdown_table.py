"""Tables in Markdown, within an answer of an assistant or a note."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo

from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.tables.columns import find_columns
from memories.portability.readers.tables.rows import RowReader
from memories.portability.readers.texts.lines import strip_lead_in, strip_marks

LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
MIN_ROWS = 3  # the header, the rule below it, and a row


def parse_table(
    lines: Sequence[str], zone: tzinfo, tags: tuple[str, ...] = ()
) -> Iterator[ReadResult] | None:
    """Return the memories of a table: its column with texts, or each row as a whole; None for what is no table."""
    rows = [_split_cells(line) for line in lines]
    if len(rows) < MIN_ROWS or not _is_rule(rows[1]):
        return None
    return _read_rows(rows[0], rows[2:], zone, tags)


def _read_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], zone: tzinfo, tags: tuple[str, ...]
) -> Iterator[ReadResult]:
    columns = find_columns(header)
    reader = RowReader(columns, zone) if columns.text is not None else None
    for row in rows:
        if reader is not None:
            for result in reader.read_row(row):
                yield _add_tags(result, tags)
        elif any(row):
            yield ImportItem(_join_row(header, row), tags)


def _add_tags(result: ReadResult, tags: tuple[str, ...]) -> ReadResult:
    if not isinstance(result, ImportItem) or not tags:
        return result
    return replace(result, tags=(*tags, *result.tags))


def _join_row(header: Sequence[str], row: Sequence[str]) -> str:
    """Return a row as a text: two cells as "Diet: vegan", more with the names of their columns."""
    cells = [cell for cell in row if cell]
    if len(header) == 2:
        return ": ".join(cells)
    named = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip([*header, *[""] * len(row)], row, strict=False)
        if cell
    ]
    return "\n".join(named)


def _is_rule(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell and not cell.strip("-: ") and "-" in cell for cell in cells)


def _split_cells(line: str) -> list[str]:
    """Split at bars that are not escaped."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    cells = inner.replace("\\|", "\0").split("|")
    return [_clean_cell(cell.replace("\0", "|")) for cell in cells]


def _clean_cell(cell: str) -> str:
    text = strip_marks(LINE_BREAK.sub("\n", cell).strip())
    return strip_lead_in(text)
