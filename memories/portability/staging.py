"""Looking at what was given: read, cleaned, compared with what the person has, and laid down sealed until their yes.

Texts are compared as they are, by digests that only this process ever sees: nothing at rest says which texts are equal.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid5

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.throttling import Limit, hit
from memories import scopes, services
from memories.errors import ImportUnderWay
from memories.import_models import OPEN, ImportBatch, ImportState, StagedMemories
from memories.models import Memory, MemoryRevision, Visibility
from memories.owned import try_lock_alone
from memories.portability.chats import Chats
from memories.portability.cleaning import cleaned, reason_of
from memories.portability.files import in_time, parts_of, refused
from memories.portability.items import Item, Skipped, within_limits
from memories.portability.recognise import recognise
from memories.queries import opened

ITEMS = 200_000  # of one import
ENTRIES = 2_000_000  # that are looked at, left out or not
SECONDS = 3_600.0  # of one look
SECONDS_ONLINE = 120.0  # where a thread of the web server looks
LOOKS = Limit("import", 30, 3_600)
AT_ONCE = 1_000  # memories of one sealed row, and of one transaction when they are imported
SAMPLE = 8
READ_AT_ONCE = 2_000

Say = Callable[[int], None]


def require(actor: Actor) -> None:
    """What moving in and out needs: a person's own session, or an app that may manage everything."""
    for scope in (scopes.READ, scopes.WRITE, scopes.ADMIN):
        actor.require(scope)


def may_look(actor: Actor) -> None:
    """Count one look, as a door does that many may come by. Raises LimitReached."""
    hit(LOOKS, f"{actor.person.pk}:{actor.client_id or ''}")


def stage(
    actor: Actor,
    given: IO[bytes] | Path,
    *,
    chats: Chats = Chats.MINE,
    seconds: float = SECONDS,
    say: Say = lambda _count: None,
) -> ImportBatch:
    """Find out what a file, zip or folder would bring, without keeping any of it yet. All or nothing.

    An earlier import that still waits for its yes is given up. Raises ValidationError (file) where it cannot be read,
    or not within so many seconds; ImportUnderWay while another import is, or is looked at. `say` hears how many
    entries were read.
    """
    require(actor)
    until = time.monotonic() + seconds
    with transaction.atomic():
        before = _alone(actor)
        format, parts = recognise(parts_of(given, until))
        batch = ImportBatch(
            owner_id=actor.person.pk,
            format=format.name,
            source=services.source_of(actor),
            only_tags=None if actor.only_tags is None else sorted(actor.only_tags),
        )
        look = _Look(actor, batch, _known_texts(actor))
        for found in format.read(parts, chats):
            in_time(until)
            if isinstance(found, Skipped):
                look.skip(found.reason, found.count)
            else:
                look.take(found)
            if look.seen % READ_AT_ONCE == 0:
                say(look.seen)
        look.finish()
        _give_up(before)
        batch.save(force_insert=True)
    return batch


def _alone(actor: Actor) -> ImportBatch | None:
    """The import that waits for its yes. Raises ImportUnderWay where one goes on, or is looked at; nobody waits."""
    if not try_lock_alone(actor.person.pk, "look at import"):
        raise ImportUnderWay
    is_open = ImportBatch.objects.filter(owner_id=actor.person.pk, state__in=OPEN).first()
    if is_open is not None and is_open.state == ImportState.RUNNING:
        raise ImportUnderWay
    return is_open


def _give_up(before: ImportBatch | None) -> None:
    """Last of all: a yes to it must not wait for as long as a look takes. With one, the look did not see what came."""
    if before is None:
        return
    waits = ImportBatch.objects.filter(owner_id=before.owner_id, pk=before.pk).select_for_update().first()
    if waits is None:
        return
    if waits.state != ImportState.STAGED:
        raise ImportUnderWay
    waits.delete()


# --- What the person has ----------------------------------------------------------------------------------


def digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _known_texts(actor: Actor) -> set[bytes]:
    """Of all texts that the actor may see, and of those that they were before: who edited one has it still."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    revisions = MemoryRevision.objects.filter(owner_id=actor.person.pk, memory_id__in=own.values("pk"))
    rows: Iterable[Any] = (
        row
        for queryset in (own.only("pk", "owner_id", "text"), revisions.only("pk", "owner_id", "text"))
        for row in queryset.iterator(chunk_size=READ_AT_ONCE)
    )
    return {digest(text) for row in rows if (text := opened(row)) is not None}


# --- One look ---------------------------------------------------------------------------------------------


@dataclass
class _Look:
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
        if len(self.waiting) >= AT_ONCE:
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
        items, self.waiting = self.waiting, []
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
        while len(self.staged) >= AT_ONCE or (rest and self.staged):
            row, self.staged = self.staged[:AT_ONCE], self.staged[AT_ONCE:]
            StagedMemories.objects.create(
                owner_id=self.batch.owner_id,
                batch=self.batch,
                number=self.rows,
                content=orjson.dumps(row).decode(),
            )
            self.rows += 1


def _stored(actor: Actor, ids: list[UUID]) -> dict[UUID, Memory]:
    if not ids:
        return {}
    found: dict[UUID, Memory] = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(ids)
    return found
