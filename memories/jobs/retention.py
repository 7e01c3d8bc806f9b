"""Periodic tasks of the worker: purging old data, and requeuing failed memories."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accounts import rate_limits
from accounts.actor import Channel
from accounts.deletion import service as deletion
from accounts.models import Invitation
from accounts.sessions import hashed_keys
from core.db.distribution import group_owners
from core.db.locks import DatabaseLock, OwnerLock, try_lock, try_lock_owner
from memories.index import moves, spaces, work_queue
from memories.insights import app_days
from memories.jobs import orphans
from memories.models import (
    AuditAction,
    AuditEvent,
    EmbeddingSpace,
    IndexState,
    Memory,
    MemoryTag,
    MemoryUse,
    MemoryVector,
    Tag,
)
from memories.portability.imports import run as import_run
from memories.providers.embeddings import ProviderError
from memories.search.cache.registration import purge_caches
from memories.services import idempotency, proposals, supersession

logger = logging.getLogger(__name__)

INTERVAL_S = 600.0
BATCH = 1_000

_last_run = 0.0


def requeue_on_start() -> bool:
    """Requeue failed memories and those of other spaces: settings or the model may have changed before this start.

    Return False if the provider is misconfigured, so that its space is unknown.
    """
    try:
        moved = moves.start_outdated_moves()
    except ProviderError as error:
        logger.error("the embedding provider is misconfigured: %s", error)
        return False
    retried = work_queue.enqueue_memories(Memory.objects.filter(index_state=IndexState.FAILED))
    logger.info("requeued %d memories of another embedding space and %d failed ones", moved, retried)
    return True


def run_if_due() -> None:
    """Run the steps if the last run is at least INTERVAL_S seconds ago."""
    global _last_run
    if _last_run and time.monotonic() < _last_run + INTERVAL_S:
        return
    _last_run = time.monotonic()
    run_steps()


def run_steps() -> dict[str, int]:
    """Run each step once, unless another worker is running them; return the row counts of successful steps."""
    with transaction.atomic():
        if not try_lock(DatabaseLock.RETENTION):
            return {}
        touched = {name: _run_step(name, step) for name, step in STEPS.items()}
    return {name: count for name, count in touched.items() if count is not None}


def purge_memories() -> int:
    """Permanently delete memories that have been in the trash, or expired, for TRASH_DAYS."""
    since = Now() - timedelta(days=settings.TRASH_DAYS)
    due = Memory.objects.filter(Q(deleted_at__lt=since) | Q(expires_at__lt=since))
    owners = list(due.order_by().values_list("owner_id", flat=True).distinct())
    # Skip who is busy: a memory may be being linked right now.
    return sum(
        _purge_owner(owner_id, due) for owner_id in owners if try_lock_owner(OwnerLock.LINKS, owner_id)
    )


def _purge_owner(owner_id: UUID, due: QuerySet[Memory]) -> int:
    total = 0
    # Skip what is locked: a memory may be being restored right now.
    locked = due.filter(owner_id=owner_id).order_by("pk").select_for_update(skip_locked=True, of=("self",))
    while ids := list(locked.values_list("pk", flat=True)[:BATCH]):
        AuditEvent.objects.create(
            owner_id=owner_id, door=Channel.WORKER, action=AuditAction.MEMORY_PURGE, memory_ids=ids
        )
        supersession.bridge_links(owner_id, ids)
        idempotency.clear_answers(owner_id, ids)
        Memory.objects.filter(owner_id=owner_id, pk__in=ids).delete()
        total += len(ids)
    return total


def purge_audit() -> int:
    return AuditEvent.objects.filter(happened_at__lt=Now() - timedelta(days=settings.AUDIT_DAYS)).delete()[0]


def purge_memory_uses() -> int:
    return MemoryUse.objects.filter(last_at__lt=Now() - timedelta(days=settings.AUDIT_DAYS)).delete()[0]


# Functions that return which of some unused tags must stay; picard/composition.py adds to it.
IN_USE_TAG_LOOKUPS: list[Callable[[Collection[UUID]], set[UUID]]] = []


def purge_unused_tags() -> int:
    used = MemoryTag.objects.filter(owner_id=OuterRef("owner_id"), tag_id=OuterRef("pk"))
    unused = Tag.objects.filter(~Exists(used))
    owners = unused.order_by().values_list("owner_id", flat=True).distinct()
    return sum(_purge_tags(unused.filter(owner_id__in=group)) for group in group_owners(owners))


def _purge_tags(unused: QuerySet[Tag]) -> int:
    # A tag being added to a memory is locked (tags.ensure_tags); the second query sees tags added in the meantime.
    locked = set(unused.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))
    for find_used in IN_USE_TAG_LOOKUPS:
        locked -= find_used(locked)
    return unused.filter(pk__in=locked).delete()[0]


def purge_invitations() -> int:
    return Invitation.objects.filter(used_at__isnull=True, expires_at__lt=Now()).delete()[0]


def purge_unused_spaces() -> int:
    """Delete unused spaces; none while the provider is misconfigured, since the current ones are unknown."""
    used = set(MemoryVector.objects.order_by().values_list("space_id", flat=True).distinct())
    try:
        current = spaces.list_all_current_identities()
    except ProviderError:
        return 0
    others = EmbeddingSpace.objects.exclude(identity__in=current)
    return others.exclude(pk__in=used - {None}).delete()[0]


def purge_shared_cache() -> int:
    """Delete expired entries, which Django's own backend does only when the cache is full."""
    with connection.cursor() as cursor:
        cursor.execute("delete from shared_cache where expires < statement_timestamp()")
        return int(cursor.rowcount)


STEPS: dict[str, Callable[[], int]] = {
    "memories": purge_memories,
    "audit": purge_audit,
    "memory uses": purge_memory_uses,
    "app days": app_days.purge_days,
    "summed events": app_days.sum_events,
    "tags": purge_unused_tags,
    "sessions": hashed_keys.purge_expired_sessions,
    "closed accounts": deletion.delete_due_accounts,
    "invitations": purge_invitations,
    "moves": moves.finish_all_moves,
    "spaces": purge_unused_spaces,
    "stored answers": idempotency.purge_stored_answers,
    "proposals": proposals.purge_proposals,
    "imports": import_run.purge_imports,
    "rate limits": rate_limits.purge_rate_limits,
    "shared cache": purge_shared_cache,
    "vector caches": purge_caches,
    "orphans": orphans.purge_orphans,
}


def _run_step(name: str, step: Callable[[], int]) -> int | None:
    """Return how many rows the step touched, None if it failed, which is logged so that the others still run."""
    try:
        with transaction.atomic():
            return step()
    except Exception:
        if transaction.get_rollback():  # connection lost: the worker reconnects
            raise
        # picard/config/log_config.py logs only the error's type and location.
        logger.exception("retention step failed: %s", name)
        return None
