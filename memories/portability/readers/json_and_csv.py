"""Readers for JSON lists (mem0 and similar exports), portable-ai-memory, and CSV tables."""

import csv
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import product

from django.utils.translation import gettext as _

from memories.portability.readers.archives import Part, make_file_error
from memories.portability.readers.items import (
    ImportItem,
    ImportLink,
    ReadResult,
    SkippedEntry,
    parse_expiry,
    parse_time,
)
from memories.portability.readers.streams import iterate_values, read_lines, read_outline
from memories.portability.readers.text_and_markdown import limit_tags

TEXT_KEYS = ("memory", "content", "text", "value", "summary", "data")
TIME_KEYS = ("created_at", "createdAt", "create_time", "created", "timestamp", "date", "updated_at")
TAG_KEYS = ("tags", "categories", "labels")
SUPERSEDES, SUPERSEDED_BY, SUPERSEDED = "supersedes", "superseded_by", "superseded"
OUTDATED_STATUSES = (SUPERSEDED, "deprecated", "retracted", "archived")  # in portable-ai-memory
FORMULA_CHARACTERS = "=+-@\t\r'"  # start a formula in a spreadsheet; ' is the escape itself


def read_list(part: Part, replaced: Collection[str] = ()) -> Iterator[ReadResult]:
    """Read an array of objects or strings, at the top level or under `results` or `memories`.

    replaced: the IDs of entries that others in the file replace.
    """
    is_list, keys = read_outline(part)
    path = "item" if is_list else "results.item" if "results" in keys else "memories.item"
    for value in iterate_values(part, path):
        links = list(_find_links(value))
        yield _parse_entry(value, {*replaced, *(link.older for link in links)})
        yield from links


def read_store(part: Part) -> Iterator[ReadResult]:
    """Read a portable-ai-memory store: its memories, and the relations that say which replaces which."""
    relations = (value for value in iterate_values(part, "relations.item") if isinstance(value, dict))
    links = dict.fromkeys(
        link
        for value in relations
        if value.get("type") == SUPERSEDES
        for link in _build_links([value.get("from")], [value.get("to")])
    )
    yield from read_list(part, {link.older for link in links})
    yield from links


def _parse_entry(value: object, replaced: Collection[str]) -> ReadResult:
    if isinstance(value, str):
        return ImportItem(value)
    if not isinstance(value, dict):
        return SkippedEntry("not_a_memory")
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    own_id, status = _get_id(value.get("id")), value.get("status")
    is_superseded = status == SUPERSEDED and own_id in replaced
    if status in OUTDATED_STATUSES and not is_superseded:
        return SkippedEntry("superseded")
    return ImportItem(
        text,
        _get_tags(value),
        _get_time(value),
        expires_at=_get_expiry(value),
        file_id=own_id,
        is_superseded=is_superseded,
    )


def _find_links(value: object) -> Iterator[ImportLink]:
    """Yield the links of an entry: `supersedes` names what it replaces, `superseded_by` what replaces it."""
    if not isinstance(value, dict):
        return
    for place in (value, value.get("temporal"), value.get("metadata")):
        if isinstance(place, dict):
            yield from _build_links([value.get("id")], _list_ids(place.get(SUPERSEDES)))
            yield from _build_links(_list_ids(place.get(SUPERSEDED_BY)), [value.get("id")])


def _build_links(newer: Iterable[object], older: Iterable[object]) -> Iterator[ImportLink]:
    for one, other in product(map(_get_id, newer), map(_get_id, older)):
        if one and other:
            yield ImportLink(one, other)


def _list_ids(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _get_id(value: object) -> str | None:
    """Return the ID of an entry in the file: text, or a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


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
            values = {str(key).strip().lower(): value for key, value in row.items() if isinstance(value, str)}
            yield _parse_row(values)
            yield from _build_links([values.get("id") or None], [values.get(SUPERSEDES) or None])
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
        file_id=row.get("id") or None,
    )


def escape_formula(cell: str) -> str:
    """Prefix a cell that a spreadsheet could run as a formula (OWASP, CSV injection); see `unescape_formula`."""
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA_CHARACTERS else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULA_CHARACTERS else cell
