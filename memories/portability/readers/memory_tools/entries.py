"""What entries of memory exports have in common: their texts, tags, times, ends, states and links."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import product

import orjson

from memories.portability.readers.formats import ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entry_keys import (
    ATTACHMENT_KEYS,
    END_KEYS,
    EXPIRY_KEYS,
    FALSE,
    ID_KEYS,
    INNER_KEYS,
    MAX_INNER_JSON,
    NO_END,
    SET_KEYS,
    STATE_KEYS,
    SUPERSEDED_BY,
    TAG_KEYS,
    TIME_KEYS,
    TITLE_KEYS,
    UNSET,
    UNSET_KEYS,
    USED_KEYS,
    WEAK_TEXT_KEYS,
)
from memories.portability.readers.memory_tools.entry_keys import (
    SUPERSEDES as SUPERSEDES,
)
from memories.portability.readers.memory_tools.entry_keys import (
    TEXT_KEYS as TEXT_KEYS,
)
from memories.portability.readers.memory_tools.prose import (
    add_label,
    capitalise,
    humanise,
    is_id,
    is_placeholder,
    is_prose,
    is_sentence,
)
from memories.portability.readers.reasons import REASONS_OF_STATES
from memories.portability.readers.times import parse_expiry, pick_time

Entry = Mapping[str, object]


def parse_entry(
    value: Entry,
    context: ReadContext,
    *,
    replaced: Collection[str] = (),
    tags: Iterable[str] = (),
    label: str | None = None,
    text: str | None = None,
) -> ReadResult:
    """Return the memory of an entry, or why it is left out.

    replaced: the IDs of entries that others in the file replace. tags: further ones. label: put before the text in
    place of the entry's title. text: of the entry if it is not under one of TEXT_KEYS.
    """
    if text is None:
        text = find_text(value)
    if text is None:
        return SkippedEntry("not_a_memory")
    own_id, reason = get_own_id(value), find_state(value, context.zone)
    is_superseded = reason == "superseded" and own_id in replaced
    if reason and not is_superseded:
        return SkippedEntry(reason)
    try:
        expires_at = get_expiry(value, context.zone)
    except ValueError:
        return SkippedEntry("unread_expiry")
    created_at, notes = pick_entry_time(value, context.zone)
    return ImportItem(
        add_label(find_label(value) if label is None else label, text),
        merge_tags(get_tags(value), tags),
        created_at,
        expires_at=expires_at,
        file_id=own_id,
        is_superseded=is_superseded,
        notes=(*notes, *find_losses(value, text)),
    )


# --- Texts --------------------------------------------------------------------------------------------------


def find_text(value: Entry, keys: Iterable[str] = TEXT_KEYS) -> str | None:
    """Return the first text of an entry, also if it is in blocks or within an object."""
    for key in keys:
        if key in value and (text := get_plain_text(value[key])) is not None:
            return text
    return None


def find_weak_text(value: Entry) -> str | None:
    texts = (find_text(value, [key]) for key in WEAK_TEXT_KEYS)
    return next((text for text in texts if text is not None and is_prose(text)), None)


def get_plain_text(value: object, depth: int = 0) -> str | None:
    """Return a text that is a string, a list of text blocks, or an object with a text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and depth < 3:
        texts = (
            get_plain_text(value[key], depth + 1) for key in ("text", "content", "value") if key in value
        )
        return next((text for text in texts if text is not None), None)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        blocks = [each["text"] for each in value if isinstance(each.get("text"), str)]
        return "\n".join(blocks) if blocks else None
    return None


def find_label(value: Entry) -> str:
    """Return the title of an entry, "" if it has none that says something."""
    for key in TITLE_KEYS:
        title = value.get(key)
        if isinstance(title, str) and not is_placeholder(title) and not is_id(title) and len(title) <= 200:
            return capitalise(title.strip()) if " " in title else humanise(title)
    return ""


def find_losses(value: Entry, text: str) -> tuple[str, ...]:
    """Return the notes about what an entry has besides its text and is not imported."""
    fields = (
        (key, other) for place in list_places(value) for key, other in place.items() if key not in USED_KEYS
    )
    others = (other for _key, other in fields if isinstance(other, str) and other not in text)
    lost = any(is_sentence(other) and is_prose(other) for other in others)
    has_attachments = any(value.get(key) for key in ATTACHMENT_KEYS)
    return ("attachments_dropped",) * has_attachments + ("fields_dropped",) * lost


# --- States, times and ends ---------------------------------------------------------------------------------


def find_state(value: Entry, zone: tzinfo = UTC) -> str:
    """Return the reason for which an entry is left out, "" if it is in use."""
    for place in list_places(value):
        for key in STATE_KEYS:
            state = place.get(key)
            if isinstance(state, str) and (reason := REASONS_OF_STATES.get(state.strip().lower())):
                return reason
        for key, reason in SET_KEYS.items():
            if key in place and place[key] not in UNSET:
                return reason
        for key, reason in UNSET_KEYS.items():
            if key in place and place[key] in FALSE and place[key] is not None:
                return reason
        if _has_ended(place, zone):
            return "superseded"
    return ""


def _has_ended(place: Entry, zone: tzinfo) -> bool:
    for key in END_KEYS:
        try:
            end = parse_expiry(place.get(key), zone)
        except ValueError:
            continue  # get_expiry says so
        if end is not None and end <= datetime.now(UTC):
            return True
    return False


def get_expiry(value: Entry, zone: tzinfo = UTC) -> datetime | None:
    """Return the earliest end that an entry has. Raises ValueError for one that cannot be understood."""
    ends = [
        parse_expiry(place[key], zone)
        for place in list_places(value)
        for key in (*EXPIRY_KEYS, *END_KEYS)
        if key in place and place[key] != NO_END
    ]
    return min((end for end in ends if end is not None), default=None)


def pick_entry_time(value: Entry, zone: tzinfo = UTC) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when an entry was written, and notes if that cannot be understood."""
    return pick_time((place[key] for place in list_places(value) for key in TIME_KEYS if key in place), zone)


def list_places(value: Entry) -> list[Entry]:
    """Return an entry and the objects in it that have more of its fields."""
    inner = (_load_object(value[key]) for key in INNER_KEYS if key in value)
    return [value, *(place for place in inner if place)]


def _load_object(value: object) -> dict[str, object]:
    """Return an object, also one that is JSON in a string as databases have it."""
    if isinstance(value, str) and value[:1] == "{" and len(value) <= MAX_INNER_JSON:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}


# --- Tags ---------------------------------------------------------------------------------------------------


def get_tags(value: Entry) -> tuple[str, ...]:
    return merge_tags(
        tag for place in list_places(value) for key in TAG_KEYS for tag in list_tags(place.get(key))
    )


def list_tags(value: object) -> Iterator[str]:
    """Yield the tags in a list of names or of objects with a name, or in a text with commas."""
    if isinstance(value, str):
        if value[:1] == "[" and len(value) <= MAX_INNER_JSON:
            try:
                yield from list_tags(orjson.loads(value))
            except orjson.JSONDecodeError:
                pass
            else:
                return
        yield from (tag.strip() for tag in value.split(",") if tag.strip())
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                each = next((each[key] for key in ("name", "label", "tag", "title") if key in each), None)
            if isinstance(each, str) and each.strip():
                yield each.strip()
    elif isinstance(value, dict):
        names = [key for key, is_set in value.items() if is_set is True or isinstance(is_set, int | float)]
        yield from names or list_tags([value])


def merge_tags(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of all groups, each once."""
    merged: dict[str, str] = {}
    for tag in (tag for group in groups for tag in group):
        merged.setdefault(tag.casefold(), tag)
    return tuple(merged.values())


# --- Links --------------------------------------------------------------------------------------------------


def find_links(value: object) -> Iterator[ImportLink]:
    """Yield the links of an entry: `supersedes` names what it replaces, `superseded_by` what replaces it."""
    if not isinstance(value, dict):
        return
    for place in (value, value.get("temporal"), value.get("metadata")):
        if isinstance(place, dict):
            yield from build_links([get_own_id(value)], list_ids(place.get(SUPERSEDES)))
            yield from build_links(list_ids(place.get(SUPERSEDED_BY)), [get_own_id(value)])


def build_links(newer: Iterable[object], older: Iterable[object]) -> Iterator[ImportLink]:
    for one, other in product(map(get_id, newer), map(get_id, older)):
        if one and other:
            yield ImportLink(one, other)


def list_ids(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def get_id(value: object) -> str | None:
    """Return the ID of an entry in the file: text, or a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def get_own_id(value: Entry) -> str | None:
    for key in ID_KEYS:
        own_id = value.get(key)
        if isinstance(own_id, dict):  # of MongoDB
            own_id = own_id.get("$oid")
        if (found := get_id(own_id)) is not None:
            return found
    return None
