"""Compare import items with the user's memories, count them, and stage them encrypted.

Exact texts are compared by digests that exist only in this process: nothing stored reveals which texts are equal.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

import orjson
from django.core.exceptions import ValidationError
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.ids import new_id, new_id_at
from memories.models import ImportBatch, Memory, StagedMemories, Visibility
from memories.portability.files.parts import make_file_error
from memories.portability.imports.apply_change import is_newer
from memories.portability.imports.clean import clean_item, get_skip_reason
from memories.portability.imports.links import (
    CHANGED,
    NEW,
    STORED,
    UNLINKED,
    FileLinks,
    dump_link_rows,
)
from memories.portability.imports.report import FileReport, dump_reports
from memories.portability.readers.items import ImportItem, split_to_limits
from memories.portability.readers.times import EARLIEST_TIME
from memories.services.reads import decrypt_or_none
from memories.validation import limits

MAX_ITEMS = 200_000  # per import
MAX_ENTRIES = 2_000_000  # read per import, including skipped ones
ROW_ITEMS = 1_000  # memories per staged row, and per transaction of the import
ROW_CHARACTERS = ROW_ITEMS * limits.TEXT_CHARACTERS  # per staged row: a memory may have a long history
REVISION_OVERHEAD = 200  # characters an earlier version counts besides its text
SAMPLE_SIZE = 8
DUPLICATE = "duplicate"
OWN_ID_VERSION = 7  # of UUIDs that the memories of this product have


def digest_text(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class SeenId:
    """The staged item of an ID in the file. index: among all staged items; kind: "" if it will not be imported."""

    index: int
    times: tuple[datetime, datetime]
    kind: str
    is_public: bool
    report: FileReport


@dataclass
class ImportDiff:
    """The comparison so far. Holds the texts of at most one row in memory."""

    actor: Actor
    batch: ImportBatch
    known_digests: dict[bytes, UUID]  # digest of a text -> the memory that has or had it
    file_digests: dict[bytes, UUID] = field(default_factory=dict)
    links: FileLinks = field(default_factory=FileLinks)
    superseded: dict[int, tuple[str, FileReport]] = field(
        default_factory=dict
    )  # index of an item that no longer holds -> its ID in the file
    reports: list[FileReport] = field(default_factory=list)
    report: FileReport = field(default_factory=lambda: FileReport("", ""))  # of the file of the current item
    public_count: int = 0
    pending: list[tuple[ImportItem, FileReport]] = field(default_factory=list)
    staged: list[tuple[ImportItem, bool]] = field(default_factory=list)
    seen_ids: dict[UUID, SeenId] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)  # indexes of items of which the file has a newer text
    row_starts: list[int] = field(default_factory=list)  # index of the first item of each row
    staged_count: int = 0
    sample: list[str] = field(default_factory=list)
    pending_characters: int = 0
    entry_count: int = 0
    conversation: str | None = None
    position: int = 0

    def start_file(self, report: FileReport) -> None:
        """Count what is added from now on for this file."""
        self.reports.append(report)
        self.report = report

    def skip_entry(self, reason: str, count: int = 1) -> None:
        self.report.skipped[reason] += count
        self._count_entries(count)

    def add_item(self, entry: ImportItem) -> None:
        self._count_entries()
        for item in split_to_limits(entry):
            try:
                item = replace(item, format=self.report.kind)
                self.pending.append((clean_item(self._assign_position(item)), self.report))
            except ValidationError as error:
                self.skip_entry(get_skip_reason(error))
            else:
                self.pending_characters += _count_characters(self.pending[-1][0])
        if len(self.pending) >= ROW_ITEMS or self.pending_characters >= ROW_CHARACTERS:
            self._compare_items()

    def save_summary(self) -> None:
        self._compare_items()
        self._save_staged_rows(rest=True)
        self._skip_unreplaced()
        self._drop_outdated()
        self._save_links()
        self.batch.counts = {
            **{
                name: sum(report.counts[name] for report in self.reports)
                for name in (NEW, CHANGED, DUPLICATE)
            },
            "public": self.public_count,
            "skipped": self._sum_counts("skipped"),
            "notes": self._sum_counts("notes"),
        }
        self.batch.total = self.batch.counts[NEW] + self.batch.counts[CHANGED]
        self.batch.report = dump_reports(self.reports)
        self.batch.sample = orjson.dumps(self.sample).decode()

    def _sum_counts(self, name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for report in self.reports:
            total.update(getattr(report, name))
        return {key: count for key, count in total.most_common() if count}

    def _count_entries(self, count: int = 1) -> None:
        self.entry_count += count
        if self.entry_count > MAX_ENTRIES:
            raise make_file_error(
                _("The file contains more than %(limit)s entries. Split it and import the parts.")
                % {"limit": f"{MAX_ENTRIES:,}"},
                "too_many_entries",
            )

    def _assign_position(self, item: ImportItem) -> ImportItem:
        """Set the conversation ID, and the position in the conversation if the file does not give it."""
        if item.conversation is None:
            return item
        if item.position is not None:
            return item
        if item.conversation != self.conversation:
            self.conversation, self.position = item.conversation, 0
        self.position += 1
        return replace(
            item,
            conversation=str(uuid5(self.batch.owner_id, f"{item.format} {item.conversation}")),
            position=self.position - 1,
        )

    def _compare_items(self) -> None:
        items, self.pending, self.pending_characters = self.pending, [], 0
        stored = _load_stored(self.actor, [item.id for item, _report in items if item.id])
        current = self.report
        for item, self.report in items:
            if self._is_repeated(item):
                continue
            existing = stored.get(item.id) if item.id else None
            if existing is not None and decrypt_or_none(existing) != item.text:
                self._add_if_newer(item, existing)
            elif existing is not None:
                self._add_duplicate(item, existing.pk)
            elif (known := self._find_known(item)) is not None:
                self._add_duplicate(item, known)
            else:
                self._add_new(item)
        self.report = current
        self._save_staged_rows()

    def _add_duplicate(self, item: ImportItem, memory_id: UUID) -> None:
        self.report.counts[DUPLICATE] += 1
        self.links.add_memory(item.file_id, memory_id, STORED)

    def _add_new(self, item: ImportItem) -> None:
        """Stage a new memory. It has its id already now, so that links can name it."""
        memory_id = item.id
        if memory_id is None or memory_id.version != OWN_ID_VERSION:
            memory_id = new_id_at(item.created_at) if item.created_at else new_id()
        self.links.add_memory(item.file_id, memory_id, NEW)
        self.file_digests.setdefault(digest_text(item.text), memory_id)
        if item.is_superseded:
            self.superseded[self.staged_count] = (item.file_id or "", self.report)
        self._add_staged(item, NEW, memory_id)

    def _is_repeated(self, item: ImportItem) -> bool:
        """Keep only the newest text of duplicate IDs, in any order: one zip may contain two exports."""
        if item.id is None or (previous := self.seen_ids.get(item.id)) is None:
            return False
        self.report.skipped["repeated"] += 1
        if _get_times(item) <= previous.times:
            return True
        self.outdated.add(previous.index)
        if previous.kind:
            previous.report.counts[previous.kind] -= 1
        self.public_count -= previous.is_public
        self.seen_ids[item.id] = replace(previous, times=_get_times(item), kind="", is_public=False)
        return False

    def _add_if_newer(self, item: ImportItem, existing: Memory) -> None:
        if is_newer(item, existing):
            self.links.add_memory(item.file_id, existing.pk, CHANGED)
            self._add_staged(item, CHANGED, existing.pk)
        else:
            self.report.skipped["older"] += 1
            self.links.add_memory(item.file_id, existing.pk, STORED)

    def _find_known(self, item: ImportItem) -> UUID | None:
        """Return the memory that has this text, in the account or in the file."""
        key = digest_text(item.text)
        if (
            item.id is None and key not in self.known_digests
        ):  # a Picard export may contain two with the same text
            return self.file_digests.get(key)
        return self.known_digests.get(key)

    def _add_staged(self, item: ImportItem, kind: str, memory_id: UUID) -> None:
        is_public = item.visibility == Visibility.PUBLIC
        self.report.counts[kind] += 1
        self.report.notes.update(item.notes)
        self.public_count += is_public
        if item.id:
            self.seen_ids[item.id] = SeenId(self.staged_count, _get_times(item), kind, is_public, self.report)
        self.staged_count += 1
        if self.staged_count > MAX_ITEMS:
            raise make_file_error(
                _("The file contains more than %(limit)s memories to import. Split it and import the parts.")
                % {"limit": f"{MAX_ITEMS:,}"},
                "too_many",
            )
        if len(self.sample) < SAMPLE_SIZE:
            self.sample.append(Truncator(item.text).chars(300))
        self.staged.append((replace(item, id=memory_id, notes=()), kind == CHANGED))

    def _save_staged_rows(self, *, rest: bool = False) -> None:
        rest = rest or sum(_count_characters(item) for item, _changes in self.staged) >= ROW_CHARACTERS
        while len(self.staged) >= ROW_ITEMS or (rest and self.staged):
            start = self.staged_count - len(self.staged)
            row, self.staged = self.staged[:ROW_ITEMS], self.staged[ROW_ITEMS:]
            StagedMemories.objects.create(
                owner_id=self.batch.owner_id,
                batch=self.batch,
                number=len(self.row_starts),
                content=orjson.dumps(row).decode(),
            )
            self.row_starts.append(start)

    def _skip_unreplaced(self) -> None:
        """Skip what no longer holds if the file does not have what replaces it: it would be taken for present."""
        replaced = self.links.list_replaced_ids() if self.superseded else set()
        for index, (file_id, report) in self.superseded.items():
            if file_id not in replaced:
                self.outdated.add(index)
                report.counts[NEW] -= 1
                report.skipped["superseded"] += 1

    def _save_links(self) -> None:
        first = len(self.row_starts)
        for number, content in enumerate(dump_link_rows(self.links.resolve()), start=first):
            StagedMemories.objects.create(
                owner_id=self.batch.owner_id, batch=self.batch, number=number, content=content
            )
        if self.links.lost:
            self.report.skipped[UNLINKED] += self.links.lost

    def _drop_outdated(self) -> None:
        numbers = {bisect_right(self.row_starts, index) - 1 for index in self.outdated}
        rows = StagedMemories.objects.filter(owner_id=self.batch.owner_id, batch_id=self.batch.pk)
        for row in rows.filter(number__in=numbers).iterator(chunk_size=1):
            entries = enumerate(orjson.loads(row.content), self.row_starts[row.number])
            row.content = orjson.dumps(
                [each for index, each in entries if index not in self.outdated]
            ).decode()
            row.save(update_fields=["content"])


def _get_times(item: ImportItem) -> tuple[datetime, datetime]:
    """Return when the text and the other fields were last changed."""
    return item.written_at or EARLIEST_TIME, item.updated_at or EARLIEST_TIME


def _count_characters(item: ImportItem) -> int:
    return len(item.text) + sum(len(past.text) + REVISION_OVERHEAD for past in item.history)


def _load_stored(actor: Actor, ids: list[UUID]) -> dict[UUID, Memory]:
    if not ids:
        return {}
    memories: dict[UUID, Memory] = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(ids)
    return memories
