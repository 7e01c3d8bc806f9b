"""Run approved imports in parts, one transaction each, so that an import can stop after any part; undo imports."""

import time
from datetime import timedelta
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.actor import Actor
from core.db.time_limits import long_transaction
from memories import scopes
from memories.clients import grants as client_grants
from memories.clients import names as client_names
from memories.errors import ImportNotFound
from memories.models import (
    OPEN_STATES,
    ImportBatch,
    ImportEndReason,
    ImportState,
    StagedMemories,
)
from memories.portability.imports.apply_change import load_undo_record, merge_undo_records, undo_change
from memories.portability.imports.apply_row import import_row, trash_created
from memories.portability.imports.authorization import (
    can_continue,
    get_import_actor,
    require_portability_scopes,
)
from memories.portability.imports.links import load_link_row
from memories.portability.imports.report import CHANGED, NEW, RunReport
from memories.portability.imports.staged_items import load_staged_items
from memories.services import audit, proposals, writes
from memories.services.supersession import lock_links
from memories.validation import quota

BUDGET_S = 2.0  # per `advance_import` call, so that the page shows progress
APPROVAL_PERIOD = timedelta(days=1)  # a staged import is deleted after it


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


@long_transaction()
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
        quota.check_quota(batch.owner_id, batch.counts[NEW])  # fail early
        batch.state, batch.publishes, batch.is_own_yes = ImportState.RUNNING, publish, not actor.is_app
        report = RunReport(batch)
        if publish:
            report.publish()
        if not batch.total:
            _get_staged_rows(batch).delete()
            batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
        report.save()
        batch.save()
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


@long_transaction()
def undo_import(actor: Actor, batch_id: UUID) -> ImportBatch:
    """Move the memories an import created to trash and revert its changes, also for a running import.

    Memories that were changed again after the import stay unchanged.
    """
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state in (ImportState.RUNNING, ImportState.DONE):
        _get_staged_rows(batch).filter(is_done=False).delete()
        rows = list(_get_staged_rows(batch).order_by("number"))
        records = [load_undo_record(value) for row in rows for value in orjson.loads(row.content)]
        lock_links(batch.owner_id)
        for record in reversed(merge_undo_records(records)):
            undo_change(actor, record)
        # After the links to them are removed: a link to a memory in the trash is not seen, and stays.
        for row in rows:
            trash_created(actor, row)
        batch.state, batch.sample = ImportState.UNDONE, "[]"
        batch.finished_at = Now()  # by the clock that the trash has
        batch.save(update_fields=["state", "finished_at", "sample"])
        batch.refresh_from_db(fields=["finished_at"])
    return batch


@long_transaction()
def discard_import(actor: Actor, batch_id: UUID) -> None:
    """Delete a staged import. An approved one can only be undone."""
    _require_approver(actor)
    batch = _lock_import(actor, batch_id)
    if batch.state == ImportState.STAGED:
        batch.delete()


@long_transaction()
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
    """Delete imports that were not approved in time, and those too old to be undone. Returns the number of rows.

    Those that were undone are kept as long as what they brought lies in the trash.
    """
    since = Now() - timedelta(days=settings.TRASH_DAYS)
    unapproved = Q(state=ImportState.STAGED, created_at__lt=Now() - APPROVAL_PERIOD)
    undone = Q(state=ImportState.UNDONE)
    old = (~undone & Q(created_at__lt=since)) | (undone & Q(finished_at__lt=since))
    return ImportBatch.objects.filter(unapproved | old).delete()[0]


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


@audit.atomic()
@long_transaction()
def _import_next_row(actor: Actor, batch_id: UUID) -> ImportBatch:
    batch = _lock_import(actor, batch_id)
    if batch.state != ImportState.RUNNING:
        return batch
    import_actor = get_import_actor(actor, batch)
    if import_actor is None:
        return _end_import(batch, ImportEndReason.APP)
    row = _get_staged_rows(batch).filter(is_done=False).order_by("number").first()
    report = RunReport(batch)
    if row is not None and not import_row(import_actor, batch, row, report):
        return _end_import(batch, ImportEndReason.ROOM)
    if not _get_staged_rows(batch).filter(is_done=False).exists():
        batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    report.save()
    batch.save()
    return batch


def _end_import(batch: ImportBatch, ended_by: ImportEndReason) -> ImportBatch:
    """End an import early; what was imported stays, and what was not is counted."""
    report = RunReport(batch)
    rest = _get_staged_rows(batch).filter(is_done=False)
    for row in rest.iterator(chunk_size=1):
        content = orjson.loads(row.content)
        for each in load_staged_items(content) if load_link_row(content) is None else ():
            if batch.publishes or not each.needs_publish:
                report.skip(each.file, each.item.format, CHANGED if each.is_change else NEW, "stopped")
    report.save()
    rest.delete()
    batch.state, batch.finished_at, batch.sample = ImportState.DONE, timezone.now(), "[]"
    batch.ended_by = ended_by
    batch.save()
    return batch
