"""Looking at what was given, one file of a person's at a time: read and laid down until their yes, all or nothing."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from django.db import transaction

from accounts.actor import Actor
from accounts.rate_limits import RateLimit, enforce_rate_limit
from core.db.locks import OwnerLock, try_lock_owner
from memories import scopes
from memories.errors import ImportInProgress
from memories.models import OPEN_STATES, ImportBatch, ImportState, Memory, MemoryRevision
from memories.portability.imports.diff import ImportDiff, digest_text
from memories.portability.readers.archives import check_deadline, list_parts
from memories.portability.readers.chat_exports import ChatFilter
from memories.portability.readers.detect import detect_format
from memories.portability.readers.items import SkippedEntry
from memories.services import writes
from memories.services.reads import decrypt_or_none

MAX_SECONDS = 3_600.0  # of one look
MAX_SECONDS_ONLINE = 120.0  # where a thread of the web server looks
PREVIEW_LIMIT = RateLimit("import", 30, 3_600)
BATCH_SIZE = 2_000

ProgressCallback = Callable[[int], None]


def require_portability_scopes(actor: Actor) -> None:
    """What moving in and out needs: a person's own session, or an app that may manage everything."""
    for scope in (scopes.READ, scopes.WRITE, scopes.ADMIN):
        actor.require_scope(scope)


def check_preview_rate(actor: Actor) -> None:
    """Count one look, as a door does that many may come by. Raises LimitReached."""
    enforce_rate_limit(PREVIEW_LIMIT, f"{actor.person.pk}:{actor.client_id or ''}")


def stage_import(
    actor: Actor,
    given: IO[bytes] | Path,
    *,
    chats: ChatFilter = ChatFilter.MINE,
    seconds: float = MAX_SECONDS,
    say: ProgressCallback = lambda _count: None,
) -> ImportBatch:
    """Find out what a file, zip or folder would bring, without keeping any of it yet. All or nothing.

    An earlier import that still waits for its yes is given up. Raises ValidationError (file) where it cannot be read,
    or not within so many seconds; ImportUnderWay while another import is, or is looked at. `say` hears how many
    entries were read.
    """
    require_portability_scopes(actor)
    until = time.monotonic() + seconds
    with transaction.atomic():
        before = _lock_open_import(actor)
        format, parts = detect_format(list_parts(given, until))
        batch = ImportBatch(
            owner_id=actor.person.pk,
            format=format.name,
            source=writes.get_source(actor),
            only_tags=None if actor.only_tags is None else sorted(actor.only_tags),
        )
        look = ImportDiff(actor, batch, _load_known_digests(actor))
        for found in format.read(parts, chats):
            check_deadline(until)
            if isinstance(found, SkippedEntry):
                look.skip_entry(found.reason, found.count)
            else:
                look.add_item(found)
            if look.seen % BATCH_SIZE == 0:
                say(look.seen)
        look.save_summary()
        _discard_open_import(before)
        batch.save(force_insert=True)
    return batch


def _lock_open_import(actor: Actor) -> ImportBatch | None:
    """The import that waits for its yes. Raises ImportUnderWay where one goes on, or is looked at; nobody waits."""
    if not try_lock_owner(OwnerLock.IMPORT_PREVIEW, actor.person.pk):
        raise ImportInProgress
    is_open = ImportBatch.objects.filter(owner_id=actor.person.pk, state__in=OPEN_STATES).first()
    if is_open is not None and is_open.state == ImportState.RUNNING:
        raise ImportInProgress
    if is_open is not None and actor.asks_first and is_open.source != writes.get_source(actor):
        raise ImportInProgress  # to look would give up that one, which such an app may not
    return is_open


def _discard_open_import(before: ImportBatch | None) -> None:
    """Last of all: a yes to it must not wait for as long as a look takes. With one, the look did not see what came."""
    if before is None:
        return
    waits = ImportBatch.objects.filter(owner_id=before.owner_id, pk=before.pk).select_for_update().first()
    if waits is None:
        return
    if waits.state != ImportState.STAGED:
        raise ImportInProgress
    waits.delete()


# --- What the person has ----------------------------------------------------------------------------------


def _load_known_digests(actor: Actor) -> set[bytes]:
    """Of all texts that the actor may see, and of those that they were before: who edited one has it still."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    revisions = MemoryRevision.objects.filter(owner_id=actor.person.pk, memory_id__in=own.values("pk"))
    rows: Iterable[Memory | MemoryRevision] = (
        row
        for queryset in (own.only("pk", "owner_id", "text"), revisions.only("pk", "owner_id", "text"))
        for row in queryset.iterator(chunk_size=BATCH_SIZE)
    )
    return {digest_text(text) for row in rows if (text := decrypt_or_none(row)) is not None}
