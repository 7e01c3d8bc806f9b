"""What an import changes of what is there; what was before is noted, so that undoing can give all of it back."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """A memory as it was at `version`, which an import then changed. tags: each its id and its name.

    UNSET: nobody noted it.
    """

    id: UUID
    version: int
    tags: Sequence[tuple[UUID, str]] | Literal[Unset.UNSET] = UNSET
    expires_at: datetime | Literal[Unset.UNSET] | None = UNSET


def is_still_valid(item: ImportItem) -> bool:
    """What expires meanwhile, or within a minute, need not come any more."""
    return not is_expiring_soon(item.expires_at)


def is_expiring_soon(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= timezone.now() + timedelta(minutes=1)


def apply_change(actor: Actor, item: ImportItem) -> UndoRecord | None:
    """What was before. None where all stays: it is gone or later meanwhile, or the change waits for a yes."""
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=cast(UUID, item.id))
    memory = own.select_for_update(of=("self",)).first()
    if memory is None or not is_still_valid(item) or not is_newer(item, memory):
        return None
    before = UndoRecord(
        memory.pk,
        memory.version,
        [(tag.pk, tag.name) for tag in tagging.sort_by_name(memory.tags.all())],
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
        return None  # ValidationError: as much of its app's waits for a yes as may
    return before if changed.version > before.version else None


def is_newer(item: ImportItem, memory: Memory) -> bool:
    """The later text wins: an old export must not take back what was written since."""
    return item.written_at is not None and item.written_at > memory.written_at


def dump_undo_record(before: UndoRecord) -> dict[str, Any]:
    """As it lies, sealed, until the import is undone or too old for that."""
    return {
        "id": before.id,
        "version": before.version,
        "tags": before.tags,
        "expires_at": before.expires_at,
    }


def load_undo_record(note: Any) -> UndoRecord:
    if isinstance(note, list):  # of an import before tags and expiry were noted
        memory_id, version = note
        return UndoRecord(UUID(memory_id), version)
    return UndoRecord(
        UUID(note["id"]),
        note["version"],
        [(UUID(tag_id), name) for tag_id, name in note["tags"]],
        note["expires_at"] and datetime.fromisoformat(note["expires_at"]),
    )


def undo_change(actor: Actor, before: UndoRecord) -> None:
    """Text, tags and expiry as they were, by one change. What was changed since the import stays as it is now."""
    try:
        writes.update_memory(
            actor,
            before.id,
            expected_version=_restore_if_expired(actor, before),
            text=_get_previous_text(actor, before),
            tags=_get_previous_tags(actor, before),
            expires_at=_get_previous_expiry(before),
        )
    except (MemoryNotFound, VersionConflict, ApprovalRequired):
        return  # gone or changed since; or it is public by now, and the person is asked


def _restore_if_expired(actor: Actor, before: UndoRecord) -> int:
    """The version that the import left it at; where it expired since, by the import's expiry, it comes back first."""
    left_at = before.version + 1
    expired = Memory.objects.trash_visible_to(actor).filter(pk=before.id, version=left_at, deleted_at=None)
    return writes.restore_memory(actor, before.id).version if expired.exists() else left_at


def _get_previous_text(actor: Actor, before: UndoRecord) -> str | Literal[Unset.UNSET]:
    revision = MemoryRevision.objects.filter(
        owner_id=actor.person.pk, memory_id=before.id, version=before.version
    ).first()
    text = None if revision is None else decrypt_or_none(revision)
    return UNSET if text is None else text


def _get_previous_tags(actor: Actor, before: UndoRecord) -> list[str] | Literal[Unset.UNSET]:
    """By their present names; those that are gone, since nothing had them any more, by their names of then.

    Where they are what they were, they are left alone: there may be more of them than may be given.
    """
    if before.tags is UNSET:
        return UNSET
    ids = [tag_id for tag_id, _name in before.tags]
    own = Tag.objects.filter(owner=actor.person)
    if set(ids) == set(own.filter(memories=before.id).values_list("pk", flat=True)):
        return UNSET
    present = {tag.pk: tag.name for tag in tagging.sort_by_name(own.filter(pk__in=ids))}
    return limits.select_valid_tags(present.get(tag_id, name) for tag_id, name in before.tags)


def _get_previous_expiry(before: UndoRecord) -> datetime | Literal[Unset.UNSET] | None:
    """One that has passed since is not set again: undoing must not end what it gives back."""
    if before.expires_at is UNSET or is_expiring_soon(before.expires_at):
        return UNSET
    return before.expires_at
