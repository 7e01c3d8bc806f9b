"""Staged memories of an import: encrypted rows of some hundred each, until they are imported."""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from accounts.ids import new_id
from memories.models import ImportBatch, StagedMemories
from memories.portability.readers.items import ImportItem, Revision
from memories.validation import limits

ROW_ITEMS = 1_000  # memories per staged row, and per transaction of the import
ROW_CHARACTERS = ROW_ITEMS * limits.TEXT_CHARACTERS  # per staged row: a memory may have a long history
REVISION_OVERHEAD = 200  # characters an earlier version counts besides its text


@dataclass(frozen=True, slots=True)
class StagedItem:
    """An item as the import will store it.

    memory_id: of the new memory or of the one to change, so that links can name it. file: the number of its file's
    report. needs_publish: it changes a memory only by making it public.
    """

    item: ImportItem
    memory_id: UUID
    is_change: bool = False
    file: int = 0
    needs_publish: bool = False


@dataclass
class StagedRows:
    """Saves staged items in rows. Holds the texts of at most one row in memory."""

    batch: ImportBatch
    pending: list[StagedItem] = field(default_factory=list)
    pending_characters: int = 0
    starts: list[int] = field(default_factory=list)  # index of the first item of each row
    count: int = 0

    def add(self, staged: StagedItem) -> None:
        self.count += 1
        self.pending.append(staged)
        self.pending_characters += count_characters(staged.item)
        if len(self.pending) >= ROW_ITEMS or self.pending_characters >= ROW_CHARACTERS:
            self.save_pending()

    def save_pending(self) -> None:
        if self.pending:
            self.starts.append(self.count - len(self.pending))
            self.add_row(len(self.starts) - 1, orjson.dumps(self.pending))
        self.pending, self.pending_characters = [], 0

    def add_row(self, number: int, content: bytes) -> None:
        StagedMemories.objects.create(
            owner_id=self.batch.owner_id, batch=self.batch, number=number, content=content.decode()
        )

    def drop_items(self, indexes: Collection[int]) -> None:
        """Remove items by their indexes from the saved rows."""
        numbers = {bisect_right(self.starts, index) - 1 for index in indexes}
        rows = StagedMemories.objects.filter(owner_id=self.batch.owner_id, batch_id=self.batch.pk)
        for row in rows.filter(number__in=numbers).iterator(chunk_size=1):
            entries = enumerate(orjson.loads(row.content), self.starts[row.number])
            row.content = orjson.dumps([each for index, each in entries if index not in indexes]).decode()
            row.save(update_fields=["content"])


def count_characters(item: ImportItem) -> int:
    if not item.history:
        return len(item.text)
    return len(item.text) + sum(len(past.text) + REVISION_OVERHEAD for past in item.history)


def load_staged_items(values: list[Any]) -> list[StagedItem]:
    return [_load_staged(value) for value in values]


def _load_staged(value: Any) -> StagedItem:
    if isinstance(value, list):  # staged by an earlier version, under the id of the file
        item, is_change = _load_item(value[0]), bool(value[1])
        return StagedItem(item, item.id if is_change and item.id else new_id(), is_change)
    return StagedItem(
        _load_item(value["item"]),
        UUID(value["memory_id"]),
        value["is_change"],
        value["file"],
        value["needs_publish"],
    )


def _load_item(value: dict[str, Any]) -> ImportItem:
    times = {name: _load_time(value.get(name)) for name in ("created_at", "updated_at", "expires_at")}
    history = tuple(
        Revision(past["version"], past["text"], datetime.fromisoformat(past["written_at"]))
        for past in value["history"]
    )
    return ImportItem(
        **value
        | times
        | {
            "tags": tuple(value["tags"]),
            # Rows staged by earlier versions have neither this nor `keeps`.
            "written_at": _load_time(value.get("written_at")) or times["updated_at"],
            "id": UUID(value["id"]) if value["id"] else None,
            "history": history,
            "keeps": tuple(value.get("keeps", ())),
            "notes": (),
        }
    )


def _load_time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
