"""Run approved imports in parts, one transaction each, so that an import can stop after any part; undo imports."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.actor import Actor
from accounts.ids import new_id_at
from memories import scopes
from memories.clients import grants as client_grants
from memories.clients import names as client_names
from memories.errors import ImportNotFound
from memories.models import (
    OPEN_STATES,
    ImportBatch,
    ImportEndReason,
    ImportState,
    Memory,
    MemoryRevision,
    StagedMemories,
    Visibility,
)
from memories.portability.imports.apply_change import (
    UndoRecord,
    apply_change,
    dump_undo_record,
    is_still_valid,
    load_undo_record,
    merge_undo_records,
    undo_change,
)
from memories.portability.imports.authorization import can_continue, get_import_actor
from memories.portability.imports.clean import load_staged_items
from memories.portability.imports.links import apply_links, derive_free_id, load_link_row
from memories.portability.imports.stage import require_portability_scopes
from memories.portability.readers.items import ImportItem
from memories.services import proposals, writes
from memories.services.bulk import trash_queryset
from memories.services.supersession import lock_links
from memories.validation import limits, quota
from memories.validation.drafts import NewMemory

BUDGET_S = 2.0  # per `advance_import` call, so that the page shows progress
APPROVAL_PERIOD = timedelta(days=1)  # a staged import is deleted after it
OWN_FORMAT = "picard"  # imported without a tag for its source
SOURCE_TAG = "imported:{}"

# Sets the original times of imported memories. Until they are embedded, their keyword entries have today's date.
BACKDATE = """
update memories_memory set created_at = given.created_at, updated_at = given.updated_at,
    written_at = given.written_at, version = given.version
from unnest(%(ids)s::uuid[], %(created)s::timestamptz[], %(updated)s::timestamptz[], %(written)s::timestamptz[],
    %(versions)s::int[]) as given (id, created_at, updated_at, written_at, version)
where memories_memory.id = given.id and memories_memory.owner_id = %(owner)s
"""


def list_imports(actor: Actor) -> list[ImportBatch]:
    """Return the latest imports, newest first; an app sees only its own."""
    require_portability_scopes(actor)
    return list(_get_visible_imports(actor).order_by("-pk")[:20])


def get_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    """Return an import. Raises ImportNotFound."""
    require_portability_scopes(actor)
    return _get_or_raise(_get_visible_imports(actor), batch_id)


def get_sample(batch: ImportBatch) -> list[str]:
    """Return the start of a few of its memories."""
    texts: list[str] = orjson.loads(batch.sample)
    return texts


@transaction.atomic
def start_import(actor: Actor, batch_id: UUID, *, publish: bool = False) -> ImportBatch:
    """Approve a staged import; `advance_import` then runs it. An import in another state stays unchanged.

    publish: memories that are public in the file become public (an app needs memories:publish); otherwise all are
    private. Raises ValidationError if the new memories exceed the quota.
    """
    _require_approver(actor)
    if publish:  # checked here, since another actor may continue the import
        actor.require_scope(scopes.PUBLISH)
    batch = _lock_import(actor, batch_id)
    if batch.state == ImportState.STAGED:
        quota.check_quota(batch.owner_id, batch.counts["new"])  # fail early
        batch.state, batch.publishes, batch.is_own_yes = ImportState.RUNNING, publish, not actor.is_app
        if not batch.total:
            batch.state, batch.finished_at = ImportState.DONE, timezone.now()
        batch.save(update_fields=["state", "publishes", "is_own_yes", "finished_at"])
    return batch


def advance_import(actor: Actor, batch_id: UUID, *, seconds: float = BUDGET_S) -> ImportBatch:
    """Continue a running import for about `seconds`; its state says whether it is done.

    The import ends early, with the reason in `ended_by`, if its app may not continue or the quota is exhausted.
    """
    _require_approver(actor)
    until = time.monotonic() + seconds
    while True:
        batch = _import_next_row(actor, batch_id)
        if batch.state != ImportState.RUNNING or time.monotonic() >= until:
            return batch


@transaction.atomic
def undo_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    """Move the memories an import created to trash and revert its changes, also for a running import.

    Memories that were changed again after the import stay unchanged.
    """
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state in (ImportState.RUNNING, ImportState.DONE):
        rows = list(_get_staged_rows(batch).filter(is_done=True).order_by("number"))
        ids = [memory_id for row in rows for memory_id in row.memory_ids]
        records = [load_undo_record(value) for row in rows for value in orjson.loads(row.content)]
        lock_links(batch.owner_id)
        for record in reversed(merge_undo_records(records)):
            undo_change(actor, record)
        # After the links to them are removed: a link to a memory in the trash is not seen, and stays.
        trash_queryset(actor, Memory.objects.visible_to(actor, owner=actor.person).filter(pk__in=ids))
        _get_staged_rows(batch).delete()
        batch.state, batch.finished_at, batch.sample = ImportState.UNDONE, timezone.now(), "[]"
        batch.save(update_fields=["state", "finished_at", "sample"])
    return batch


@transaction.atomic
def discard_import(actor: Actor, batch_id: UUID) -> None:
    """Delete a staged import. An approved one can only be undone."""
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state == ImportState.STAGED:
        batch.delete()


@transaction.atomic
def end_app_imports(owner_id: UUID, client_id: str, *, is_gone: bool) -> None:
    """End the open imports of an app that may no longer run them. Imported memories stay and can be undone together.

    is_gone: the app has lost all access.
    """
    sources = client_names.get_client_sources(client_id)
    open_imports = ImportBatch.objects.filter(owner_id=owner_id, source__in=sources, state__in=OPEN_STATES)
    for batch in open_imports.order_by("pk").select_for_update():
        now = None if is_gone else client_grants.get_app_actor(owner_id, batch.source)
        if can_continue(batch, now):
            continue
        if batch.state == ImportState.STAGED:
            batch.delete()
        else:
            _end_import(batch, ImportEndReason.APP)


def purge_imports() -> int:
    """Delete imports that were not approved in time, and those too old to be undone. Returns the number of rows."""
    since = Now() - timedelta(days=settings.TRASH_DAYS)
    unapproved = Q(state=ImportState.STAGED, created_at__lt=Now() - APPROVAL_PERIOD)
    return ImportBatch.objects.filter(unapproved | Q(created_at__lt=since)).delete()[0]


# --- Private ------------------------------------------------------------------------------------------


def _require_approver(actor: Actor) -> None:
    """Require an actor whose writes need no approval: starting or undoing an import is an approval."""
    require_portability_scopes(actor)
    proposals.require_approver(actor)


def _get_visible_imports(actor: Actor) -> QuerySet[ImportBatch]:
    own = ImportBatch.objects.filter(owner_id=actor.person.pk)
    return own.filter(source=writes.get_source(actor)) if actor.is_app else own


def _get_or_raise(rows: QuerySet[ImportBatch], batch_id: UUID) -> ImportBatch:
    batch = rows.filter(pk=batch_id).first()
    if batch is None:
        raise ImportNotFound
    return batch


def _lock_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    return _get_or_raise(_get_visible_imports(actor).select_for_update(), batch_id)


def _get_staged_rows(batch: ImportBatch) -> QuerySet[StagedMemories]:
    return StagedMemories.objects.filter(owner_id=batch.owner_id, batch=batch)


@transaction.atomic
def _import_next_row(actor: Actor, batch_id: UUID) -> ImportBatch:
    batch = _lock_import(actor, batch_id)
    if batch.state != ImportState.RUNNING:
        return batch
    import_actor = get_import_actor(actor, batch)
    if import_actor is None:
        return _end_import(batch, ImportEndReason.APP)
    row = _get_staged_rows(batch).filter(is_done=False).order_by("number").first()
    links = None if row is None else load_link_row(row.content)
    if row is not None and links is not None:
        _finish_row(row, apply_links(import_actor, batch, links))
    elif row is not None:
        items = load_staged_items(row)
        new = [item for item, changes in items if not changes and is_still_valid(item)]
        if not quota.has_quota(batch.owner_id, len(new)):
            return _end_import(batch, ImportEndReason.ROOM)
        row.memory_ids = _create_memories(import_actor, batch, new)
        undo_records = [apply_change(import_actor, item) for item, changes in items if changes]
        _finish_row(row, [each for each in undo_records if each])
        batch.done += len(items)
    if not _get_staged_rows(batch).filter(is_done=False).exists():
        batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    batch.save(update_fields=["done", "state", "finished_at", "sample", "counts"])
    return batch


def _finish_row(row: StagedMemories, undo_records: Sequence[UndoRecord]) -> None:
    row.content = orjson.dumps([dump_undo_record(each) for each in undo_records]).decode()
    row.is_done = True
    row.save(update_fields=["content", "memory_ids", "is_done"])


def _end_import(batch: ImportBatch, ended_by: ImportEndReason) -> ImportBatch:
    """End an import early; what was imported stays."""
    _get_staged_rows(batch).filter(is_done=False).delete()
    batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    batch.ended_by = ended_by
    batch.save(update_fields=["state", "finished_at", "sample", "ended_by"])
    return batch


def _create_memories(actor: Actor, batch: ImportBatch, items: Sequence[ImportItem]) -> list[UUID]:
    # IDs are unique across all users. This reveals nothing: they are too long to be guessed.
    file_ids = [item.id for item in items if item.id]
    used_ids = set(Memory.objects.filter(pk__in=file_ids).values_list("pk", flat=True)) if file_ids else set()
    memories = writes.create_memories(actor, [_build_new_memory(batch, item, used_ids) for item in items])
    _backdate_memories(actor, memories, items)
    MemoryRevision.objects.bulk_create(
        MemoryRevision(
            owner_id=memory.owner_id,
            memory=memory,
            version=past.version,
            text=past.text,
            source=memory.source,
            written_at=past.written_at,
        )
        for memory, item in zip(memories, items, strict=True)
        for past in item.history
    )
    return [memory.pk for memory in memories]


def _build_new_memory(batch: ImportBatch, item: ImportItem, used_ids: set[UUID]) -> NewMemory:
    own_id = item.id if item.id and item.id.version == 7 else None
    if own_id in used_ids:
        own_id = derive_free_id(batch, own_id)
    name = item.format or batch.format  # rows staged by earlier versions do not have the item's
    source_tags = [] if name == OWN_FORMAT else [SOURCE_TAG.format(name)]
    return NewMemory(
        text=item.text,
        visibility=item.visibility if batch.publishes else Visibility.PRIVATE.value,
        tags=[*source_tags, *item.tags][: limits.TAGS],
        expires_at=item.expires_at,
        conversation=UUID(item.conversation) if item.conversation else None,
        position=item.position,
        id=own_id or (new_id_at(item.created_at) if item.created_at else None),
    )


def _backdate_memories(actor: Actor, memories: Sequence[Memory], items: Sequence[ImportItem]) -> None:
    dated = [pair for pair in zip(memories, items, strict=True) if pair[1].created_at or pair[1].version > 1]
    if not dated:
        return
    params: dict[str, Any] = {
        "owner": actor.person.pk,
        "ids": [memory.pk for memory, _item in dated],
        "created": [_get_created_at(memory, item) for memory, item in dated],
        "updated": [item.updated_at or _get_created_at(memory, item) for memory, item in dated],
        "written": [item.written_at or _get_created_at(memory, item) for memory, item in dated],
        "versions": [item.version for _memory, item in dated],
    }
    with connection.cursor() as cursor:
        cursor.execute(BACKDATE, params)


def _get_created_at(memory: Memory, item: ImportItem) -> datetime:
    return item.created_at or memory.created_at
