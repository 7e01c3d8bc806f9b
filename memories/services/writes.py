"""Writes to memories. Each function is one transaction and first checks the scope that it needs.

Invalid input raises django.core.exceptions.ValidationError, keyed by field name (text, tags, visibility, expires_at).
A memory that is absent or not the actor's raises MemoryNotFound; an outdated version raises VersionConflict; a missing
scope raises accounts.actor.InsufficientScope. If a change needs approval (proposals.needs_approval), create and update
save nothing, store a proposal and raise ApprovalRequired, outside of their transaction.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.actor import Actor
from core.db.time_limits import long_transaction
from memories import scopes
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.index import work_queue
from memories.models import AuditAction, IndexState, Memory, MemoryRevision, Proposal, Visibility
from memories.models.visibility import MemoryQuerySet, build_revision_q
from memories.services import audit, conversations, idempotency, insert, proposals, supersession
from memories.services import tags as tagging
from memories.validation import quota
from memories.validation.drafts import COLUMNS, Changes, Unset, clean_changes, clean_new_memory, select_given
from memories.validation.drafts import UNSET as UNSET
from memories.validation.drafts import NewMemory as NewMemory

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    ReadMemory: TypeAlias = WithAnnotations[Memory, "ReadAt"]


class ReadAt(TypedDict):
    """The annotation of a memory locked for a change: the database's time."""

    read_at: datetime


def create_memory(
    actor: Actor,
    *,
    text: str,
    visibility: str = Visibility.PRIVATE,
    tags: Sequence[str] = (),
    expires_at: datetime | None = None,
    supersedes: UUID | None = None,
    pinned: bool = False,
) -> Memory:
    """Create a memory of the actor's user. Keyword search finds it at once, semantic search once it is embedded."""
    item = NewMemory(text, visibility, tags, expires_at, supersedes=supersedes, pinned=pinned)
    return create_memories(actor, [item])[0]


def create_memories(actor: Actor, items: Sequence[NewMemory], *, source: str | None = None) -> list[Memory]:
    """Create many memories, all or none, in order. source: who wrote them, if not the actor."""
    actor.require_scope(scopes.WRITE)
    cleaned = [clean_new_memory(item) for item in items]
    if any(item.visibility == Visibility.PUBLIC for item in cleaned):
        actor.require_scope(scopes.PUBLISH)
    source = source or get_source(actor)
    if cleaned and proposals.new_needs_approval(actor, cleaned):
        supersession.check_proposed(actor, [item.supersedes for item in cleaned if item.supersedes])
        raise ApprovalRequired(proposals.propose_memories(actor, cleaned, source=source))
    rows = [insert.build_row(actor.person, item, source) for item in cleaned]
    if not rows:
        return []
    # Without tags, links and places this is a single statement, which needs no transaction.
    has_more = actor.only_tags or any(item.tags or item.supersedes or item.conversation for item in cleaned)
    has_room = quota.take_uncounted(actor.person.pk, len(rows))
    with audit.atomic() if has_more or not has_room else nullcontext():
        supersession.link_new(actor, rows)  # its lock is the first: see supersession.lock_links
        if not has_room:
            quota.check_quota(actor.person.pk, len(rows))
        conversations.assign_places(actor.person.pk, rows)
        row_tags = tagging.tags_of_new(actor, [item.tags for item in cleaned])
        insert.insert_memories(actor, rows, row_tags, origins=[item.origin for item in cleaned])
    for row, tags in zip(rows, row_tags, strict=True):
        tagging.set_prefetched_tags(row, tags)
    tagging.redact_tags(actor, rows)
    supersession.attach_links(actor, rows)
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
    supersedes: UUID | Literal[Unset.UNSET] | None = UNSET,
    pinned: bool | Literal[Unset.UNSET] = UNSET,
    source: str | None = None,
) -> Memory:
    """Change the given fields. An earlier text goes to the history; without a change there is no new version.

    `expected_version` is the version that the caller saw. source: who wrote it, if not the actor.
    """
    values = select_given(text, visibility, tags, expires_at, supersedes, pinned)
    outcome = _change_memory(actor, memory_id, expected_version, values, source or get_source(actor))
    if isinstance(outcome, Proposal):
        raise ApprovalRequired([outcome])
    tagging.redact_tags(actor, [outcome])
    supersession.attach_links(actor, [outcome])
    return outcome


@audit.atomic()
def _change_memory(
    actor: Actor, memory_id: UUID, expected_version: int | None, values: Changes, source: str
) -> Memory | Proposal:
    actor.require_scope(scopes.WRITE)
    supersession.lock_change(actor, memory_id, values)
    memory = _get_own_for_update(actor, memory_id, expected_version)
    changes = clean_changes(memory, values)
    link = supersession.check_change(actor, memory, changes)
    action = AuditAction.MEMORY_UPDATE
    if "visibility" in changes and changes["visibility"] != memory.visibility:
        publish = changes["visibility"] == Visibility.PUBLIC
        actor.require_scope(scopes.PUBLISH if publish else scopes.WRITE)
        action = AuditAction.MEMORY_PUBLISH if publish else AuditAction.MEMORY_UNPUBLISH
    if proposals.needs_approval(actor, memory, changes):
        changes = proposals.select_differences(memory, changes)
        return proposals.propose_change(actor, memory, changes, source=source) if changes else memory
    supersession.make_room(memory.owner_id, link)
    if _apply_changes(actor, memory, changes, source):
        audit.record_event(actor, action, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


def set_visibility(
    actor: Actor, memory_id: UUID, visibility: str, *, expected_version: int | None = None
) -> Memory:
    """Make a memory public or private. An app needs memories:publish to make it public."""
    return update_memory(actor, memory_id, expected_version=expected_version, visibility=visibility)


def restore_version(actor: Actor, memory_id: UUID, version: int) -> Memory:
    """Restore an earlier text; the current text goes to the history."""
    actor.require_scope(scopes.WRITE)
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=memory_id)
    revision = MemoryRevision.objects.filter(
        build_revision_q(actor), owner_id=actor.person.pk, memory__in=own, version=version
    ).first()
    if revision is None:
        raise MemoryNotFound
    return update_memory(actor, memory_id, text=revision.text)


@audit.atomic()
def trash_memory(actor: Actor, memory_id: UUID, *, expected_version: int | None = None) -> Memory:
    """Move a memory to trash, from which its owner can restore it until it is purged.

    Raises InsufficientScope for an app whose changes need approval, since this cannot be a proposal.
    """
    actor.require_scope(scopes.WRITE)
    proposals.require_approver(actor)
    memory = _get_own_for_update(actor, memory_id, expected_version)
    _save_flags(memory, deleted_at=memory.read_at)
    audit.record_event(actor, AuditAction.MEMORY_TRASH, owner_id=memory.owner_id, memory_ids=[memory.pk])
    return memory


@transaction.atomic
def restore_memory(actor: Actor, memory_id: UUID) -> Memory:
    """Restore a memory from the trash; an expiry in the past is removed."""
    actor.require_scope(scopes.WRITE)
    memory = _lock_memory(actor, Memory.objects.trash_visible_to(actor), memory_id)
    expired = memory.expires_at is not None and memory.expires_at <= memory.read_at
    _save_flags(memory, deleted_at=None, expires_at=None if expired else memory.expires_at)
    audit.record_event(actor, AuditAction.MEMORY_RESTORE, owner_id=memory.owner_id, memory_ids=[memory.pk])
    supersession.attach_links(actor, [memory])
    return memory


@transaction.atomic
def delete_memory(actor: Actor, memory_id: UUID) -> None:
    """Delete a memory in the trash permanently, with its history and vectors."""
    actor.require_scope(scopes.ADMIN)
    supersession.lock_links(actor.person.pk)
    memory = _lock_memory(actor, Memory.objects.trash_visible_to(actor), memory_id)
    audit.record_event(actor, AuditAction.MEMORY_DELETE, owner_id=memory.owner_id, memory_ids=[memory.pk])
    supersession.bridge_links(memory.owner_id, [memory.pk])
    idempotency.clear_answers(memory.owner_id, [memory.pk])
    memory.delete()


@long_transaction()
def empty_trash(actor: Actor) -> int:
    """Delete everything in the user's trash permanently; return how many memories."""
    actor.require_scope(scopes.ADMIN)
    supersession.lock_links(actor.person.pk)
    trash = Memory.objects.trash_visible_to(actor).order_by("pk").select_for_update()
    ids = list(trash.values_list("pk", flat=True))
    audit.record_event(actor, AuditAction.MEMORY_DELETE, owner_id=actor.person.pk, memory_ids=ids)
    supersession.bridge_links(actor.person.pk, ids)
    idempotency.clear_answers(actor.person.pk, ids)
    Memory.objects.owned_by(actor.person).filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def retry_indexing(actor: Actor, memory_id: UUID) -> None:
    """Retry indexing a memory if it failed."""
    actor.require_scope(scopes.WRITE)
    memory = _get_own_for_update(actor, memory_id)
    own = Memory.objects.owned_by(actor.person)
    work_queue.enqueue_memories(own.filter(pk=memory.pk, index_state=IndexState.FAILED))


def get_source(actor: Actor) -> str:
    """Return the writer as stored with a memory: a channel ("web"), or an app using it ("api:<client id>")."""
    return f"{actor.door}:{actor.client_id}" if actor.client_id else str(actor.door)


# --- Private ------------------------------------------------------------------------------------------


def _get_own_for_update(actor: Actor, memory_id: UUID, expected_version: int | None = None) -> "ReadMemory":
    """Lock and return the user's own current memory, with the database's time as `read_at`.

    Whether or not it is changed then, an app that was told so is in the audit log.
    """
    memory = _lock_memory(actor, Memory.objects.visible_to(actor, owner=actor.person), memory_id)
    audit.touch(actor, [memory.pk])
    if expected_version is not None and expected_version != memory.version:
        raise VersionConflict(memory.version)
    return memory


def _lock_memory(actor: Actor, own: MemoryQuerySet[Memory], memory_id: UUID) -> "ReadMemory":
    rows = supersession.with_successors(own.filter(pk=memory_id), actor.person.pk)
    memory = rows.select_for_update(of=("self",)).annotate(read_at=Now()).first()
    if memory is None:
        raise MemoryNotFound
    return memory


def _apply_changes(actor: Actor, memory: "ReadMemory", changes: Changes, source: str) -> bool:
    """Save what differs, and update the history, keywords and vectors; return whether anything changed."""
    retagged = "tags" in changes and tagging.set_tags(actor, memory, changes["tags"])
    columns = {COLUMNS.get(name, name): value for name, value in changes.items() if name != "tags"}
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
    quota.check_revision_quota(memory.owner_id)
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
