"""Read the rows of a table whose columns are known."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo

import orjson

from memories.models import Visibility
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.reasons import REASONS_OF_STATES
from memories.portability.readers.tables.column_names import ASSISTANTS, MACHINES, UNDATED
from memories.portability.readers.tables.columns import Columns
from memories.portability.readers.times import parse_expiry, pick_time

FORMULA_CHARACTERS = "=+-@\t\r'"  # start a formula in a spreadsheet; ' is the escape itself
TAG_SEPARATORS = re.compile(r"[;,|\n]")
NOTHING = frozenset({"", "{}", "[]", "null", "None"})
GONE = frozenset({"in_trash", "archived", "superseded", "expired"})  # states in which a row does not come
SLASHED_DATE = re.compile(r"(\d{1,2})([/-])(\d{1,2})[/-](\d{4})\b")
NO = frozenset({"", "0", "false", "no", "nein", "non", "nee", "falsch", "faux", "null", "none", "n"})


def escape_formula(cell: str) -> str:
    """Prefix a cell that a spreadsheet could run as a formula (OWASP, CSV injection); see `unescape_formula`."""
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA_CHARACTERS else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULA_CHARACTERS else cell


class RowReader:
    """Reads rows with these columns, of which one has the texts.

    month_first: whether 02/03/2025 is February 3; None if the table does not tell.
    """

    def __init__(
        self,
        columns: Columns,
        zone: tzinfo = UTC,
        chats: ChatFilter = ChatFilter.MINE,
        *,
        month_first: bool | None = None,
    ) -> None:
        self._month_first = month_first
        self._columns = columns
        self._zone = zone
        self._chats = chats

    def read_row(self, row: Sequence[str]) -> Iterator[ReadResult]:
        """Yield the memory of a row, and its link; nothing for an empty row."""
        columns = self._columns
        if not any(cell.strip(" -:\t\r\n") for cell in row):  # empty, or the rule below a header
            return
        if any(
            cell.strip() for cell in row[len(columns.names) :]
        ):  # a delimiter within a text that is not quoted
            yield SkippedEntry("not_a_memory")
            return
        cells = [*row, *[""] * (len(columns.names) - len(row))]
        if reason := self._find_reason(cells):
            yield SkippedEntry(reason)
            return
        try:
            expires_at = parse_expiry(self._get(cells, columns.end) or None, self._zone)
        except ValueError:
            yield SkippedEntry("unread_expiry")
            return
        text = self._build_text(cells)
        if not text:
            yield SkippedEntry("blank")
            return
        times = (self._order_date(cells[place].strip()) for place in columns.times)
        created_at, notes = pick_time([time for time in times if time.casefold() not in UNDATED], self._zone)
        dropped = any(cells[place].strip() not in NOTHING for place in columns.rest)
        own_id = self._get(cells, columns.own_id)
        yield ImportItem(
            text,
            tuple(tag for place in columns.tags for tag in split_tags(cells[place])),
            created_at,
            visibility=self._get(cells, columns.visibility).lower() or Visibility.PRIVATE.value,
            expires_at=expires_at,
            pinned=True if self._get(cells, columns.pinned).casefold() == "true" else None,
            file_id=own_id or None,
            notes=(*notes, *(("fields_dropped",) if dropped else ())),
        )
        if own_id and (older := self._get(cells, columns.supersedes)):
            yield ImportLink(own_id, older)

    def _order_date(self, text: str) -> str:
        """Return a date such as 02/03/2025 with the year first, if the table tells which is the month."""
        match = SLASHED_DATE.match(text) if self._month_first is not None else None
        if match is None:
            return text
        month, day = (match[1], match[3]) if self._month_first else (match[3], match[1])
        return f"{match[4]}-{month:0>2}-{day:0>2}{text[match.end() :]}"

    def _get(self, cells: Sequence[str], place: int | None) -> str:
        return "" if place is None else cells[place].strip()

    def _find_reason(self, cells: Sequence[str]) -> str:
        columns, role = self._columns, self._get(cells, self._columns.role).casefold()
        if any(cells[place].strip().casefold() not in NO for place in columns.trashed):
            return "in_trash"
        if any(cells[place].strip().casefold() not in NO for place in columns.archived):
            return "archived"
        states = (REASONS_OF_STATES.get(cells[place].strip().casefold(), "") for place in columns.states)
        if reason := next((state for state in states if state in GONE), ""):
            return reason
        if role and self._chats is ChatFilter.NONE:
            return "conversation"
        if role in MACHINES:
            return "no_text"
        return "of_the_assistant" if role in ASSISTANTS and self._chats is ChatFilter.MINE else ""

    def _build_text(self, cells: Sequence[str]) -> str:
        columns = self._columns
        title = unescape_formula(self._get(cells, columns.title)).strip()
        text = unescape_formula(cells[columns.text or 0].strip())
        if self._get(cells, columns.role).casefold() in ASSISTANTS:
            text = f"Assistant: {text}"
        if title and not text.strip().startswith(title):
            text = (
                f"{title}\n\n{text}".strip()
                if "\n" in text or len(title) > 80
                else f"{title}: {text}".strip(": ")
            )
        more = (unescape_formula(self._get(cells, place)) for place in columns.details)
        return "\n\n".join([*([text] if text.strip() else []), *filter(None, more)])


def find_month_first(rows: Sequence[Sequence[str]], columns: Columns) -> bool | None:
    """Return whether the dates of a table have the month first, by those that can only be read one way."""
    matches = (
        SLASHED_DATE.match(row[place].strip()) for row in rows for place in columns.times if place < len(row)
    )
    parts = [(int(match[1]), int(match[3])) for match in matches if match]
    has_day_first = any(first > 12 for first, _second in parts)
    has_month_first = any(second > 12 for _first, second in parts)
    return has_month_first if has_month_first is not has_day_first else None


def split_tags(cell: str) -> list[str]:
    """Return the tags in a cell: a JSON list, or names between semicolons, commas, bars or line breaks."""
    cell = unescape_formula(cell.strip())
    if cell.startswith("["):
        try:
            value = orjson.loads(cell)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, list):
            return [tag for tag in value if isinstance(tag, str)]
        cell = cell.strip("[]")
    separator = ";" if ";" in cell else None
    names = cell.split(separator) if separator else TAG_SEPARATORS.split(cell)
    return [
        name
        for each in names
        if (name := unescape_formula(each.strip().strip("\"'")).strip().removeprefix("#"))
    ]
