"""Compare import items with the user's memories, count what comes of them, and stage them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.ids import new_id, new_id_at
from memories.models import ImportBatch, Memory, Visibility
from memories.portability.files.parts import make_file_error
from memories.portability.imports import staged_items
from memories.portability.imports.apply_change import find_changes, is_text, may_change
from memories.portability.imports.clean import clean_item, get_skip_reason
from memories.portability.imports.known import KnownMemories, digest_text
from memories.portability.imports.links import STORED, UNLINKED, FileLinks, dump_link_rows
from memories.portability.imports.places import ConversationPlaces
from memories.portability.imports.report import (
    CHANGED,
    DUPLICATE,
    NEW,
    UNPUBLISHED,
    FileReport,
    count_all,
    dump_reports,
)
from memories.portability.imports.staged_items import StagedItem, StagedRows, count_characters
from memories.portability.readers.items import ImportItem, ImportLink, make_ids_storable, split_to_limits
from memories.portability.readers.times import EARLIEST_TIME

MAX_ITEMS = 200_000  # per import
MAX_ENTRIES = 2_000_000  # read per import, including skipped ones
SAMPLE_SIZE = 8
TIME_BYTES = 6  # at the start of a UUID of version 7: milliseconds
ID_STEP = 2**32
IN_TRASH, REPEATED, OLDER, SUPERSEDED = "in_your_trash", "repeated", "older", "superseded"


@dataclass(frozen=True, slots=True)
class CountedItem:
    """How a staged item was counted. index: among all staged items."""

    index: int
    kind: str
    report: FileReport
    notes: tuple[str, ...]
    is_public: bool


@dataclass(frozen=True, slots=True)
class SeenId:
    """The staged item of an ID in the file."""

    times: tuple[datetime, datetime]
    staged: CountedItem | None  # None if it will not be imported


@dataclass
class ImportDiff:
    """The comparison so far. Holds the texts of at most one row in memory."""

    batch: ImportBatch
    known: KnownMemories
    file_digests: dict[bytes, UUID] = field(default_factory=dict)
    links: FileLinks = field(default_factory=FileLinks)
    superseded: list[tuple[str, CountedItem]] = field(default_factory=list)  # by their ids in the file
    reports: list[FileReport] = field(default_factory=list)
    report: FileReport = field(default_factory=lambda: FileReport("", ""))  # of the file of the current item
    public_count: int = 0
    pending: list[tuple[ImportItem, FileReport]] = field(default_factory=list)
    seen_ids: dict[UUID, SeenId] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)  # indexes of items of which the file has a newer text
    sample: list[str] = field(default_factory=list)
    matched_ids: set[UUID] = field(default_factory=set)  # memories of which the preview tells
    pending_characters: int = 0
    entry_count: int = 0
    last_id: UUID = field(default_factory=lambda: UUID(int=0))

    def __post_init__(self) -> None:
        self.rows = StagedRows(self.batch)
        self.places = ConversationPlaces(self.batch.owner_id, self.batch.only_tags)

    def start_file(self, report: FileReport) -> None:
        """Count what is added from now on for this file."""
        report.number = len(self.reports)
        self.reports.append(report)
        self.report = report

    def skip_entry(self, reason: str, count: int = 1) -> None:
        self.report.skipped[reason] += count
        self._count_entries(count)

    def add_link(self, link: ImportLink) -> None:
        self.links.add_link(link, self.report.number)

    def add_item(self, entry: ImportItem) -> None:
        self._count_entries()
        kind = self.report.kind
        for number, part in enumerate(split_to_limits(make_ids_storable(entry))):
            try:
                item = clean_item(self.places.assign(part, number, kind), kind)
            except ValidationError as error:
                self.skip_entry(get_skip_reason(error))
            else:
                self.pending.append((replace(item, notes=()) if number else item, self.report))
                self.pending_characters += count_characters(item)
        if (
            len(self.pending) >= staged_items.ROW_ITEMS
            or self.pending_characters >= staged_items.ROW_CHARACTERS
        ):
            self._compare_items()

    def save_summary(self) -> None:
        self._compare_items()
        self.rows.save_pending()
        self._skip_unreplaced()
        self.rows.drop_items(self.outdated)
        self._save_links()
        self.batch.counts = {**count_all(self.reports), "public": self.public_count}
        self.batch.total = self.batch.counts[NEW] + self.batch.counts[CHANGED]
        self.batch.report = dump_reports(self.reports)
        self.batch.sample = orjson.dumps(self.sample).decode()

    def _count_entries(self, count: int = 1) -> None:
        self.entry_count += count
        if self.entry_count > MAX_ENTRIES:
            raise make_file_error(
                _("The file contains more than %(limit)s entries. Split it and import the parts.")
                % {"limit": f"{MAX_ENTRIES:,}"},
                "too_many_entries",
            )

    def _compare_items(self) -> None:
        items, self.pending, self.pending_characters = self.pending, [], 0
        stored = self.known.find([item.id for item, _report in items if item.id])
        pairs = ((item, stored.get(item.id)) for item, _report in items if item.id)
        self.known.attach_tags([memory for item, memory in pairs if memory and may_change(item, memory)])
        current = self.report
        for item, self.report in items:
            if not self._is_repeated_id(item):
                self._compare_item(item, stored)
        self.report = current

    def _compare_item(self, item: ImportItem, stored: Mapping[UUID, Memory]) -> None:
        if item.id is not None and (existing := stored.get(item.id)) is not None:
            self._compare_with_stored(item, existing)
            return
        digest = digest_text(item.text)
        if (known := self.known.digests.get(digest)) is not None:
            self._add_duplicate(item, known)
        elif digest in self.known.trashed_digests or item.id in self.known.trashed_ids:
            self.report.skipped[IN_TRASH] += 1
            self.links.add_trashed(item.file_id)
        # A Picard export may contain two with the same text.
        elif item.id is None and (repeated := self.file_digests.get(digest)) is not None:
            self.report.skipped[REPEATED] += 1
            self.links.add_memory(item.file_id, repeated, NEW)
        else:
            self._add_new(item, digest)

    def _compare_with_stored(self, item: ImportItem, existing: Memory) -> None:
        self.matched_ids.add(existing.pk)
        changes = find_changes(item, existing)
        if changes.keys() - {"visibility"} or changes.get("visibility") == Visibility.PRIVATE:
            self.links.add_memory(item.file_id, existing.pk, CHANGED)
            self._add_staged(item, CHANGED, existing.pk)
        elif changes:
            self._add_duplicate(item, existing.pk)
            self._add_staged(item, UNPUBLISHED, existing.pk)
        elif is_text(item, existing):
            self._add_duplicate(item, existing.pk)
        else:
            self.report.skipped[OLDER] += 1
            self.links.add_memory(item.file_id, existing.pk, STORED)

    def _add_duplicate(self, item: ImportItem, memory_id: UUID) -> None:
        self.matched_ids.add(memory_id)
        self.report.counts[DUPLICATE] += 1
        self.links.add_memory(item.file_id, memory_id, STORED)

    def _add_new(self, item: ImportItem, digest: bytes) -> None:
        """Stage a new memory. It has its id already now, so that links can name it."""
        memory_id = self._create_id(item)
        self.links.add_memory(item.file_id, memory_id, NEW)
        self.file_digests.setdefault(digest, memory_id)
        counted = self._add_staged(item, NEW, memory_id)
        if item.is_superseded:
            self.superseded.append((item.file_id or "", counted))

    def _create_id(self, item: ImportItem) -> UUID:
        """Return the id of a new memory: it sorts by its time, and by the order in the file if that is the same."""
        memory_id, last_id = new_id_at(item.created_at) if item.created_at else new_id(), self.last_id
        if memory_id.bytes[:TIME_BYTES] == last_id.bytes[:TIME_BYTES] and memory_id < last_id:
            memory_id = UUID(int=last_id.int + 1 + secrets.randbelow(ID_STEP))
        self.last_id = memory_id
        return memory_id

    def _is_repeated_id(self, item: ImportItem) -> bool:
        """Keep only the newest text of duplicate IDs, in any order: one zip may contain two exports."""
        if item.id is None or (previous := self.seen_ids.get(item.id)) is None:
            return False
        self.report.skipped[REPEATED] += 1
        if _get_times(item) <= previous.times:
            return True
        if previous.staged:
            self._take_back(previous.staged)
        self.seen_ids[item.id] = SeenId(_get_times(item), None)
        return False

    def _take_back(self, counted: CountedItem) -> None:
        """Take a staged item out of the counts and, at the end, out of the rows."""
        self.outdated.add(counted.index)
        counted.report.counts[counted.kind] -= 1
        counted.report.counts[DUPLICATE] -= counted.kind == UNPUBLISHED
        counted.report.notes.subtract(counted.notes)
        self.public_count -= counted.is_public

    def _add_staged(self, item: ImportItem, kind: str, memory_id: UUID) -> CountedItem:
        is_public = item.visibility == Visibility.PUBLIC
        counted = CountedItem(self.rows.count, kind, self.report, item.notes, is_public)
        self.report.counts[kind] += 1
        self.report.notes.update(item.notes)
        self.public_count += is_public
        if item.id:
            self.seen_ids[item.id] = SeenId(_get_times(item), counted)
        if len(self.sample) < SAMPLE_SIZE and kind != UNPUBLISHED:
            self.sample.append(Truncator(item.text).chars(300))
        self.rows.add(StagedItem(item, memory_id, kind != NEW, self.report.number, kind == UNPUBLISHED))
        if self.rows.count > MAX_ITEMS:
            raise make_file_error(
                _("The file contains more than %(limit)s memories to import. Split it and import the parts.")
                % {"limit": f"{MAX_ITEMS:,}"},
                "too_many",
            )
        return counted

    def _skip_unreplaced(self) -> None:
        """Skip what no longer holds if the file does not have what replaces it: it would be taken for present."""
        replaced = self.links.list_replaced_ids() if self.superseded else set()
        for file_id, counted in self.superseded:
            if file_id not in replaced and counted.index not in self.outdated:
                self._take_back(counted)
                counted.report.skipped[SUPERSEDED] += 1

    def _save_links(self) -> None:
        first = len(self.rows.starts)
        for number, content in enumerate(dump_link_rows(self.links.resolve()), start=first):
            self.rows.add_row(number, content)
        for file, count in self.links.lost.items():
            self.reports[file].skipped[UNLINKED] += count


def _get_times(item: ImportItem) -> tuple[datetime, datetime]:
    """Return when the text and the other fields were last changed."""
    return item.written_at or EARLIEST_TIME, item.updated_at or EARLIEST_TIME
