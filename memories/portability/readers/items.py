"""Results of import readers: items to import and skipped entries."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from memories.models import Visibility
from memories.validation import limits

MILLISECONDS_FROM = 100_000_000_000  # as seconds this would be in the year 5138
EARLIEST_TIME = datetime(1970, 1, 2, tzinfo=UTC)
NON_SPACE = re.compile(r"\S")

# Why an entry is skipped: the code, and the text shown to the user before its count.
REASONS = {
    "blank": _("empty"),
    "not_a_memory": _("invalid entries for this format"),
    "not_json": _("lines that are not valid JSON"),
    "not_text": _("files that are not UTF-8 encoded or too large"),
    "null_character": _("contains a null character"),
    "surrogate": _("contains invalid Unicode (a lone surrogate)"),
    "expired": _("already expired"),
    "in_trash": _("in the trash or expired when they were exported"),
    "unreadable": _("unreadable when they were exported"),
    "of_the_assistant": _("written by the assistant"),
    "conversation": _("messages in conversations, which you excluded"),
    "no_text": _("images, tool calls and other messages without text"),
    "older": _("older than your version"),
    "superseded": _("marked as outdated in the file"),
    "repeated": _("repeated in the file"),
    "unlinked": _("links to a replaced memory that could not be kept"),
}


@dataclass(frozen=True, slots=True)
class Revision:
    """The text of an earlier version of a memory."""

    version: int
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class ImportItem:
    """A memory to import. Only Picard's JSON Lines set all fields.

    conversation: its ID in the file; the memories of a conversation are consecutive. position: None to continue
    counting. written_at: the latest time at which the text can have been written. keeps: fields (tags, expires_at) that
    the file omits; they stay unchanged when the import updates a memory. file_id: its ID in the file, of any form, by
    which links name it. is_superseded: the file says that it no longer holds, and what replaces it; it is not imported
    without that. The field names are stored in staged rows.
    """

    text: str
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    conversation: str | None = None
    position: int | None = None
    id: UUID | None = None
    visibility: str = Visibility.PRIVATE.value
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    written_at: datetime | None = None
    version: int = 1
    history: tuple[Revision, ...] = ()
    keeps: tuple[str, ...] = ()
    file_id: str | None = field(default=None, compare=False)
    is_superseded: bool = False


@dataclass(frozen=True, slots=True)
class ImportLink:
    """The memory with one ID in the file replaces the older one with another."""

    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """Skipped entries; `reason` is a key of REASONS."""

    reason: str
    count: int = 1


ReadResult = ImportItem | ImportLink | SkippedEntry


def parse_time(value: object) -> datetime | None:
    """Parse ISO 8601, or seconds or milliseconds since 1970. Returns None for anything else.

    A time without zone is UTC. A future time becomes now, since no memory can have been written then.
    """
    try:
        time = _parse_time(value)
    except (ValueError, OverflowError, OSError):
        return None
    if time is None or time < EARLIEST_TIME:
        return None
    return min(time, datetime.now(UTC))


def _parse_time(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return None
        return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    if isinstance(value, str):
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return None


def parse_expiry(value: object) -> datetime | None:
    """Parse an expiry, which may be in the future. Raises ValueError unless it is ISO 8601 with a time zone."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("the expiry is not a string")
    expires_at = datetime.fromisoformat(value)
    if expires_at.tzinfo is None:
        raise ValueError("the expiry has no time zone")
    return expires_at.astimezone(UTC)


def split_to_limits(item: ImportItem) -> Iterator[ImportItem]:
    """Yield the item, or split an overlong text into a conversation of several items."""
    text = item.text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) <= limits.TEXT_CHARACTERS:
        yield item
        return
    conversation = item.conversation or f"long {text[:200]}"
    created_at = item.created_at
    for part in _split_text(text):
        yield replace(
            item,
            text=part,
            conversation=conversation,
            created_at=created_at,
            position=None,
            id=None,
            version=1,
            history=(),  # belongs to the whole text
        )
        created_at = created_at and created_at + timedelta(milliseconds=1)


def _split_text(text: str) -> Iterator[str]:
    """Split between paragraphs if possible, else between lines, sentences or words, else anywhere."""
    size, at = limits.TEXT_CHARACTERS, 0
    while len(text) - at > size:
        window = text[at : at + size]
        ends = (window.rfind(mark, size // 2) for mark in ("\n\n", "\n", ". ", " "))
        end = next((index + 1 for index in ends if index > 0), size)
        if part := window[:end].strip():
            yield part
        match = NON_SPACE.search(text, at + end)
        at = match.start() if match else len(text)
    if at < len(text):
        yield text[at:]
