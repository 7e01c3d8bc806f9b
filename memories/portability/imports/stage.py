"""Looking at what was given, one file of a person's at a time: read and laid down until their yes, all or nothing."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from django.db import transaction

from accounts.actor import Actor
from accounts.rate_limits import Limit, hit
from core.db.locks import OwnerLock, try_lock_owner
from memories import scopes
from memories.errors import ImportUnderWay
from memories.models import OPEN, ImportBatch, ImportState, Memory, MemoryRevision
from memories.portability.imports.diff import Look, digest
from memories.portability.readers.archives import in_time, parts_of
from memories.portability.readers.chat_exports import Chats
from memories.portability.readers.detect import recognise
from memories.portability.readers.items import Skipped
from memories.services import writes
from memories.services.reads import opened

SECONDS = 3_600.0  # of one look
SECONDS_ONLINE = 120.0  # where a thread of the web server looks
LOOKS = Limit("import", 30, 3_600)
READ_AT_ONCE = 2_000

Say = Callable[[int], None]


def require(actor: Actor) -> None:
    """What moving in and out needs: a person's own session, or an app that may manage everything."""
    for scope in (scopes.READ, scopes.WRITE, scopes.ADMIN):
        actor.require(scope)


def may_look(actor: Actor) -> None:
    """Count one look, as a door does that many may come by. Raises LimitReached."""
    hit(LOOKS, f"{actor.person.pk}:{actor.client_id or ''}")


def stage(
    actor: Actor,
    given: IO[bytes] | Path,
    *,
    chats: Chats = Chats.MINE,
    seconds: float = SECONDS,
    say: Say = lambda _count: None,
) -> ImportBatch:
    """Find out what a file, zip or folder would bring, without keeping any of it yet. All or nothing.

    An earlier import that still waits for its yes is given up. Raises ValidationError (file) where it cannot be read,
    or not within so many seconds; ImportUnderWay while another import is, or is looked at. `say` hears how many
    entries were read.
    """
    require(actor)
    until = time.monotonic() + seconds
    with transaction.atomic():
        before = _alone(actor)
        format, parts = recognise(parts_of(given, until))
        batch = ImportBatch(
            owner_id=actor.person.pk,
            format=format.name,
            source=writes.source_of(actor),
            only_tags=None if actor.only_tags is None else sorted(actor.only_tags),
        )
        look = Look(actor, batch, _known_texts(actor))
        for found in format.read(parts, chats):
            in_time(until)
            if isinstance(found, Skipped):
                look.skip(found.reason, found.count)
            else:
                look.take(found)
            if look.seen % READ_AT_ONCE == 0:
                say(look.seen)
        look.finish()
        _give_up(before)
        batch.save(force_insert=True)
    return batch


def _alone(actor: Actor) -> ImportBatch | None:
    """The import that waits for its yes. Raises ImportUnderWay where one goes on, or is looked at; nobody waits."""
    if not try_lock_owner(OwnerLock.IMPORT_PREVIEW, actor.person.pk):
        raise ImportUnderWay
    is_open = ImportBatch.objects.filter(owner_id=actor.person.pk, state__in=OPEN).first()
    if is_open is not None and is_open.state == ImportState.RUNNING:
        raise ImportUnderWay
    if is_open is not None and actor.asks_first and is_open.source != writes.source_of(actor):
        raise ImportUnderWay  # to look would give up that one, which such an app may not
    return is_open


def _give_up(before: ImportBatch | None) -> None:
    """Last of all: a yes to it must not wait for as long as a look takes. With one, the look did not see what came."""
    if before is None:
        return
    waits = ImportBatch.objects.filter(owner_id=before.owner_id, pk=before.pk).select_for_update().first()
    if waits is None:
        return
    if waits.state != ImportState.STAGED:
        raise ImportUnderWay
    waits.delete()


# --- What the person has ----------------------------------------------------------------------------------


def _known_texts(actor: Actor) -> set[bytes]:
    """Of all texts that the actor may see, and of those that they were before: who edited one has it still."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    revisions = MemoryRevision.objects.filter(owner_id=actor.person.pk, memory_id__in=own.values("pk"))
    rows: Iterable[Memory | MemoryRevision] = (
        row
        for queryset in (own.only("pk", "owner_id", "text"), revisions.only("pk", "owner_id", "text"))
        for row in queryset.iterator(chunk_size=READ_AT_ONCE)
    )
    return {digest(text) for row in rows if (text := opened(row)) is not None}
