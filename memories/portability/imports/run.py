"""Imports after the person's yes: brought in by parts, each one transaction, so that any may be the last; undoing."""

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
    apply_change,
    dump_undo_record,
    is_still_valid,
    load_undo_record,
    undo_change,
)
from memories.portability.imports.authorization import can_continue, get_import_actor
from memories.portability.imports.clean import load_staged_items
from memories.portability.imports.stage import require_portability_scopes
from memories.portability.readers.items import ImportItem
from memories.services import proposals, writes
from memories.services.bulk import trash_queryset
from memories.validation import limits, quota
from memories.validation.drafts import NewMemory

BUDGET_S = 2.0  # of one `advance_import`; who waits for a page wants to see it move
APPROVAL_PERIOD = timedelta(days=1)  # so long a yes may take
OWN_FORMAT = "picard"  # comes back as it went: without a tag that says so
TAG = "imported:{}"

# For what was written elsewhere, earlier. Until it is embedded its words are those of today; then of its day.
BACKDATE = """
update memories_memory set created_at = given.created_at, updated_at = given.updated_at,
    written_at = given.written_at, version = given.version
from unnest(%(ids)s::uuid[], %(created)s::timestamptz[], %(updated)s::timestamptz[], %(written)s::timestamptz[],
    %(versions)s::int[]) as given (id, created_at, updated_at, written_at, version)
where memories_memory.id = given.id and memories_memory.owner_id = %(owner)s
"""


def list_imports(actor: Actor) -> list[ImportBatch]:
    """Newest first; an app is told of its own."""
    require_portability_scopes(actor)
    return list(_get_visible_imports(actor).order_by("-pk")[:20])


def get_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    """Raises ImportNotFound."""
    require_portability_scopes(actor)
    return _get_or_raise(_get_visible_imports(actor), batch_id)


def get_sample(batch: ImportBatch) -> list[str]:
    """How a few of its memories begin."""
    texts: list[str] = orjson.loads(batch.sample)
    return texts


@transaction.atomic
def start_import(actor: Actor, batch_id: UUID, *, publish: bool = False) -> ImportBatch:
    """Say yes to an import that waits for it; `advance_import` does it. One that does not wait any more stays as it is.

    publish: what the file says is public becomes public; needs memories:publish of an app. All is private otherwise.
    Raises ValidationError where there is no room for what is new.
    """
    _require_approver(actor)
    if publish:  # here, not at the first public memory: by then another may be who goes on with it
        actor.require_scope(scopes.PUBLISH)
    batch = _lock_import(actor, batch_id)
    if batch.state == ImportState.STAGED:
        quota.check_quota(batch.owner_id, batch.counts["new"])  # not in its middle
        batch.state, batch.publishes, batch.is_own_yes = ImportState.RUNNING, publish, not actor.is_app
        if not batch.total:
            batch.state, batch.finished_at = ImportState.DONE, timezone.now()
        batch.save(update_fields=["state", "publishes", "is_own_yes", "finished_at"])
    return batch


def advance_import(actor: Actor, batch_id: UUID, *, seconds: float = BUDGET_S) -> ImportBatch:
    """Go on with an import that was said yes to, for about so many seconds; it is done when its state says so.

    Where its app may not go on, or there is no room for more, it is done before its end, and `ended_by` says why.
    """
    _require_approver(actor)
    until = time.monotonic() + seconds
    while True:
        batch = _import_next_row(actor, batch_id)
        if batch.state != ImportState.RUNNING or time.monotonic() >= until:
            return batch


@transaction.atomic
def undo_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    """Put in the trash what an import made, and take back what it changed, whether or not it was done.

    What it changed and somebody changed again since stays as it is now.
    """
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state in (ImportState.RUNNING, ImportState.DONE):
        rows = list(_get_staged_rows(batch).filter(is_done=True).order_by("number"))
        ids = [memory_id for row in rows for memory_id in row.memory_ids]
        trash_queryset(actor, Memory.objects.visible_to(actor, owner=actor.person).filter(pk__in=ids))
        for row in reversed(rows):
            for note in reversed(orjson.loads(row.content)):
                undo_change(actor, load_undo_record(note))
        _get_staged_rows(batch).delete()
        batch.state, batch.finished_at, batch.sample = ImportState.UNDONE, timezone.now(), "[]"
        batch.save(update_fields=["state", "finished_at", "sample"])
    return batch


@transaction.atomic
def discard_import(actor: Actor, batch_id: UUID) -> None:
    """Forget an import that waits for a yes. One that was said yes to can only be undone."""
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state == ImportState.STAGED:
        batch.delete()


@transaction.atomic
def end_app_imports(owner_id: UUID, client_id: str, *, is_gone: bool) -> None:
    """Bring no more of what this app brought and may not any more. What came stays, and can be undone as one.

    is_gone: the app may nothing, whatever else is known of it.
    """
    sources = client_names.get_client_sources(client_id)
    theirs = ImportBatch.objects.filter(owner_id=owner_id, source__in=sources, state__in=OPEN_STATES)
    for batch in theirs.order_by("pk").select_for_update():
        now = None if is_gone else client_grants.get_app_actor(owner_id, batch.source)
        if can_continue(batch, now):
            continue
        if batch.state == ImportState.STAGED:
            batch.delete()
        else:
            _end_import(batch, ImportEndReason.APP)


def purge_imports() -> int:
    """Delete what waited too long for a yes, and what is too old to be undone."""
    since = Now() - timedelta(days=settings.TRASH_DAYS)
    waited = Q(state=ImportState.STAGED, created_at__lt=Now() - APPROVAL_PERIOD)
    return ImportBatch.objects.filter(waited | Q(created_at__lt=since)).delete()[0]


# --- Private ------------------------------------------------------------------------------------------


def _require_approver(actor: Actor) -> None:
    """The yes to an import, or to its end, is the yes itself."""
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
    bringing = get_import_actor(actor, batch)
    if bringing is None:
        return _end_import(batch, ImportEndReason.APP)
    row = _get_staged_rows(batch).filter(is_done=False).order_by("number").first()
    if row is not None:
        items = load_staged_items(row)
        new = [item for item, changes in items if not changes and is_still_valid(item)]
        if not quota.has_quota(batch.owner_id, len(new)):
            return _end_import(batch, ImportEndReason.ROOM)
        row.memory_ids = _create_memories(bringing, batch, new)
        changed = [apply_change(bringing, item) for item, changes in items if changes]
        row.content = orjson.dumps([dump_undo_record(each) for each in changed if each]).decode()
        row.is_done = True
        row.save(update_fields=["content", "memory_ids", "is_done"])
        batch.done += len(items)
    if batch.done >= batch.total or row is None:
        batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    batch.save(update_fields=["done", "state", "finished_at", "sample"])
    return batch


def _end_import(batch: ImportBatch, ended_by: ImportEndReason) -> ImportBatch:
    """Where it stands: what came stays."""
    _get_staged_rows(batch).filter(is_done=False).delete()
    batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    batch.ended_by = ended_by
    batch.save(update_fields=["state", "finished_at", "sample", "ended_by"])
    return batch


def _create_memories(actor: Actor, batch: ImportBatch, items: Sequence[ImportItem]) -> list[UUID]:
    # Of anybody: an id is one row's in the whole table. Nobody learns of it, they are too long to be guessed.
    asked = [item.id for item in items if item.id]
    taken = set(Memory.objects.filter(pk__in=asked).values_list("pk", flat=True)) if asked else set()
    memories = writes.create_memories(actor, [_build_new_memory(batch, item, taken) for item in items])
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


def _build_new_memory(batch: ImportBatch, item: ImportItem, taken: set[UUID]) -> NewMemory:
    own_id = item.id if item.id and item.id.version == 7 and item.id not in taken else None
    origin = [] if batch.format == OWN_FORMAT else [TAG.format(batch.format)]
    return NewMemory(
        text=item.text,
        visibility=item.visibility if batch.publishes else Visibility.PRIVATE.value,
        tags=[*origin, *item.tags][: limits.TAGS],
        expires_at=item.expires_at,
        conversation=UUID(item.conversation) if item.conversation else None,
        position=item.position,
        id=own_id or (new_id_at(item.created_at) if item.created_at else None),
    )


def _backdate_memories(actor: Actor, memories: Sequence[Memory], items: Sequence[ImportItem]) -> None:
    dated = [pair for pair in zip(memories, items, strict=True) if pair[1].created_at or pair[1].version > 1]
    if not dated:
        return
    given: dict[str, Any] = {
        "owner": actor.person.pk,
        "ids": [memory.pk for memory, _item in dated],
        "created": [_get_created_at(memory, item) for memory, item in dated],
        "updated": [item.updated_at or _get_created_at(memory, item) for memory, item in dated],
        "written": [item.written_at or _get_created_at(memory, item) for memory, item in dated],
        "versions": [item.version for _memory, item in dated],
    }
    with connection.cursor() as cursor:
        cursor.execute(BACKDATE, given)


def _get_created_at(memory: Memory, item: ImportItem) -> datetime:
    return item.created_at or memory.created_at
