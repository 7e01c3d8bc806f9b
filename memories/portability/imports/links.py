"""Links of an import: which of its memories replaces which, by the ids in the file.

They are resolved when the file has been read, since an older memory may come later in it or exist already, and saved
after all memories, in staged rows of their own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actor import Actor
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.models import ImportBatch, Memory
from memories.portability.imports.apply_change import UndoRecord
from memories.portability.readers.items import ImportLink
from memories.services import writes
from memories.services.chains import load_chains
from memories.validation.drafts import UNSET

UNLINKED = "unlinked"  # reason of links that cannot be kept
ROW_LINKS = 100  # per staged row, and per transaction
MAX_LINKS = 200_000  # per import

NEW, CHANGED, STORED = "new", "changed", "stored"  # what the import does with a memory


@dataclass(frozen=True)
class StagedLink:
    """A link to save. is_new: the import creates the newer memory."""

    newer_id: UUID
    older_id: UUID
    is_new: bool


@dataclass
class FileLinks:
    """The links of a file; its memories by their ids in the file, and what the import does with each."""

    links: dict[ImportLink, None] = field(default_factory=dict)
    memories: dict[str, UUID] = field(default_factory=dict)
    kinds: dict[UUID, str] = field(default_factory=dict)
    lost: int = 0

    def add_link(self, link: ImportLink) -> None:
        if len(self.links) < MAX_LINKS:
            self.links[link] = None
        else:
            self.lost += 1

    def add_memory(self, file_id: str | None, memory_id: UUID, kind: str) -> None:
        """Remember the memory of an id in the file; the first of several parts of a long text."""
        if file_id is not None and file_id not in self.memories:
            self.memories[file_id] = memory_id
            self.kinds.setdefault(memory_id, kind)

    def list_replaced_ids(self) -> set[str]:
        """Return the ids in the file of what another memory replaces that is in the file or stored."""
        return {link.older for link in self.links if link.newer in self.memories}

    def resolve(self) -> list[StagedLink]:
        """Return the links to save, and count the lost ones.

        A link between two memories that are stored already and stay unchanged is left as the user has it.
        """
        resolved: dict[StagedLink, None] = {}
        for link in self.links:
            newer, older = self.memories.get(link.newer), self.memories.get(link.older)
            if newer is None or older is None:
                self.lost += 1
            elif {self.kinds[newer], self.kinds[older]} != {STORED}:
                resolved[StagedLink(newer, older, self.kinds[newer] == NEW)] = None
        return list(resolved)


def dump_link_rows(links: Sequence[StagedLink]) -> Iterator[str]:
    """Serialize the links for staged rows; a row has either memories or links."""
    for first in range(0, len(links), ROW_LINKS):
        yield orjson.dumps({"links": links[first : first + ROW_LINKS]}).decode()


def load_link_row(content: str) -> list[StagedLink] | None:
    """Return the links of a staged row, None for one with memories."""
    value: Any = orjson.loads(content)
    if isinstance(value, list):
        return None
    return [
        StagedLink(UUID(each["newer_id"]), UUID(each["older_id"]), each["is_new"]) for each in value["links"]
    ]


def derive_free_id(batch: ImportBatch, used_id: UUID) -> UUID:
    """Return the id, with the same time, of a new memory whose id in the file is already used on this server.

    Links name the id in the file: nothing needs to be stored to find the memory. The batch's id makes it unguessable.
    """
    tail = hashlib.blake2b(batch.pk.bytes + used_id.bytes, digest_size=10).digest()
    value = int.from_bytes(used_id.bytes[:6] + tail) & ~(0xF << 76 | 0b11 << 62)
    return UUID(int=value | 7 << 76 | 0b10 << 62)


def apply_links(actor: Actor, batch: ImportBatch, links: Sequence[StagedLink]) -> list[UndoRecord]:
    """Save the links; return the previous states of memories that the import did not create. Counts the lost ones."""
    named = {memory_id for link in links for memory_id in (link.newer_id, link.older_id)}
    free = {derive_free_id(batch, memory_id): memory_id for memory_id in named}
    taken = Memory.objects.filter(owner_id=batch.owner_id, pk__in=free).values_list("pk", flat=True)
    real = {free[memory_id]: memory_id for memory_id in taken}
    outcomes = [
        _apply_link(
            actor,
            replace(
                link,
                newer_id=real.get(link.newer_id, link.newer_id),
                older_id=real.get(link.older_id, link.older_id),
            ),
        )
        for link in links
    ]
    if lost := sum(outcome is None for outcome in outcomes):
        skipped = batch.counts["skipped"]
        skipped[UNLINKED] = skipped.get(UNLINKED, 0) + lost
    return [outcome for outcome in outcomes if isinstance(outcome, UndoRecord)]


def _apply_link(actor: Actor, link: StagedLink) -> UndoRecord | bool | None:
    """Save a link; return how to undo it, True if it needs no undo, None if it cannot be kept.

    A new memory keeps its version: it is imported with its link.
    """
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=link.newer_id)
    memory = own.only("id", "owner_id", "version", "updated_at", "supersedes_id").first()
    if memory is None:
        return None
    if memory.supersedes_id is not None:
        superseded = load_chains(actor, actor.person, [], [memory.pk]).find_superseded(memory.pk)
        if superseded is not None:
            return True if superseded.id == link.older_id else None
    try:
        with transaction.atomic():
            writes.update_memory(actor, link.newer_id, supersedes=link.older_id)
    except (ValidationError, MemoryNotFound, VersionConflict, ApprovalRequired):
        return None
    if not link.is_new:
        # A link to the trash is now behind the new one, and stays when the import is undone.
        return UndoRecord(link.newer_id, memory.version, supersedes=UNSET if memory.supersedes_id else None)
    Memory.objects.filter(owner_id=memory.owner_id, pk=link.newer_id).update(
        version=memory.version, updated_at=memory.updated_at
    )
    return True
