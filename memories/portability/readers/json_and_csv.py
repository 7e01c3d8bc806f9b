"""Readers for JSON lists (mem0 and similar exports), portable-ai-memory, and CSV tables."""

import csv
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from memories.portability.readers.archives import Part, make_file_error
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry, parse_expiry, parse_time
from memories.portability.readers.streams import iterate_values, read_lines, read_outline
from memories.portability.readers.text_and_markdown import limit_tags

TEXT_KEYS = ("memory", "content", "text", "value", "summary", "data")
TIME_KEYS = ("created_at", "createdAt", "create_time", "created", "timestamp", "date", "updated_at")
TAG_KEYS = ("tags", "categories", "labels")
OUTDATED_STATUSES = ("superseded", "deprecated", "retracted", "archived")  # in portable-ai-memory
FORMULA_CHARACTERS = "=+-@\t\r'"  # start a formula in a spreadsheet; ' is the escape itself


def read_list(part: Part) -> Iterator[ReadResult]:
    """Read an array of objects or strings, at the top level or under `results` or `memories`."""
    is_list, keys = read_outline(part)
    path = "item" if is_list else "results.item" if "results" in keys else "memories.item"
    for value in iterate_values(part, path):
        yield _parse_entry(value)


def _parse_entry(value: object) -> ReadResult:
    if isinstance(value, str):
        return ImportItem(value)
    if not isinstance(value, dict):
        return SkippedEntry("not_a_memory")
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    if value.get("status") in OUTDATED_STATUSES:
        return SkippedEntry("superseded")
    return ImportItem(text, _get_tags(value), _get_time(value), expires_at=_get_expiry(value))


def _get_tags(value: dict[str, object]) -> tuple[str, ...]:
    tags: list[str] = []
    for key in TAG_KEYS:
        entry = value.get(key)
        tags += [entry] if isinstance(entry, str) else entry if isinstance(entry, list) else []
    return limit_tags([tag for tag in tags if isinstance(tag, str)])


def _get_time(value: dict[str, object]) -> datetime | None:
    temporal = value.get("temporal")
    sources = [value, temporal] if isinstance(temporal, dict) else [value]
    times = (parse_time(source[key]) for source in sources for key in TIME_KEYS if key in source)
    return next((time for time in times if time), None)


def _get_expiry(value: dict[str, object]) -> datetime | None:
    temporal = value.get("temporal")
    until = temporal.get("valid_until") if isinstance(temporal, dict) else value.get("expiration_date")
    try:
        return parse_expiry(until)
    except ValueError:
        return parse_time(until)


# --- CSV --------------------------------------------------------------------------------------------------


def read_table(part: Part) -> Iterator[ReadResult]:
    """Read CSV with a column `text` (or `memory`, `content`) and optional `tags`, `created_at`, `expires_at`."""
    try:
        for row in csv.DictReader(f"{line}\n" for line in read_lines(part)):
            yield _parse_row(
                {str(key).strip().lower(): value for key, value in row.items() if isinstance(value, str)}
            )
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None


def _parse_row(row: dict[str, str]) -> ReadResult:
    text = next((row[key] for key in TEXT_KEYS if key in row), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    tags = limit_tags(
        [unescape_formula(tag.strip()) for tag in unescape_formula(row.get("tags", "")).split(";")]
    )
    try:
        expires_at = parse_expiry(row.get("expires_at") or None)
    except ValueError:
        expires_at = None
    return ImportItem(
        unescape_formula(text),
        tags,
        _get_time(dict(row)),
        visibility=row.get("visibility") or "private",
        expires_at=expires_at,
    )


def escape_formula(cell: str) -> str:
    """Prefix a cell that a spreadsheet could run as a formula (OWASP, CSV injection); see `unescape_formula`."""
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA_CHARACTERS else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULA_CHARACTERS else cell
