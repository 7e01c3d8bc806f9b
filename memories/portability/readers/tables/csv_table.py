"""Tables: a column with texts, and optional ones with tags, times and expiry."""

import csv
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import SUPERSEDES, TEXT_KEYS, build_links, get_time
from memories.portability.readers.times import parse_expiry

FORMULA_CHARACTERS = "=+-@\t\r'"  # start a formula in a spreadsheet; ' is the escape itself


def _read_table(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    """Read CSV with a column `text` (or `memory`, `content`) and optional `tags`, `created_at`, `expires_at`."""
    try:
        for row in csv.DictReader(f"{line}\n" for line in read_lines(part)):
            values = {str(key).strip().lower(): value for key, value in row.items() if isinstance(value, str)}
            yield _parse_row(values)
            yield from build_links([values.get("id") or None], [values.get(SUPERSEDES) or None])
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None


def _parse_row(row: dict[str, str]) -> ReadResult:
    text = next((row[key] for key in TEXT_KEYS if key in row), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    tags = tuple(unescape_formula(tag.strip()) for tag in unescape_formula(row.get("tags", "")).split(";"))
    try:
        expires_at = parse_expiry(row.get("expires_at") or None)
    except ValueError:
        expires_at = None
    return ImportItem(
        unescape_formula(text),
        tags,
        get_time(dict(row)),
        visibility=row.get("visibility") or "private",
        expires_at=expires_at,
        file_id=row.get("id") or None,
    )


def escape_formula(cell: str) -> str:
    """Prefix a cell that a spreadsheet could run as a formula (OWASP, CSV injection); see `unescape_formula`."""
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA_CHARACTERS else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULA_CHARACTERS else cell


def _is_table(start: PartStart) -> bool:
    header = start.text.partition("\n")[0]
    try:
        names = [name.strip().lower() for name in next(csv.reader([header]), [])]
    except csv.Error:
        return False
    return (len(names) > 1 and any(key in names for key in TEXT_KEYS)) or names == ["text"]


TABLE = Format("table", gettext_lazy("Table (CSV)"), _is_table, _read_table)
