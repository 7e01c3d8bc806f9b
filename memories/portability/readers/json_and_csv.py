"""Readers of lists: what mem0 and its like hand out, portable-ai-memory, and tables."""

import csv
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from memories.portability.readers.archives import Part, refused
from memories.portability.readers.items import Found, Item, Skipped, future, moment
from memories.portability.readers.streams import lines_of, outline, values_at
from memories.portability.readers.text_and_markdown import tags_within

TEXT_KEYS = ("memory", "content", "text", "value", "summary", "data")
TIME_KEYS = ("created_at", "createdAt", "create_time", "created", "timestamp", "date", "updated_at")
TAG_KEYS = ("tags", "categories", "labels")
OUT_OF_DATE = ("superseded", "deprecated", "retracted", "archived")  # as portable-ai-memory calls it
GUARDED = "=+-@\t\r'"  # what a spreadsheet would take for a formula, and the mark that keeps it from that


def read_list(part: Part) -> Iterator[Found]:
    """An array of objects, or of strings, by itself or as `results` or `memories`."""
    is_list, keys = outline(part)
    path = "item" if is_list else "results.item" if "results" in keys else "memories.item"
    for value in values_at(part, path):
        yield _listed(value)


def _listed(value: object) -> Found:
    if isinstance(value, str):
        return Item(value)
    if not isinstance(value, dict):
        return Skipped("not_a_memory")
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if text is None:
        return Skipped("not_a_memory")
    if value.get("status") in OUT_OF_DATE:
        return Skipped("superseded")
    return Item(text, _tags(value), _time(value), expires_at=_expiry(value))


def _tags(value: dict[str, object]) -> tuple[str, ...]:
    found: list[str] = []
    for key in TAG_KEYS:
        given = value.get(key)
        found += [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return tags_within([tag for tag in found if isinstance(tag, str)])


def _time(value: dict[str, object]) -> datetime | None:
    temporal = value.get("temporal")
    places = [value, temporal] if isinstance(temporal, dict) else [value]
    times = (moment(place[key]) for place in places for key in TIME_KEYS if key in place)
    return next((time for time in times if time), None)


def _expiry(value: dict[str, object]) -> datetime | None:
    temporal = value.get("temporal")
    until = temporal.get("valid_until") if isinstance(temporal, dict) else value.get("expiration_date")
    try:
        return future(until)
    except ValueError:
        return moment(until)


# --- Tables -----------------------------------------------------------------------------------------------


def read_table(part: Part) -> Iterator[Found]:
    """CSV with a column `text` (or `memory`, `content`) and perhaps `tags`, `created_at`, `expires_at`."""
    try:
        for row in csv.DictReader(f"{line}\n" for line in lines_of(part)):
            yield _row(
                {str(key).strip().lower(): value for key, value in row.items() if isinstance(value, str)}
            )
    except csv.Error:
        raise refused(_("This table is broken: a cell of it does not end."), "broken_table") from None


def _row(row: dict[str, str]) -> Found:
    text = next((row[key] for key in TEXT_KEYS if key in row), None)
    if text is None:
        return Skipped("not_a_memory")
    tags = tags_within([unguarded(tag.strip()) for tag in unguarded(row.get("tags", "")).split(";")])
    try:
        expires_at = future(row.get("expires_at") or None)
    except ValueError:
        expires_at = None
    return Item(
        unguarded(text),
        tags,
        _time(dict(row)),
        visibility=row.get("visibility") or "private",
        expires_at=expires_at,
    )


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection); `unguarded` gives back what it was."""
    return f"'{cell}" if cell[:1] and cell[0] in GUARDED else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in GUARDED else cell
