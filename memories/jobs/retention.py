"""What must happen from time to time: purging, and putting back what is worth another try. A part of the worker."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from accounts import rate_limits
from accounts.actor import Channel
from accounts.deletion import service as deletion
from accounts.models import Invitation
from accounts.sessions import hashed_keys
from core.db.locks import DatabaseLock, try_lock
from memories.index import work_queue
from memories.models import (
    AuditAction,
    AuditEvent,
    EmbeddingSpace,
    IndexState,
    Memory,
    MemoryTag,
    MemoryVector,
    Tag,
)
from memories.portability.imports import run as import_run
from memories.providers.embeddings import ProviderError
from memories.services import idempotency, proposals

logger = logging.getLogger(__name__)

INTERVAL_S = 600.0
BATCH = 1_000

_last_run = 0.0


def requeue_on_start() -> None:
    """A start may follow a repaired setting or another model: what failed and what is of another space is due again."""
    try:
        moved = work_queue.enqueue_other_spaces()
    except ProviderError as error:
        logger.error("the embedding provider cannot work as it is set: %s", error)
        return
    retried = work_queue.enqueue_memories(Memory.objects.filter(index_state=IndexState.FAILED))
    logger.info("due again: %d of another embedding space, %d that had failed", moved, retried)


def run_if_due() -> None:
    """Keep house when it was not done for INTERVAL_S seconds."""
    global _last_run
    if _last_run and time.monotonic() < _last_run + INTERVAL_S:
        return
    _last_run = time.monotonic()
    run_steps()


def run_steps() -> dict[str, int]:
    """Each step once, unless another worker is at it; returns how many rows each one touched that did not fail."""
    with transaction.atomic():
        if not try_lock(DatabaseLock.RETENTION):
            return {}
        touched = {name: _run_step(name, step) for name, step in STEPS.items()}
    return {name: count for name, count in touched.items() if count is not None}


def purge_memories() -> int:
    """Delete for ever what has lain in the trash, or been expired, for TRASH_DAYS."""
    since = Now() - timedelta(days=settings.TRASH_DAYS)
    gone = Memory.objects.filter(Q(deleted_at__lt=since) | Q(expires_at__lt=since))
    total = 0
    # Locked: one that is being restored just now is not gone, and is left.
    locked = gone.order_by("pk").select_for_update(skip_locked=True, of=("self",))
    while batch := list(locked.values_list("pk", "owner_id")[:BATCH]):
        for owner_id in {owner for _, owner in batch}:
            ids = [pk for pk, owner in batch if owner == owner_id]
            AuditEvent.objects.create(
                owner_id=owner_id, door=Channel.WORKER, action=AuditAction.MEMORY_PURGE, memory_ids=ids
            )
        Memory.objects.filter(pk__in=[pk for pk, _ in batch]).delete()
        total += len(batch)
    return total


def purge_audit() -> int:
    return AuditEvent.objects.filter(happened_at__lt=Now() - timedelta(days=settings.AUDIT_DAYS)).delete()[0]


# Which of some tags must stay though no memory has them; picard/composition.py adds to it.
IN_USE_TAG_LOOKUPS: list[Callable[[Collection[UUID]], set[UUID]]] = []


def purge_unused_tags() -> int:
    unused = Tag.objects.filter(~Exists(MemoryTag.objects.filter(tag_id=OuterRef("pk"))))
    # A tag that is being put on a memory is locked (tags.ensure_tags); the second look sees what came meanwhile.
    locked = set(unused.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))
    for kept_of in IN_USE_TAG_LOOKUPS:
        locked -= kept_of(locked)
    return unused.filter(pk__in=locked).delete()[0]


def purge_invitations() -> int:
    return Invitation.objects.filter(used_at__isnull=True, expires_at__lt=Now()).delete()[0]


def purge_unused_spaces() -> int:
    """No space while the provider cannot work as it is set: which are current is not known then."""
    used = MemoryVector.objects.filter(space_id=OuterRef("pk"))
    try:
        current = work_queue.get_current_identities()
    except ProviderError:
        return 0
    return EmbeddingSpace.objects.filter(~Exists(used)).exclude(identity__in=current).delete()[0]


def purge_shared_cache() -> int:
    """What has expired; Django's own backend looks only when the cache is full."""
    with connection.cursor() as cursor:
        cursor.execute("delete from shared_cache where expires < statement_timestamp()")
        return int(cursor.rowcount)


STEPS: dict[str, Callable[[], int]] = {
    "memories": purge_memories,
    "audit": purge_audit,
    "tags": purge_unused_tags,
    "sessions": hashed_keys.purge_expired_sessions,
    "closed accounts": deletion.delete_due_accounts,
    "invitations": purge_invitations,
    "spaces": purge_unused_spaces,
    "stored answers": idempotency.purge_stored_answers,
    "proposals": proposals.purge_proposals,
    "imports": import_run.purge_imports,
    "rate limits": rate_limits.purge_rate_limits,
    "shared cache": purge_shared_cache,
}


def _run_step(name: str, step: Callable[[], int]) -> int | None:
    """How many rows the step touched; None, and a line in the log, when it failed, so that the others go on."""
    try:
        with transaction.atomic():
            return step()
    except Exception:
        if transaction.get_rollback():  # the connection is lost: the worker waits for the database
            raise
        # Of the error, picard/config/log_config.py tells its type and place alone.
        logger.exception("housekeeping failed at: %s", name)
        return None
