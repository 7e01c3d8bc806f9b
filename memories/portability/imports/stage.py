"""Read a file into a staged import for preview: one per user at a time, all or nothing."""

import time
from collections.abc import Callable, Sequence

from accounts.actor import Actor
from accounts.rate_limits import RateLimit, enforce_rate_limit
from core.db.locks import OwnerLock, try_lock_owner
from core.db.time_limits import long_transaction
from memories.clients.grants import get_present_actor
from memories.errors import ImportInProgress
from memories.models import OPEN_STATES, AuditAction, ImportBatch, ImportState
from memories.portability.files.archives import Source, list_parts
from memories.portability.files.parts import check_deadline
from memories.portability.imports.authorization import require_portability_scopes
from memories.portability.imports.diff import ImportDiff
from memories.portability.imports.known import load_known_memories
from memories.portability.imports.report import FileReport
from memories.portability.readers.catalog import MIXED
from memories.portability.readers.detect import detect_parts, read_parts
from memories.portability.readers.formats import ChatFilter, Format, ReadContext
from memories.portability.readers.items import ImportLink, SkippedEntry
from memories.services import audit, writes

MAX_SECONDS = 3_600.0  # per preview
MAX_SECONDS_ONLINE = 120.0  # in a web request
PREVIEW_LIMIT = RateLimit("import", 30, 3_600)
BATCH_SIZE = 2_000
IDS_PER_EVENT = 500  # as in an export

ProgressCallback = Callable[[int], None]


def check_preview_rate(actor: Actor) -> None:
    """Count one preview against the rate limit. Raises RateLimitExceeded."""
    enforce_rate_limit(PREVIEW_LIMIT, f"{actor.person.pk}:{actor.client_id or ''}")


def stage_import(
    actor: Actor,
    sources: Sequence[Source],
    *,
    chats: ChatFilter = ChatFilter.MINE,
    text_column: str = "",
    seconds: float = MAX_SECONDS,
    on_progress: ProgressCallback = lambda _count: None,
) -> ImportBatch:
    """Stage the memories of files, zips and folders as an import that needs approval. All or nothing.

    Replaces an earlier staged import. `on_progress` is called with the number of entries read. text_column: the column
    with the texts of tables of an unknown form. Raises ValidationError (file) if nothing of it can be read, or not
    within `seconds`; ImportInProgress while another import runs or is staged.
    """
    require_portability_scopes(actor)
    deadline = time.monotonic() + seconds
    with long_transaction():
        previous = _lock_open_import(actor)
        detected = detect_parts(list_parts(sources, deadline))
        formats = {each.kind.name for each in detected if isinstance(each.kind, Format)}
        batch = ImportBatch(
            owner_id=actor.person.pk,
            format=formats.pop() if len(formats) == 1 else MIXED,
            source=writes.get_source(actor),
            only_tags=None if actor.only_tags is None else sorted(actor.only_tags),
        )
        diff = ImportDiff(batch, load_known_memories(actor))
        context = ReadContext(chats=chats, zone=actor.person.zone, text_column=text_column)
        for part, results in read_parts(detected, context):
            diff.start_file(FileReport(part.part.name, part.kind.name))
            for entry in results:
                check_deadline(deadline)
                if isinstance(entry, SkippedEntry):
                    diff.skip_entry(entry.reason, entry.count)
                    diff.report.add_columns(entry.columns)
                elif isinstance(entry, ImportLink):
                    diff.add_link(entry)
                else:
                    diff.add_item(entry)
                if diff.entry_count % BATCH_SIZE == 0:
                    on_progress(diff.entry_count)
        diff.save_summary()
        get_present_actor(actor)  # reading may have taken longer than the permission lasts
        _record_matches(actor, diff)
        _discard_open_import(previous)
        batch.save(force_insert=True)
    return batch


def _record_matches(actor: Actor, diff: ImportDiff) -> None:
    """Record which memories an app may tell from the counts to be the user's."""
    matched = sorted(diff.matched_ids)
    for start in range(0, len(matched), IDS_PER_EVENT):
        ids = matched[start : start + IDS_PER_EVENT]
        audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=actor.person.pk, memory_ids=ids)


def _lock_open_import(actor: Actor) -> ImportBatch | None:
    """Return the staged import. Raises ImportInProgress, without waiting, while one runs or is being staged."""
    if not try_lock_owner(OwnerLock.IMPORT_PREVIEW, actor.person.pk):
        raise ImportInProgress
    open_import = ImportBatch.objects.filter(owner_id=actor.person.pk, state__in=OPEN_STATES).first()
    if open_import is not None and open_import.state == ImportState.RUNNING:
        raise ImportInProgress
    if open_import is not None and actor.asks_first and open_import.source != writes.get_source(actor):
        raise ImportInProgress  # this preview would replace it, which such an app may not do
    return open_import


def _discard_open_import(previous: ImportBatch | None) -> None:
    """Delete the previous staged import, at the end so that staging never blocks its approval.

    If it was approved meanwhile, this preview did not see its memories: raises ImportInProgress.
    """
    if previous is None:
        return
    imports = ImportBatch.objects.filter(owner_id=previous.owner_id, pk=previous.pk)
    batch = imports.select_for_update().first()
    if batch is None:
        return
    if batch.state != ImportState.STAGED:
        raise ImportInProgress
    batch.delete()
