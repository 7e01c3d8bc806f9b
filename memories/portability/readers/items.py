"""Results of import readers: items to import, links between them, and skipped entries."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from memories.models import Visibility
from memories.validation import limits

NON_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Revision:
    """The text of an earlier version of a memory."""

    version: int
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class ImportItem:
    """A memory to import. Only Picard's own exports set all fields.

    conversation: its ID in the file; position: the index of the turn among all turns of the conversation, imported or
    not, None to continue counting. id: the UUID under which a Picard knows it: a further import finds the memory by it.
    written_at, updated_at: the latest time at which the text, or anything else of it, can have been changed. keeps:
    fields (tags, expires_at, visibility) that the file omits; they stay unchanged when the import updates a memory.
    pinned: None if the file does not say it.
    file_id: its ID in the file, of any form, by which links name it. is_superseded: the file says that it no longer
    holds, and what replaces it; it is not imported without that. format: the name of its format, set when it is staged.
    notes: keys of NOTES, what is said of it though it is imported. The field names are stored in staged rows.
    """

    text: str
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    conversation: str | None = None
    position: int | None = None
    id: UUID | None = None
    visibility: str = Visibility.PRIVATE.value
    expires_at: datetime | None = None
    pinned: bool | None = None
    updated_at: datetime | None = None
    written_at: datetime | None = None
    version: int = 1
    history: tuple[Revision, ...] = ()
    keeps: tuple[str, ...] = ()
    file_id: str | None = field(default=None, compare=False)
    is_superseded: bool = False
    format: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class ImportLink:
    """The memory with one ID in the file replaces the older one with another."""

    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """Entries that are not imported; `reason` is a key of REASONS. columns: of a table whose text column is unknown."""

    reason: str
    count: int = 1
    columns: tuple[str, ...] = ()


ReadResult = ImportItem | ImportLink | SkippedEntry


def make_ids_storable(item: ImportItem) -> ImportItem:
    """Replace lone surrogates in the IDs of an item. Those in a text are a reason to leave it out."""
    ids = {
        name: value.encode(errors="replace").decode()
        for name in ("conversation", "file_id")
        if (value := getattr(item, name)) is not None and not value.isascii()
    }
    return replace(item, **ids) if ids else item


def split_to_limits(item: ImportItem) -> Iterator[ImportItem]:
    """Yield the item, or split an overlong text into several of one conversation, with its notes on the first."""
    if len(item.text) <= limits.TEXT_CHARACTERS:
        yield item
        return
    text = item.text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) <= limits.TEXT_CHARACTERS:
        yield item
        return
    whole = replace(item, id=None, version=1, history=())  # these belong to the whole text
    if item.conversation is None:
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
        whole = replace(whole, conversation=f"long {digest}", position=0)
    for part in _split_text(text):
        yield replace(whole, text=part)
        created_at = whole.created_at and whole.created_at + timedelta(milliseconds=1)
        whole = replace(whole, created_at=created_at, notes=())


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
