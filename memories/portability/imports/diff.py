"""What a look at an import has found so far: compared with what the person has, counted, and laid down sealed.

Texts are compared as they are, by digests that only this process ever sees: nothing at rest says which texts are equal.
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
from memories.models import ImportBatch, Memory, StagedMemories, Visibility
from memories.portability.imports.apply_change import is_newer
from memories.portability.imports.clean import clean_item, get_skip_reason
from memories.portability.readers.archives import make_file_error
from memories.portability.readers.items import EARLIEST_TIME, ImportItem, split_to_limits
from memories.services.reads import decrypt_or_none
from memories.validation import limits

MAX_ITEMS = 200_000  # of one import
MAX_ENTRIES = 2_000_000  # that are looked at, left out or not
ROW_ITEMS = 1_000  # memories of one sealed row, and of one transaction when they are imported
ROW_CHARACTERS = ROW_ITEMS * limits.TEXT_CHARACTERS  # and of such a row: each may bring a long history
REVISION_OVERHEAD = 200  # that an earlier text takes beside itself
SAMPLE = 8


def digest_text(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class SeenId:
    """What is to come of an id, while the look lasts. place: among all that were laid down; kind: "" for nothing."""

    place: int
    times: tuple[datetime, datetime]
    kind: str
    is_public: bool


@dataclass
class ImportDiff:
    """What was found so far. Keeps no more texts than one row's."""

    actor: Actor
    batch: ImportBatch
    known: set[bytes]
    in_file: set[bytes] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    waiting: list[ImportItem] = field(default_factory=list)
    staged: list[tuple[ImportItem, bool]] = field(default_factory=list)
    taken: dict[UUID, SeenId] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)  # places of those of which the file has a later text
    starts: list[int] = field(default_factory=list)  # the first place of each row
    places: int = 0
    sample: list[str] = field(default_factory=list)
    characters: int = 0  # of those that wait
    seen: int = 0
    conversation: str | None = None
    position: int = 0

    def skip_entry(self, reason: str, count: int = 1) -> None:
        self.skipped[reason] += count
        self._count_entries(count)

    def add_item(self, found: ImportItem) -> None:
        self._count_entries()
        for item in split_to_limits(found):
            try:
                self.waiting.append(clean_item(self._assign_position(item)))
            except ValidationError as error:
                self.skip_entry(get_skip_reason(error))
            else:
                self.characters += _count_characters(self.waiting[-1])
        if len(self.waiting) >= ROW_ITEMS or self.characters >= ROW_CHARACTERS:
            self._compare_items()

    def save_summary(self) -> None:
        self._compare_items()
        self._save_staged_rows(rest=True)
        self._drop_outdated()
        self.batch.counts = {
            **{name: self.counts[name] for name in ("new", "changed", "duplicate", "public")},
            "skipped": dict(self.skipped.most_common()),
        }
        self.batch.total = self.counts["new"] + self.counts["changed"]
        self.batch.sample = orjson.dumps(self.sample).decode()

    def _count_entries(self, count: int = 1) -> None:
        self.seen += count
        if self.seen > MAX_ENTRIES:
            raise make_file_error(
                _("This holds more than %(limit)s entries. Nothing is lost: split it, and bring its parts.")
                % {"limit": f"{MAX_ENTRIES:,}"},
                "too_many_entries",
            )

    def _assign_position(self, item: ImportItem) -> ImportItem:
        """With its conversation as an id, and its place in it counted where the file does not say it."""
        if item.conversation is None:
            return item
        if item.position is not None:
            return item
        if item.conversation != self.conversation:
            self.conversation, self.position = item.conversation, 0
        self.position += 1
        return replace(
            item,
            conversation=str(uuid5(self.batch.owner_id, f"{self.batch.format} {item.conversation}")),
            position=self.position - 1,
        )

    def _compare_items(self) -> None:
        items, self.waiting, self.characters = self.waiting, [], 0
        stored = _load_stored(self.actor, [item.id for item in items if item.id])
        for item in items:
            if self._is_repeated(item):
                continue
            same = stored.get(item.id) if item.id else None
            if same is not None and decrypt_or_none(same) != item.text:
                self._add_if_newer(item, same)
            elif same is not None or self._is_known(item):
                self.counts["duplicate"] += 1
            else:
                self._add_staged(item, "new")
        self._save_staged_rows()

    def _is_repeated(self, item: ImportItem) -> bool:
        """Of two of one id in the file the later text comes, whichever stands first; two exports may be in one zip."""
        if item.id is None or (before := self.taken.get(item.id)) is None:
            return False
        self.skipped["repeated"] += 1
        if _get_times(item) <= before.times:
            return True
        self.outdated.add(before.place)
        self.counts[before.kind] -= 1
        self.counts["public"] -= before.is_public
        self.taken[item.id] = SeenId(before.place, _get_times(item), "", is_public=False)
        return False

    def _add_if_newer(self, item: ImportItem, same: Memory) -> None:
        if is_newer(item, same):
            self._add_staged(item, "changed")
        else:
            self.skipped["older"] += 1

    def _is_known(self, item: ImportItem) -> bool:
        key = digest_text(item.text)
        if key in self.known:
            return True
        if item.id is None and key in self.in_file:
            return True  # our own file may well hold two memories of one text
        self.in_file.add(key)
        return False

    def _add_staged(self, item: ImportItem, kind: str) -> None:
        is_public = item.visibility == Visibility.PUBLIC
        self.counts[kind] += 1
        self.counts["public"] += is_public
        if item.id:
            self.taken[item.id] = SeenId(self.places, _get_times(item), kind, is_public)
        self.places += 1
        if self.places > MAX_ITEMS:
            raise make_file_error(
                _("This brings more than %(limit)s memories. Split it.") % {"limit": f"{MAX_ITEMS:,}"},
                "too_many",
            )
        if len(self.sample) < SAMPLE:
            self.sample.append(Truncator(item.text).chars(300))
        self.staged.append((item, kind == "changed"))

    def _save_staged_rows(self, *, rest: bool = False) -> None:
        rest = rest or sum(_count_characters(item) for item, _changes in self.staged) >= ROW_CHARACTERS
        while len(self.staged) >= ROW_ITEMS or (rest and self.staged):
            start = self.places - len(self.staged)
            row, self.staged = self.staged[:ROW_ITEMS], self.staged[ROW_ITEMS:]
            StagedMemories.objects.create(
                owner_id=self.batch.owner_id,
                batch=self.batch,
                number=len(self.starts),
                content=orjson.dumps(row).decode(),
            )
            self.starts.append(start)

    def _drop_outdated(self) -> None:
        numbers = {bisect_right(self.starts, place) - 1 for place in self.outdated}
        rows = StagedMemories.objects.filter(owner_id=self.batch.owner_id, batch_id=self.batch.pk)
        for row in rows.filter(number__in=numbers).iterator(chunk_size=1):
            all_of_it = enumerate(orjson.loads(row.content), self.starts[row.number])
            row.content = orjson.dumps(
                [each for place, each in all_of_it if place not in self.outdated]
            ).decode()
            row.save(update_fields=["content"])


def _get_times(item: ImportItem) -> tuple[datetime, datetime]:
    """Of its text, and of what else is said of it."""
    return item.written_at or EARLIEST_TIME, item.updated_at or EARLIEST_TIME


def _count_characters(item: ImportItem) -> int:
    return len(item.text) + sum(len(past.text) + REVISION_OVERHEAD for past in item.history)


def _load_stored(actor: Actor, ids: list[UUID]) -> dict[UUID, Memory]:
    if not ids:
        return {}
    found: dict[UUID, Memory] = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(ids)
    return found
