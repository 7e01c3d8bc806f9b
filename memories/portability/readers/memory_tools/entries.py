"""What entries of memory exports have in common: their texts, tags, times, ends and links."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import product

from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_expiry, parse_time

TEXT_KEYS = ("memory", "content", "text", "value", "summary", "data")
TIME_KEYS = ("created_at", "createdAt", "create_time", "created", "timestamp", "date", "updated_at")
TAG_KEYS = ("tags", "categories", "labels")
SUPERSEDES, SUPERSEDED_BY, SUPERSEDED = "supersedes", "superseded_by", "superseded"
OUTDATED_STATUSES = (SUPERSEDED, "deprecated", "retracted", "archived")  # in portable-ai-memory


def parse_entry(value: object, replaced: Collection[str]) -> ReadResult:
    if isinstance(value, str):
        return ImportItem(value)
    if not isinstance(value, dict):
        return SkippedEntry("not_a_memory")
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    own_id, status = get_id(value.get("id")), value.get("status")
    is_superseded = status == SUPERSEDED and own_id in replaced
    if status in OUTDATED_STATUSES and not is_superseded:
        return SkippedEntry("superseded")
    return ImportItem(
        text,
        get_tags(value),
        get_time(value),
        expires_at=get_expiry(value),
        file_id=own_id,
        is_superseded=is_superseded,
    )


def find_links(value: object) -> Iterator[ImportLink]:
    """Yield the links of an entry: `supersedes` names what it replaces, `superseded_by` what replaces it."""
    if not isinstance(value, dict):
        return
    for place in (value, value.get("temporal"), value.get("metadata")):
        if isinstance(place, dict):
            yield from build_links([value.get("id")], list_ids(place.get(SUPERSEDES)))
            yield from build_links(list_ids(place.get(SUPERSEDED_BY)), [value.get("id")])


def build_links(newer: Iterable[object], older: Iterable[object]) -> Iterator[ImportLink]:
    for one, other in product(map(get_id, newer), map(get_id, older)):
        if one and other:
            yield ImportLink(one, other)


def list_ids(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def get_id(value: object) -> str | None:
    """Return the ID of an entry in the file: text, or a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def get_tags(value: dict[str, object]) -> tuple[str, ...]:
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


def get_expiry(value: dict[str, object]) -> datetime | None:
    temporal = value.get("temporal")
    until = temporal.get("valid_until") if isinstance(temporal, dict) else value.get("expiration_date")
    try:
        return parse_expiry(until)
    except ValueError:
        return parse_time(until)
