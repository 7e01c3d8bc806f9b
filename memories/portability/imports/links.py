"""Links of an import: which of its memories replaces which, by the ids in the file.

They are resolved when the file has been read, since an older memory may come later in it or exist already, and saved
after all memories, in staged rows of their own.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actor import Actor
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.models import Memory
from memories.portability.imports.apply_change import UndoRecord
from memories.portability.imports.report import CHANGED as CHANGED
from memories.portability.imports.report import NEW as NEW
from memories.portability.readers.items import ImportLink
from memories.services import writes
from memories.services.chains import load_chains
from memories.validation.drafts import UNSET

UNLINKED = "unlinked"  # reason of links that cannot be kept
ROW_LINKS = 100  # per staged row, and per transaction
MAX_LINKS = 200_000  # per import

STORED = "stored"  # what the import does with a memory, other than NEW and CHANGED: nothing


@dataclass(frozen=True)
class StagedLink:
    """A link to save. is_new: the import creates the newer memory. file: the number of its file's report."""

    newer_id: UUID
    older_id: UUID
    is_new: bool
    file: int = 0


@dataclass
class FileLinks:
    """The links of all files, each with the number of its file; their memories by their ids in the files, and what the
    import does with each. trashed: ids of what lies in the user's trash. lost: how many links are lost, by file.
    """

    links: dict[ImportLink, int] = field(default_factory=dict)
    memories: dict[str, UUID] = field(default_factory=dict)
    kinds: dict[UUID, str] = field(default_factory=dict)
    trashed: set[str] = field(default_factory=set)
    lost: Counter[int] = field(default_factory=Counter)

    def add_link(self, link: ImportLink, file: int) -> None:
        if len(self.links) < MAX_LINKS:
            self.links.setdefault(link, file)
        else:
            self.lost[file] += 1

    def add_memory(self, file_id: str | None, memory_id: UUID, kind: str) -> None:
        """Remember the memory of an id in the file; the first of several parts of a long text."""
        if file_id is not None and file_id not in self.memories:
            self.memories[file_id] = memory_id
            self.kinds.setdefault(memory_id, kind)

    def add_trashed(self, file_id: str | None) -> None:
        if file_id is not None:
            self.trashed.add(file_id)

    def list_replaced_ids(self) -> set[str]:
        """Return the ids in the file of what another memory replaces that is in the file or stored."""
        return {link.older for link in self.links if link.newer in self.memories}

    def resolve(self) -> list[StagedLink]:
        """Return the links to save, and count the lost ones.

        A link between two memories that are stored already and stay unchanged is left as the user has it, also if one
        of them lies in the trash.
        """
        resolved: dict[tuple[UUID, UUID], StagedLink] = {}
        for link, file in self.links.items():
            newer, older = self.memories.get(link.newer), self.memories.get(link.older)
            kinds = {self._get_kind(link.newer), self._get_kind(link.older)}
            if kinds == {STORED}:
                continue
            if newer is None or older is None:
                self.lost[file] += 1
            else:
                is_new = self.kinds[newer] == NEW
                resolved.setdefault((newer, older), StagedLink(newer, older, is_new, file))
        return list(resolved.values())

    def _get_kind(self, file_id: str) -> str | None:
        memory_id = self.memories.get(file_id)
        if memory_id is not None:
            return self.kinds[memory_id]
        return STORED if file_id in self.trashed else None


def dump_link_rows(links: Sequence[StagedLink]) -> Iterator[bytes]:
    """Serialize the links for staged rows; a row has either memories or links."""
    for first in range(0, len(links), ROW_LINKS):
        yield orjson.dumps({"links": links[first : first + ROW_LINKS]})


def load_link_row(value: Any) -> list[StagedLink] | None:
    """Return the links of the content of a staged row, None for one with memories."""
    if isinstance(value, list):
        return None
    return [
        StagedLink(UUID(each["newer_id"]), UUID(each["older_id"]), each["is_new"], each.get("file", 0))
        for each in value["links"]
    ]


def apply_links(actor: Actor, links: Sequence[StagedLink]) -> tuple[list[UndoRecord], Counter[int]]:
    """Save the links; return the previous states of memories that the import did not create, and the lost by file."""
    outcomes = [_apply_link(actor, link) for link in links]
    lost = Counter(link.file for link, outcome in zip(links, outcomes, strict=True) if outcome is None)
    return [outcome for outcome in outcomes if isinstance(outcome, UndoRecord)], lost


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
        supersedes = UNSET if memory.supersedes_id else None
        return UndoRecord(link.newer_id, memory.version, supersedes=supersedes, updated_at=memory.updated_at)
    Memory.objects.filter(owner_id=memory.owner_id, pk=link.newer_id).update(
        version=memory.version, updated_at=memory.updated_at
    )
    return True
