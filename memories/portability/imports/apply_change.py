"""Apply changes of an import to existing memories, and undo them from recorded previous values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.actor import Actor
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.models import Memory, MemoryRevision, Tag
from memories.portability.readers.items import ImportItem
from memories.services import tags as tagging
from memories.services import writes
from memories.services.reads import decrypt_or_none
from memories.validation import limits
from memories.validation.drafts import UNSET, Unset


@dataclass(frozen=True)
class UndoRecord:
    """The state of a memory at `version`, before an import changed it.

    tags: (ID, name) pairs. UNSET means not recorded. changes: how many versions the import added.
    """

    id: UUID
    version: int
    tags: Sequence[tuple[UUID, str]] | Literal[Unset.UNSET] = UNSET
    expires_at: datetime | Literal[Unset.UNSET] | None = UNSET
    supersedes: UUID | Literal[Unset.UNSET] | None = UNSET
    changes: int = 1


def is_still_valid(item: ImportItem) -> bool:
    """Return whether the item does not expire within a minute."""
    return not is_expiring_soon(item.expires_at)


def is_expiring_soon(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= timezone.now() + timedelta(minutes=1)


def apply_change(actor: Actor, item: ImportItem) -> UndoRecord | None:
    """Update a memory and return its previous state.

    Returns None if nothing changed: the memory is gone or newer, or the change needs approval.
    """
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=cast(UUID, item.id))
    memory = own.select_for_update(of=("self",)).first()
    if memory is None or not is_still_valid(item) or not is_newer(item, memory):
        return None
    previous = UndoRecord(
        memory.pk,
        memory.version,
        [(tag.pk, tag.name) for tag in tagging.sort_by_name(tagging.get_tags(memory))],
        memory.expires_at,
    )
    try:
        changed = writes.update_memory(
            actor,
            memory.pk,
            text=item.text,
            tags=UNSET if "tags" in item.keeps else item.tags,
            expires_at=UNSET if "expires_at" in item.keeps else item.expires_at,
        )
    except (MemoryNotFound, ValidationError, ApprovalRequired):
        return None  # ValidationError: the app has too many pending proposals
    return previous if changed.version > previous.version else None


def is_newer(item: ImportItem, memory: Memory) -> bool:
    """Return whether the item has the newer text: an old export must not overwrite later edits."""
    return item.written_at is not None and item.written_at > memory.written_at


def dump_undo_record(record: UndoRecord) -> dict[str, Any]:
    """Serialize for the encrypted row of the import."""
    values = {name: getattr(record, name) for name in ("tags", "expires_at", "supersedes")}
    given = {name: value for name, value in values.items() if value is not UNSET}
    return {"id": record.id, "version": record.version, **given}


def load_undo_record(value: Any) -> UndoRecord:
    if isinstance(value, list):  # written before tags and expiry were recorded
        memory_id, version = value
        return UndoRecord(UUID(memory_id), version)
    tags, expires_at, supersedes = (value.get(name, UNSET) for name in ("tags", "expires_at", "supersedes"))
    return UndoRecord(
        UUID(value["id"]),
        value["version"],
        UNSET if tags is UNSET else [(UUID(tag_id), name) for tag_id, name in tags],
        datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else expires_at,
        UUID(supersedes) if isinstance(supersedes, str) else supersedes,
    )


def merge_undo_records(records: Iterable[UndoRecord]) -> list[UndoRecord]:
    """Return one record per memory, in order: an import may change a memory, and then link it."""
    merged: dict[UUID, UndoRecord] = {}
    for record in records:
        first = merged.get(record.id)
        if first is not None:
            record = replace(first, supersedes=record.supersedes, changes=first.changes + record.changes)
        merged[record.id] = record
    return list(merged.values())


def undo_change(actor: Actor, record: UndoRecord) -> None:
    """Restore text, tags, expiry and link in one update, unless the memory was changed after the import."""
    try:
        writes.update_memory(
            actor,
            record.id,
            expected_version=_restore_if_expired(actor, record),
            text=_get_previous_text(actor, record),
            tags=_get_previous_tags(actor, record),
            expires_at=_get_previous_expiry(record),
            supersedes=record.supersedes,
        )
    except (MemoryNotFound, VersionConflict, ApprovalRequired):
        return  # deleted or changed since, or public by now and so in need of approval


def _restore_if_expired(actor: Actor, record: UndoRecord) -> int:
    """Return the version the import created, restoring the memory first if it expired since by the import's expiry."""
    imported_version = record.version + record.changes
    expired = Memory.objects.trash_visible_to(actor).filter(
        pk=record.id, version=imported_version, deleted_at=None
    )
    return writes.restore_memory(actor, record.id).version if expired.exists() else imported_version


def _get_previous_text(actor: Actor, record: UndoRecord) -> str | Literal[Unset.UNSET]:
    revision = MemoryRevision.objects.filter(
        owner_id=actor.person.pk, memory_id=record.id, version=record.version
    ).first()
    text = None if revision is None else decrypt_or_none(revision)
    return UNSET if text is None else text


def _get_previous_tags(actor: Actor, record: UndoRecord) -> list[str] | Literal[Unset.UNSET]:
    """Return the previous tags by current name, or by previous name if the tag was deleted as unused.

    UNSET if the tags are unchanged: there may be more of them than an update accepts.
    """
    if record.tags is UNSET:
        return UNSET
    ids = [tag_id for tag_id, _name in record.tags]
    own = Tag.objects.filter(owner=actor.person)
    if set(ids) == set(own.filter(memories=record.id).values_list("pk", flat=True)):
        return UNSET
    current_names = {tag.pk: tag.name for tag in tagging.sort_by_name(own.filter(pk__in=ids))}
    return limits.select_valid_tags(current_names.get(tag_id, name) for tag_id, name in record.tags)


def _get_previous_expiry(record: UndoRecord) -> datetime | Literal[Unset.UNSET] | None:
    """Return the previous expiry, or UNSET if it has passed: undo must not expire the memory it restores."""
    if record.expires_at is UNSET or is_expiring_soon(record.expires_at):
        return UNSET
    return record.expires_at
