"""Every write to memories. Each function is one transaction and begins with the scope that it needs.

Bad input raises django.core.exceptions.ValidationError whose keys are the field names (text, tags, visibility,
expires_at). A memory that is absent or not the actor's raises MemoryNotFound; a version that is not the stored one
raises VersionConflict; a missing scope raises accounts.actor.InsufficientScope. Where the person wants to be asked
first, and where an app that may not publish would show more to everybody (memories/services/proposals.py), create and
update save nothing, store a proposal and raise WaitsForYes, outside of their transaction.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.actor import Actor
from accounts.ids import new_id
from memories import scopes
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.index import work_queue
from memories.models import AuditAction, IndexState, Memory, MemoryRevision, Proposal, Visibility
from memories.models.visibility import MemoryQuerySet
from memories.services import audit, insert, proposals
from memories.services import tags as tagging
from memories.validation import limits, quota
from memories.validation.drafts import UNSET as UNSET
from memories.validation.drafts import Changes, Unset, clean_changes, clean_new_memory, select_given
from memories.validation.drafts import NewMemory as NewMemory

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    ReadMemory: TypeAlias = WithAnnotations[Memory, "ReadAt"]


class ReadAt(TypedDict):
    """What a memory that was read for a change has beside its columns: the database's time."""

    read_at: datetime


def create_memory(
    actor: Actor,
    *,
    text: str,
    visibility: str = Visibility.PRIVATE,
    tags: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> Memory:
    """Keep a new memory of the actor's own. It is found by its words at once, by meaning when it is embedded."""
    [memory] = create_memories(actor, [NewMemory(text, visibility, tags, expires_at)])
    return memory


def create_memories(actor: Actor, items: Sequence[NewMemory], *, source: str | None = None) -> list[Memory]:
    """Keep many new memories, all or none, in their order. source: who wrote them, where it is not the actor."""
    actor.require_scope(scopes.WRITE)
    cleaned = [clean_new_memory(item) for item in items]
    if any(item.visibility == Visibility.PUBLIC for item in cleaned):
        actor.require_scope(scopes.PUBLISH)
    source = source or get_source(actor)
    if actor.asks_first and cleaned:
        raise ApprovalRequired(proposals.propose_memories(actor, cleaned, source=source))
    rows = [
        Memory(
            id=item.id or new_id(),
            owner_id=actor.person.pk,
            text=item.text,
            visibility=item.visibility,
            expires_at=item.expires_at,
            source=source,
            conversation=item.conversation,
            position=item.position,
        )
        for item in cleaned
    ]
    if not rows:
        return []
    # Without tags it is one statement, which is a transaction by itself.
    is_one = not (settings.MEMORIES_PER_PERSON or actor.only_tags or any(item.tags for item in cleaned))
    with nullcontext() if is_one else transaction.atomic():
        quota.check_quota(actor.person.pk, len(rows))
        its_tags = tagging.tags_of_new(actor, [item.tags for item in cleaned])
        insert.insert_memories(actor, rows, its_tags)
    work_queue.wake_workers_on_commit()
    for row, tags in zip(rows, its_tags, strict=True):
        tagging.set_prefetched_tags(row, tags)
    tagging.redact_tags(actor, rows)
    return rows


def update_memory(
    actor: Actor,
    memory_id: UUID,
    *,
    expected_version: int | None = None,
    text: str | Literal[Unset.UNSET] = UNSET,
    visibility: str | Literal[Unset.UNSET] = UNSET,
    tags: Sequence[str] | Literal[Unset.UNSET] = UNSET,
    expires_at: datetime | Literal[Unset.UNSET] | None = UNSET,
    source: str | None = None,
) -> Memory:
    """Change what is given and keep the rest; the text that was is kept in the history. No change, no new version.

    `expected_version` is the version that the caller saw. source: who wrote it, where it is not the actor.
    """
    given = select_given(text, visibility, tags, expires_at)
    outcome = _change_memory(actor, memory_id, expected_version, given, source or get_source(actor))
    if isinstance(outcome, Proposal):
        raise ApprovalRequired([outcome])
    tagging.redact_tags(actor, [outcome])
    return outcome


@transaction.atomic
def _change_memory(
    actor: Actor, memory_id: UUID, expected_version: int | None, given: Changes, source: str
) -> Memory | Proposal:
    actor.require_scope(scopes.WRITE)
    memory = _get_own_for_update(actor, memory_id, expected_version)
    changes = clean_changes(memory, given)
    action = AuditAction.MEMORY_UPDATE
    if "visibility" in changes and changes["visibility"] != memory.visibility:
        publish = changes["visibility"] == Visibility.PUBLIC
        actor.require_scope(scopes.PUBLISH if publish else scopes.WRITE)
        action = AuditAction.MEMORY_PUBLISH if publish else AuditAction.MEMORY_UNPUBLISH
    if proposals.needs_approval(actor, memory, changes):
        changes = _select_differences(memory, changes)
        return proposals.propose_change(actor, memory, changes, source=source) if changes else memory
    if _apply_changes(actor, memory, changes, source):
        audit.record_event(actor, action, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


def set_visibility(
    actor: Actor, memory_id: UUID, visibility: str, *, expected_version: int | None = None
) -> Memory:
    """Make a memory public or private. An app needs memories:publish to make it public."""
    return update_memory(actor, memory_id, expected_version=expected_version, visibility=visibility)


def restore_version(actor: Actor, memory_id: UUID, version: int) -> Memory:
    """Make an earlier text the current one again; the text that was current goes to the history."""
    actor.require_scope(scopes.WRITE)
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=memory_id)
    revision = MemoryRevision.objects.filter(
        owner_id=actor.person.pk, memory__in=own, version=version
    ).first()
    if revision is None:
        raise MemoryNotFound
    return update_memory(actor, memory_id, text=revision.text)


@transaction.atomic
def trash_memory(actor: Actor, memory_id: UUID, *, expected_version: int | None = None) -> Memory:
    """Put a memory in the trash, from where its owner can restore it until it is purged.

    An app whose writes wait for a yes cannot: raises InsufficientScope, as for all that no proposal can say.
    """
    actor.require_scope(scopes.WRITE)
    proposals.require_approver(actor)
    memory = _get_own_for_update(actor, memory_id, expected_version)
    _save_flags(memory, deleted_at=memory.read_at)
    audit.record_event(actor, AuditAction.MEMORY_TRASH, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


@transaction.atomic
def restore_memory(actor: Actor, memory_id: UUID) -> Memory:
    """Take a memory out of the trash. An expiry that has passed is taken off it."""
    actor.require_scope(scopes.WRITE)
    memory = _lock_memory(Memory.objects.trash_visible_to(actor), memory_id)
    expired = memory.expires_at is not None and memory.expires_at <= memory.read_at
    _save_flags(memory, deleted_at=None, expires_at=None if expired else memory.expires_at)
    audit.record_event(actor, AuditAction.MEMORY_RESTORE, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


@transaction.atomic
def delete_memory(actor: Actor, memory_id: UUID) -> None:
    """Delete a memory from the trash for ever, with its history and vectors."""
    actor.require_scope(scopes.ADMIN)
    memory = _lock_memory(Memory.objects.trash_visible_to(actor), memory_id)
    audit.record_event(actor, AuditAction.MEMORY_DELETE, owner_id=memory.owner_id, memory_ids=[memory.pk])
    memory.delete()


@transaction.atomic
def empty_trash(actor: Actor) -> int:
    """Delete everything in the person's trash for ever; returns how many memories."""
    actor.require_scope(scopes.ADMIN)
    ids = list(
        Memory.objects.trash_visible_to(actor).order_by("pk").select_for_update().values_list("pk", flat=True)
    )
    audit.record_event(actor, AuditAction.MEMORY_DELETE, owner_id=actor.person.pk, memory_ids=ids)
    Memory.objects.owned_by(actor.person).filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def retry_indexing(actor: Actor, memory_id: UUID) -> None:
    """Try again to make a memory searchable by meaning, if the worker gave it up."""
    actor.require_scope(scopes.WRITE)
    memory = _get_own_for_update(actor, memory_id)
    own = Memory.objects.owned_by(actor.person)
    work_queue.enqueue_memories(own.filter(pk=memory.pk, index_state=IndexState.FAILED))


def get_source(actor: Actor) -> str:
    """Who writes, as it is kept with the memory: a door ("web"), or an app through it ("api:<client id>")."""
    return f"{actor.door}:{actor.client_id}" if actor.client_id else str(actor.door)


# --- Private ------------------------------------------------------------------------------------------


def _get_own_for_update(actor: Actor, memory_id: UUID, expected_version: int | None = None) -> "ReadMemory":
    """The actor's own present memory, locked, with the database's time as `read_at`."""
    memory = _lock_memory(Memory.objects.visible_to(actor, owner=actor.person), memory_id)
    if expected_version is not None and expected_version != memory.version:
        raise VersionConflict(memory.version)
    return memory


def _lock_memory(rows: MemoryQuerySet[Memory], memory_id: UUID) -> "ReadMemory":
    memory = rows.filter(pk=memory_id).select_for_update(of=("self",)).annotate(read_at=Now()).first()
    if memory is None:
        raise MemoryNotFound
    return memory


def _select_differences(memory: Memory, changes: Changes) -> Changes:
    """Of the (clean) changes those that would change something."""
    present = {limits.fold_tag_name(name) for name in tagging.get_tag_names(memory)}
    kept = {
        name: value for name, value in changes.items() if name != "tags" and value != getattr(memory, name)
    }
    if "tags" in changes and {limits.fold_tag_name(name) for name in changes["tags"]} != present:
        kept["tags"] = changes["tags"]
    return cast(Changes, kept)


def _apply_changes(actor: Actor, memory: "ReadMemory", changes: Changes, source: str) -> bool:
    """Write what differs, with the history, the words and the vectors that follow from it."""
    retagged = "tags" in changes and tagging.set_tags(actor, memory, changes["tags"])
    columns = {name: value for name, value in changes.items() if name != "tags"}
    changed = {name: value for name, value in columns.items() if value != getattr(memory, name)}
    if not changed and not retagged:
        return False
    if "text" in changed:
        _save_revision(memory)
        memory.source, memory.written_at = source, memory.read_at
        memory.index_state, memory.index_attempts, memory.index_error = IndexState.PENDING, 0, ""
        memory.index_due_at, memory.index_leased_by = memory.read_at, None
    was_public = memory.is_public
    for name, value in changed.items():
        setattr(memory, name, value)
    memory.version += 1
    memory.updated_at = memory.read_at
    memory.save(
        update_fields=[
            *changed, "version", "updated_at", "written_at", "source",
            "index_state", "index_attempts", "index_error", "index_due_at", "index_leased_by",
        ]
    )  # fmt: skip
    if "text" in changed:
        work_queue.store_keywords([memory])
    elif was_public != memory.is_public:
        work_queue.rekey_memory(memory)
    if "expires_at" in changed:
        work_queue.store_flags(memory)
    return True


def _save_revision(memory: Memory) -> None:
    MemoryRevision.objects.create(
        owner_id=memory.owner_id,
        memory=memory,
        version=memory.version,
        text=memory.text,
        source=memory.source,
        written_at=memory.written_at,
    )


def _save_flags(memory: "ReadMemory", **values: datetime | None) -> None:
    for name, value in values.items():
        setattr(memory, name, value)
    memory.version += 1
    memory.updated_at = memory.read_at
    memory.save(update_fields=[*values, "version", "updated_at"])
    work_queue.store_flags(memory)
