"""Picard's JSON Lines, one memory per line with all its fields and history, and other files of its full archive."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.utils.translation import gettext_lazy

from memories.models import Memory, Visibility
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import (
    ImportItem,
    ImportLink,
    ReadResult,
    Revision,
    SkippedEntry,
)
from memories.portability.readers.times import parse_expiry, parse_time, pick_time
from memories.services.representation import represent_memory

VERSION = 1  # of the format, repeated in each line
FIELDS = (
    "id", "text", "tags", "visibility", "expires_at", "created_at", "updated_at", "written_at", "deleted_at",
    "version", "source", "conversation", "position", "supersedes", "pinned",
)  # fmt: skip
MAX_TAGS_READ = 1_000  # per memory, before validation selects those it may have and says that there are more
TRASH = "trash.jsonl"  # in the full archive; its lines lacked `deleted_at` in earlier versions
MAX_VERSION = 2**30  # of a memory; leaves room to count up: the column ends at 2**31
# Files of the full archive without memories, by name, and the keys that tell them without their neighbours.
ACCOUNT_FILES = frozenset(
    {"readme.txt", "profile.json", "apps.json", "administrators.json", "filters.json", "activity.jsonl"}
)
PROFILE_KEYS = ("handle", "display_name", "persona_enabled", "public_page_enabled")
EVENT_KEYS = ("action", "door", "actor_id", "memory_ids", "happened_at")


def _is_picard(start: PartStart) -> bool:
    shape = start.lines if start.lines.kinds else start.json
    return shape.has("picard", "text")


def _is_account_data(start: PartStart) -> bool:
    if _get_lines_or_json(start, PROFILE_KEYS) or _get_lines_or_json(start, EVENT_KEYS):
        return True
    folder = start.path.removesuffix(start.base_name)
    archive = (f"{folder}{name}" for name in ("memories.jsonl", "profile.json", "activity.jsonl"))
    return start.base_name in ACCOUNT_FILES and all(name in start.parts for name in archive)


def _get_lines_or_json(start: PartStart, keys: tuple[str, ...]) -> bool:
    return start.lines.has(*keys) or start.json.has(*keys)


def _read_jsonl(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for line in read_lines(part):
        if line.strip():
            yield from [SkippedEntry("in_trash")] if part.base_name == TRASH else _parse_line(line, context)


def _parse_line(line: str, context: ReadContext) -> list[ReadResult]:
    try:
        value = _load_json(line)
    except ValueError:
        return [SkippedEntry("not_json")]
    try:
        item = _parse_item(value, context)
        older = value.get("supersedes")
        if isinstance(item, SkippedEntry) or older is None or item.file_id is None:
            return [item]
        return [item, ImportLink(item.file_id, str(UUID(older)))]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return [SkippedEntry("not_a_memory")]


def _load_json(line: str) -> Any:
    """Return the value of a line, also with lone surrogates: these are told from what is no JSON. Raises ValueError."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _parse_item(value: dict[str, Any], context: ReadContext) -> ImportItem | SkippedEntry:
    if value["text"] is None:
        return SkippedEntry("unreadable")
    if value.get("deleted_at"):
        return SkippedEntry("in_trash")
    conversation, position = value.get("conversation"), value.get("position")
    if (conversation is None) != (position is None):
        raise ValueError("conversation and position must be given together")
    try:
        expires_at = parse_expiry(value.get("expires_at"), context.zone)
    except ValueError:
        return SkippedEntry("unread_expiry")
    created_at, notes = pick_time([value.get("created_at")], context.zone)
    return ImportItem(
        text=_parse_text(value["text"]),
        tags=_parse_tags(value.get("tags")),
        created_at=created_at,
        conversation=None if conversation is None else str(UUID(conversation)),
        position=None if position is None else int(position),
        id=UUID(value["id"]) if value.get("id") else None,
        file_id=str(UUID(value["id"])) if value.get("id") else None,
        visibility=value.get("visibility") or Visibility.PRIVATE.value,
        expires_at=expires_at,
        pinned=_parse_pin(value.get("pinned")),
        updated_at=parse_time(value.get("updated_at"), context.zone),
        written_at=parse_time(value.get("written_at") or value.get("updated_at"), context.zone),
        version=_parse_version(value.get("version", 1)),
        history=tuple(map(_parse_revision, value.get("history") or ())),
        keeps=tuple(name for name in ("tags", "expires_at", "visibility") if name not in value),
        notes=notes,
    )


def _parse_revision(value: dict[str, object]) -> Revision:
    written_at = parse_time(value["written_at"])
    if written_at is None:
        raise ValueError("written_at is not a time")
    return Revision(_parse_version(value["version"]), _parse_text(value["text"]), written_at)


def _parse_tags(value: object) -> tuple[str, ...]:
    if value is not None and not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(map(_parse_text, (value or [])[:MAX_TAGS_READ]))


def _parse_pin(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError("not a boolean")
    return value


def _parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def parse_own_id(value: str | None) -> UUID | None:
    """Return the id under which a Picard knows a memory, None for an id of another form."""
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def _parse_version(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_VERSION:
        raise ValueError("not a version")
    return value


def format_line(memory: Memory, history: list[tuple[int, str | None, datetime]]) -> bytes:
    """Return a memory as a JSON line. The text is null if it cannot be decrypted, so that no memory is omitted."""
    value = {
        "picard": VERSION,
        **represent_memory(memory, FIELDS),
        "history": [
            {"version": version, "text": earlier, "written_at": written_at}
            for version, earlier, written_at in history
            if earlier is not None
        ],
    }
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


PICARD = Format("picard", gettext_lazy("Picard export"), _is_picard, _read_jsonl)
PICARD_ACCOUNT = RefusedKind(
    "picard_account", gettext_lazy("account data of Picard"), _is_account_data, "no_personal_text"
)
