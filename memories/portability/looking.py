"""What a look at an import has found so far: compared with what the person has, counted, and laid down sealed.

Texts are compared as they are, by digests that only this process ever sees: nothing at rest says which texts are equal.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

import orjson
from django.core.exceptions import ValidationError
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.actor import Actor
from memories import limits
from memories.import_models import ImportBatch, StagedMemories
from memories.models import Memory, Visibility
from memories.portability.cleaning import cleaned, reason_of
from memories.portability.files import refused
from memories.portability.items import Item, within_limits
from memories.queries import opened

ITEMS = 200_000  # of one import
ENTRIES = 2_000_000  # that are looked at, left out or not
AT_ONCE = 1_000  # memories of one sealed row, and of one transaction when they are imported
CHARACTERS_AT_ONCE = AT_ONCE * limits.TEXT_CHARACTERS  # and of such a row: each may bring a long history
PAST_CHARACTERS = 200  # that an earlier text takes beside itself
SAMPLE = 8


def digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass
class Look:
    """What was found so far. Keeps no more texts than one row's."""

    actor: Actor
    batch: ImportBatch
    known: set[bytes]
    in_file: set[bytes] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    waiting: list[Item] = field(default_factory=list)
    staged: list[tuple[Item, bool]] = field(default_factory=list)
    sample: list[str] = field(default_factory=list)
    characters: int = 0  # of those that wait
    rows: int = 0
    seen: int = 0
    conversation: str | None = None
    position: int = 0

    def skip(self, reason: str, count: int = 1) -> None:
        self.skipped[reason] += count
        self._see(count)

    def take(self, found: Item) -> None:
        self._see()
        for item in within_limits(found):
            try:
                self.waiting.append(cleaned(self._placed(item)))
            except ValidationError as error:
                self.skip(reason_of(error))
            else:
                self.characters += _characters(self.waiting[-1])
        if len(self.waiting) >= AT_ONCE or self.characters >= CHARACTERS_AT_ONCE:
            self._compare()

    def finish(self) -> None:
        self._compare()
        self._lay_down(rest=True)
        self.batch.counts = {
            **{name: self.counts[name] for name in ("new", "changed", "duplicate", "public")},
            "skipped": dict(self.skipped.most_common()),
        }
        self.batch.total = self.counts["new"] + self.counts["changed"]
        self.batch.sample = orjson.dumps(self.sample).decode()

    def _see(self, count: int = 1) -> None:
        self.seen += count
        if self.seen > ENTRIES:
            raise refused(
                _("This holds more than %(limit)s entries. Nothing is lost: split it, and bring its parts.")
                % {"limit": f"{ENTRIES:,}"},
                "too_many_entries",
            )

    def _placed(self, item: Item) -> Item:
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

    def _compare(self) -> None:
        items, self.waiting, self.characters = self.waiting, [], 0
        stored = _stored(self.actor, [item.id for item in items if item.id])
        for item in items:
            same = stored.get(item.id) if item.id else None
            if same is not None and opened(same) != item.text:
                self._changed(item, same)
            elif same is not None or self._is_known(item):
                self.counts["duplicate"] += 1
            else:
                self._add(item, "new")
        self._lay_down()

    def _changed(self, item: Item, same: Memory) -> None:
        """The later text wins: an old export must not take back what was written since."""
        if item.updated_at is None or item.updated_at <= same.updated_at:
            self.skipped["older"] += 1
        else:
            self._add(item, "changed")

    def _is_known(self, item: Item) -> bool:
        key = digest(item.text)
        if key in self.known:
            return True
        if item.id is None and key in self.in_file:
            return True  # our own file may well hold two memories of one text
        self.in_file.add(key)
        return False

    def _add(self, item: Item, kind: str) -> None:
        self.counts[kind] += 1
        self.counts["public"] += item.visibility == Visibility.PUBLIC
        if self.counts["new"] + self.counts["changed"] > ITEMS:
            raise refused(
                _("This brings more than %(limit)s memories. Split it.") % {"limit": f"{ITEMS:,}"}, "too_many"
            )
        if len(self.sample) < SAMPLE:
            self.sample.append(Truncator(item.text).chars(300))
        self.staged.append((item, kind == "changed"))

    def _lay_down(self, *, rest: bool = False) -> None:
        rest = rest or sum(_characters(item) for item, _changes in self.staged) >= CHARACTERS_AT_ONCE
        while len(self.staged) >= AT_ONCE or (rest and self.staged):
            row, self.staged = self.staged[:AT_ONCE], self.staged[AT_ONCE:]
            StagedMemories.objects.create(
                owner_id=self.batch.owner_id,
                batch=self.batch,
                number=self.rows,
                content=orjson.dumps(row).decode(),
            )
            self.rows += 1


def _characters(item: Item) -> int:
    return len(item.text) + sum(len(past.text) + PAST_CHARACTERS for past in item.history)


def _stored(actor: Actor, ids: list[UUID]) -> dict[UUID, Memory]:
    if not ids:
        return {}
    found: dict[UUID, Memory] = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(ids)
    return found
