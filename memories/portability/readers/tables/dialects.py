"""How a table is written: what separates its cells, and which of its rows is the header."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile

from memories.portability.readers.formats import PartStart
from memories.portability.readers.tables.columns import count_known, find_columns

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".psv"})
PASTED_SUFFIXES = frozenset({"", ".txt", ".text"})
DELIMITERS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>.)"?', re.IGNORECASE)  # Excel's
SAMPLE_ROWS = 50
MAX_PREAMBLE = 5  # rows above the header, such as the title of a spreadsheet
MAX_NAME_CHARACTERS = 60
NUMBER = re.compile(r"[-+]?[\d.,\s]*\d\s?(?:%|€|\$|[a-zA-Z]{1,3})?")
NO_DELIMITER = "\x1f"  # of a table with one column
MIN_REGULAR = 0.5  # of rows
END = "\0end of the table\0"  # a line that no table has


@dataclass(frozen=True)
class Dialect:
    """delimiter: between cells. header: the names of the columns. skipped: rows above it, of which `titles` are filled.

    has_separator_line: the first line names the delimiter.
    """

    delimiter: str
    header: tuple[str, ...]
    skipped: int = 0
    titles: int = 0
    has_separator_line: bool = False


def detect_dialect(start: PartStart) -> Dialect | None:
    """Return how a table is written; None for what is no table.

    A file that is named a table is one. Of other texts, those are whose header has a known column with texts, or whose
    rows have as many cells as the header, with numbers, dates or quotes as tables have.
    """
    named = start.suffix in TABLE_SUFFIXES
    if not start.is_text or not (named or start.suffix in PASTED_SUFFIXES):
        return None
    lines = list(_skip_blank_lines(start.decoded.split("\n")))
    if not lines:
        return None
    has_separator_line = SEPARATOR_LINE.fullmatch(lines[0].strip()) is not None
    if has_separator_line:
        delimiter = lines[0].strip().strip('"')[4:5]
        dialect = _read_header(lines[1:], delimiter)
        return dialect and replace(dialect, has_separator_line=True)
    candidates = [dialect for each in DELIMITERS if (dialect := _read_header(lines, each))]
    wide = [each for each in candidates if len(each.header) > 1]
    best = max(wide, key=lambda each: _rate(each, lines), default=None)
    if named:
        is_uneven = (
            best is not None
            and not count_known(best.header)
            and _measure_regularity(best, lines) < MIN_REGULAR
        )
        if best is None or is_uneven:  # a list with one text a line
            return _read_header(lines, NO_DELIMITER)
        return best
    if best is not None and _is_clear(best, lines):
        return best
    header = lines[0].strip().strip('"').lower()
    return Dialect(NO_DELIMITER, (header,)) if header in ("text", "memory", "memories") else None


def read_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    """Yield the rows below the header. Raises csv.Error for a quoted cell that goes on for too long."""
    source = _skip_blank_lines(lines)
    if dialect.has_separator_line:
        next(source, None)
    rows = csv.reader(_end_lines(source), delimiter=dialect.delimiter)
    for number, row in enumerate(rows):
        if row and row[-1].endswith(END):
            yield from _recover_rows(row, dialect.delimiter)
        elif number > dialect.skipped:
            yield row


def _skip_blank_lines(lines: Iterable[str]) -> Iterator[str]:
    return dropwhile(lambda line: not line.strip("\ufeff \t"), lines)


def _recover_rows(row: list[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the rows that the last cell has swallowed because its quote is not closed."""
    *cells, swallowed = row
    first, *lines = swallowed.removesuffix(END).split("\n")
    yield [*cells, first]
    yield from csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _end_lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield f"{line}\n".replace("\0", "")
    yield END


def _read_header(lines: list[str], delimiter: str) -> Dialect | None:
    rows = _read_sample(lines, delimiter)
    filled = [number for number, row in enumerate(rows[:MAX_PREAMBLE]) if any(cell.strip() for cell in row)]
    if not filled:
        return None
    known = (
        number for number in filled if len(rows[number]) > 1 and find_columns(rows[number]).text is not None
    )
    place = next(known, None)
    if place is None:
        widest = Counter(len(row) for row in rows if row).most_common(1)[0][0]
        place = next((number for number in filled if len(rows[number]) >= widest), filled[0])
    header = rows[place]
    while (
        len(header) > 1
        and not header[-1].strip()
        and not any(row[len(header) - 1 :] for row in rows[place + 1 :])
    ):
        header = header[:-1]
    return Dialect(delimiter, tuple(name.strip() for name in header), place, filled.index(place))


def _read_sample(lines: list[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader((f"{line}\n" for line in lines), delimiter=delimiter):
            rows.append(row)
            if len(rows) >= SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows


def _rate(dialect: Dialect, lines: list[str]) -> tuple[int, float, int]:
    return (
        count_known(dialect.header) + 2 * (find_columns(dialect.header).text is not None),
        _measure_regularity(dialect, lines),
        len(dialect.header),
    )


def _measure_regularity(dialect: Dialect, lines: list[str]) -> float:
    """Return the share of rows with as many cells as the header."""
    rows = [row for row in _read_sample(lines, dialect.delimiter)[dialect.skipped + 1 :] if row]
    whole = rows[:-1] if len(rows) > 1 else rows  # the last may be cut off
    return sum(len(row) == len(dialect.header) for row in whole) / len(whole) if whole else 0.0


def _is_clear(dialect: Dialect, lines: list[str]) -> bool:
    """Return whether a text without the name of a table is one, not prose with commas."""
    header = dialect.header
    if not all(0 < len(name) <= MAX_NAME_CHARACTERS and name[-1] not in ".!?:" for name in header if name):
        return False
    if not header[0] or len({*header}) < len(header) or any(name.count(" ") > 4 for name in header):
        return False
    regularity = _measure_regularity(dialect, lines)
    columns = find_columns(header)
    if (
        columns.text is not None
        and count_known(header) == len(header)
        and f"{dialect.delimiter} " not in lines[0]
    ):
        return True
    if columns.text is not None and count_known(header) * 2 >= len(header):
        return regularity >= MIN_REGULAR
    if regularity < 0.9 or len(lines) < 2:
        return False
    if columns.text is not None:
        return True
    rows = _read_sample(lines, dialect.delimiter)[dialect.skipped + 1 :]
    return _has_data(rows) and not any(map(is_data, header))


def _has_data(rows: list[list[str]]) -> bool:
    """Return whether some column holds nothing but numbers, dates or the like."""
    whole = [row for row in rows if len(row) > 1]
    return any(all(map(is_data, column)) for column in zip(*whole, strict=False)) if whole else False


def is_data(cell: str) -> bool:
    cell = cell.strip()
    if NUMBER.fullmatch(cell) or cell.startswith(("http://", "https://")):
        return True
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def read_sample_rows(start: PartStart, dialect: Dialect) -> list[list[str]]:
    """Return the first rows below the header."""
    lines = list(_skip_blank_lines(start.decoded.split("\n")))[dialect.has_separator_line :]
    return _read_sample(lines, dialect.delimiter)[dialect.skipped + 1 :]


def has_texts(start: PartStart, dialect: Dialect) -> bool:
    """Return whether the first column holds more than numbers, dates and addresses."""
    rows = read_sample_rows(start, dialect)
    return not all(is_data(row[0]) for row in rows if row and row[0].strip())


def is_known_table(start: PartStart) -> bool:
    """Return whether it is a table of which the column with the texts is known."""
    dialect = detect_dialect(start)
    return dialect is not None and find_columns(dialect.header).text is not None
