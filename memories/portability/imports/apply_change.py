"""Apply changes of an import to existing memories, and undo them from recorded previous values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.actor import Actor
from memories import scopes
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.models import Memory, MemoryRevision, Tag, Visibility
from memories.portability.imports.places import OWN_FORMAT
from memories.portability.imports.staged_items import StagedItem
from memories.portability.readers.items import ImportItem
from memories.services import audit, writes
from memories.services import tags as tagging
from memories.services.reads import decrypt_or_none
from memories.validation import limits
from memories.validation.drafts import UNSET, Changes, Unset

SOURCE_PREFIX = "imported:"  # of tags that say where a memory comes from


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
    visibility: str | Literal[Unset.UNSET] = UNSET
    pinned: bool | Literal[Unset.UNSET] = UNSET
    updated_at: datetime | Literal[Unset.UNSET] | None = UNSET
    changes: int = 1


def is_still_valid(item: ImportItem) -> bool:
    """Return whether the item does not expire within a minute."""
    return not is_expiring_soon(item.expires_at)


def is_expiring_soon(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= timezone.now() + timedelta(minutes=1)


# --- What an item changes ---------------------------------------------------------------------------------


def is_text(item: ImportItem, memory: Memory) -> bool:
    return decrypt_or_none(memory) == item.text


def may_change(item: ImportItem, memory: Memory) -> bool:
    """Return whether something of the item was changed later than the memory."""
    return _is_later(item.written_at, memory.written_at) or _is_later(item.updated_at, memory.updated_at)


def find_changes(item: ImportItem, memory: Memory) -> Changes:
    """Return what the item changes of a memory that it is the same as; nothing if the memory is newer.

    A text needs to have been written later; with the same text, the rest needs to have been changed later: an old
    export must not overwrite later edits.
    """
    changes: Changes = {}
    if not is_text(item, memory):
        if not _is_later(item.written_at, memory.written_at):
            return {}
        changes["text"] = item.text
    elif not _is_later(item.updated_at, memory.updated_at):
        return {}
    if "tags" not in item.keeps and (tags := _find_tags(item, memory)) is not None:
        changes["tags"] = tags
    if "expires_at" not in item.keeps and item.expires_at != memory.expires_at:
        changes["expires_at"] = item.expires_at
    if "visibility" not in item.keeps and item.visibility != memory.visibility:
        changes["visibility"] = item.visibility
    if item.pinned is not None and item.pinned != memory.pinned:
        changes["pinned"] = item.pinned
    return changes


def _is_later(given: datetime | None, stored: datetime) -> bool:
    return given is not None and given > stored


def _find_tags(item: ImportItem, memory: Memory) -> Sequence[str] | None:
    """Return the new tags, None if they are the same. Other products' formats lack the tag of the source."""
    names = tagging.get_tag_names(memory)
    kept = [] if item.format == OWN_FORMAT else [name for name in names if name.startswith(SOURCE_PREFIX)]
    wanted = limits.select_valid_tags([*kept, *item.tags])
    is_same = {limits.fold_tag_name(name) for name in wanted} == {
        limits.fold_tag_name(name) for name in names
    }
    return None if is_same else wanted


def apply_change(actor: Actor, staged: StagedItem, *, publishes: bool = False) -> UndoRecord | None:
    """Update a memory and return its previous state. publishes: whether it may become public.

    Returns None if nothing changed: the memory is gone or newer, or the change needs approval.
    """
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=staged.memory_id)
    memory = own.select_for_update(of=("self",)).first()
    if memory is None or not is_still_valid(staged.item):
        return None
    audit.touch(actor, [memory.pk])
    changes = find_changes(staged.item, memory)
    if changes.get("visibility") == Visibility.PUBLIC and not publishes:
        del changes["visibility"]
    if "visibility" in changes and not actor.has_scope(scopes.PUBLISH):
        del changes["visibility"]  # what it could not undo
    if actor.is_app:
        changes.pop("pinned", None)
    if not changes:
        return None
    previous = _build_undo_record(memory)
    try:
        changed = writes.update_memory(actor, memory.pk, **changes)
    except (MemoryNotFound, ValidationError, ApprovalRequired):
        return None  # ValidationError: the app has too many pending proposals
    if changed.version == previous.version:
        return None
    _set_times(changed, staged.item, has_text="text" in changes)
    return previous


def _build_undo_record(memory: Memory) -> UndoRecord:
    return UndoRecord(
        memory.pk,
        memory.version,
        [(tag.pk, tag.name) for tag in tagging.sort_by_name(tagging.get_tags(memory))],
        memory.expires_at,
        visibility=memory.visibility,
        pinned=memory.pinned,
        updated_at=memory.updated_at,
    )


def _set_times(memory: Memory, item: ImportItem, *, has_text: bool) -> None:
    """Set the times of the file, so that a later change there, before this import, is newer than what is stored."""
    times = {"updated_at": item.updated_at or item.written_at}
    if has_text:
        times["written_at"] = item.written_at
    Memory.objects.filter(owner_id=memory.owner_id, pk=memory.pk).update(**times)


# --- Undoing ----------------------------------------------------------------------------------------------


RECORDED = ("tags", "expires_at", "supersedes", "visibility", "pinned", "updated_at")


def dump_undo_record(record: UndoRecord) -> dict[str, Any]:
    """Serialize for the encrypted row of the import."""
    values = {name: getattr(record, name) for name in RECORDED}
    given = {name: value for name, value in values.items() if value is not UNSET}
    return {"id": record.id, "version": record.version, **given}


def load_undo_record(value: Any) -> UndoRecord:
    if isinstance(value, list):  # written before tags and expiry were recorded
        memory_id, version = value
        return UndoRecord(UUID(memory_id), version)
    tags, supersedes = (value.get(name, UNSET) for name in ("tags", "supersedes"))
    return UndoRecord(
        UUID(value["id"]),
        value["version"],
        UNSET if tags is UNSET else [(UUID(tag_id), name) for tag_id, name in tags],
        _load_time(value.get("expires_at", UNSET)),
        UUID(supersedes) if isinstance(supersedes, str) else supersedes,
        value.get("visibility", UNSET),
        value.get("pinned", UNSET),
        _load_time(value.get("updated_at", UNSET)),
    )


def _load_time(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


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
    """Restore a memory and its times in one update, unless it was changed after the import."""
    revision = MemoryRevision.objects.filter(
        owner_id=actor.person.pk, memory_id=record.id, version=record.version
    ).first()
    text = None if revision is None else decrypt_or_none(revision)
    try:
        restored = writes.update_memory(
            actor,
            record.id,
            expected_version=_restore_if_expired(actor, record),
            text=UNSET if text is None else text,
            tags=_get_previous_tags(actor, record),
            expires_at=_get_previous_expiry(record),
            supersedes=record.supersedes,
            visibility=_get_previous_visibility(actor, record),
            pinned=UNSET if actor.is_app else record.pinned,
        )
    except (MemoryNotFound, VersionConflict, ApprovalRequired):
        return  # deleted or changed since, or public by now and so in need of approval
    times = {} if record.updated_at in (UNSET, None) else {"updated_at": record.updated_at}
    if revision is not None and text is not None:
        times["written_at"] = revision.written_at
    if times:  # else the next import would take it for edited since
        Memory.objects.filter(owner_id=restored.owner_id, pk=restored.pk).update(**times)


def _restore_if_expired(actor: Actor, record: UndoRecord) -> int:
    """Return the version the import created, restoring the memory first if it expired since by the import's expiry."""
    imported_version = record.version + record.changes
    expired = Memory.objects.trash_visible_to(actor).filter(
        pk=record.id, version=imported_version, deleted_at=None
    )
    return writes.restore_memory(actor, record.id).version if expired.exists() else imported_version


def _get_previous_visibility(actor: Actor, record: UndoRecord) -> str | Literal[Unset.UNSET]:
    """Return the previous visibility, or UNSET if an app may no longer make the memory public again."""
    may_publish = actor.has_scope(scopes.PUBLISH)
    return UNSET if record.visibility == Visibility.PUBLIC and not may_publish else record.visibility


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
