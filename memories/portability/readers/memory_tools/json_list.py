"""Readers for JSON lists (mem0 and similar exports) and portable-ai-memory."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import product

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_expiry, parse_time

TEXT_KEYS = ("memory", "content", "text", "value", "summary", "data")
TIME_KEYS = ("created_at", "createdAt", "create_time", "created", "timestamp", "date", "updated_at")
TAG_KEYS = ("tags", "categories", "labels")
SUPERSEDES, SUPERSEDED_BY, SUPERSEDED = "supersedes", "superseded_by", "superseded"
OUTDATED_STATUSES = (SUPERSEDED, "deprecated", "retracted", "archived")  # in portable-ai-memory


def read_list(part: Part, replaced: Collection[str] = ()) -> Iterator[ReadResult]:
    """Read an array of objects or strings, at the top level or under `results` or `memories`.

    replaced: the IDs of entries that others in the file replace.
    """
    shape = read_shape(part)
    path = "item" if shape.is_list else "results.item" if shape.has("results") else "memories.item"
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
        for link in build_links([value.get("from")], [value.get("to")])
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
        get_time(value),
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
            yield from build_links([value.get("id")], _list_ids(place.get(SUPERSEDES)))
            yield from build_links(_list_ids(place.get(SUPERSEDED_BY)), [value.get("id")])


def build_links(newer: Iterable[object], older: Iterable[object]) -> Iterator[ImportLink]:
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
    return tuple(tag for tag in tags if isinstance(tag, str))


def get_time(value: dict[str, object]) -> datetime | None:
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


def _read(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    return read_list(part)


PAM = Format(
    "pam",
    gettext_lazy("portable-ai-memory"),
    lambda start: start.json.has("memories") and bool(start.json.keys.keys() & {"schema", "schema_version"}),
    lambda part, _context: read_store(part),
)
MEM0 = Format(
    "mem0",
    gettext_lazy("mem0 export"),
    lambda start: start.json.at(ITEMS).has("memory") or start.json.has("results"),
    _read,
)


def _is_list(start: PartStart) -> bool:
    shape = start.json
    return any("string" in shape.at(ITEMS, key).kinds for key in TEXT_KEYS) or (
        "string" in shape.at(ITEMS).kinds or shape.at("memories").is_list
    )


JSON_LIST = Format("list", gettext_lazy("JSON list"), _is_list, _read)
