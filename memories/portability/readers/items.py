"""What a reader finds in a file: memories to be, and what it had to leave out."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from memories.models import Visibility
from memories.validation import limits

MILLISECONDS_FROM = 100_000_000_000  # a number of seconds as great as this would be in the year 5138
EARLIEST_TIME = datetime(1970, 1, 2, tzinfo=UTC)
NON_SPACE = re.compile(r"\S")

# Why something is left out: a code, and what a person is told.
REASONS = {
    "blank": _("empty"),
    "not_a_memory": _("not of the form that this file should have"),
    "not_json": _("lines that are no JSON"),
    "not_text": _("files that are no UTF-8 text"),
    "null_character": _("with a null character, which cannot be kept"),
    "surrogate": _("with half a character, which cannot be kept"),
    "expired": _("expired already"),
    "in_trash": _("in the trash, or expired, where they come from"),
    "unreadable": _("could not be read when they were exported"),
    "of_the_assistant": _("written by the assistant, not by you"),
    "conversation": _("parts of conversations, which you left out"),
    "no_text": _("pictures, tools and other things without text"),
    "older": _("older than what you have"),
    "superseded": _("said to be out of date by the file"),
    "repeated": _("said twice in the file"),
}


@dataclass(frozen=True, slots=True)
class Revision:
    """A text that a memory had at an earlier version."""

    version: int
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class ImportItem:
    """A memory to be. Only our own JSON Lines know of more than text, tags, time and conversation.

    conversation: what the file calls it; memories of one conversation follow each other. position: None to count on.
    written_at: when its text was, at the latest. keeps: the fields (tags, expires_at) that it says nothing of; they
    stay where it changes a memory.
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


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """Something that was left out; `reason` is one of REASONS."""

    reason: str
    count: int = 1


ReadResult = ImportItem | SkippedEntry


def parse_time(value: object) -> datetime | None:
    """A time as files write them: ISO 8601, or seconds or milliseconds since 1970. None for what is none.

    One of the future is now, since a memory cannot have been written then; one without zone is of UTC.
    """
    try:
        found = _parse_time(value)
    except (ValueError, OverflowError, OSError):
        return None
    if found is None or found < EARLIEST_TIME:
        return None
    return min(found, datetime.now(UTC))


def _parse_time(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return None
        return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    if isinstance(value, str):
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return None


def parse_expiry(value: object) -> datetime | None:
    """A time that may lie ahead, as an expiry does. None for what is none. Raises ValueError for one of no meaning."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("an expiry is a string")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("an expiry says its zone")
    return found.astimezone(UTC)


def split_to_limits(item: ImportItem) -> Iterator[ImportItem]:
    """The item, or, where its text is longer than a memory may be, the parts of it as a conversation of its own."""
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
            history=(),  # of the whole, and none of its parts
        )
        created_at = created_at and created_at + timedelta(milliseconds=1)


def _split_text(text: str) -> Iterator[str]:
    """Between paragraphs where there are some, else lines, sentences or words; anywhere if need be."""
    size, at = limits.TEXT_CHARACTERS, 0
    while len(text) - at > size:
        window = text[at : at + size]
        ends = (window.rfind(mark, size // 2) for mark in ("\n\n", "\n", ". ", " "))
        end = next((found + 1 for found in ends if found > 0), size)
        if part := window[:end].strip():
            yield part
        inked = NON_SPACE.search(text, at + end)
        at = inked.start() if inked else len(text)
    if at < len(text):
        yield text[at:]
