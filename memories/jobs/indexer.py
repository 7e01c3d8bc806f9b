"""The indexing worker: claims memories without vectors, embeds them, and runs the retention job in between.

A lease is backed by an advisory lock of the worker's own connection, which PostgreSQL releases when the worker dies, so
that its memories are due again at once. If a text was edited while being embedded, its version differs: the vector is
discarded and the memory stays due.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.consent import embeddings as embedding_consent
from core.db.distribution import group_owners
from core.db.errors import DATABASE_UNAVAILABLE
from core.db.locks import lock_worker, unlock_worker
from core.process_signals import pause
from memories.index import moves, work_queue
from memories.index.languages import get_default_language
from memories.jobs import recovery, retention
from memories.jobs.claims import OwnerTurns, claim_memories
from memories.jobs.embedder import EmbeddingResult, embed_memories, read_memories
from memories.jobs.nodes import ask_all_nodes
from memories.models import IndexState, Memory
from memories.providers.embeddings import ProviderError

logger = logging.getLogger(__name__)

BATCH = 64
POLL_S = 5.0
STOP_CHECK_S = 0.5  # maximum delay of a stop request while idle
MAX_BACKOFF_S = 600.0
MAX_CODE_CHARACTERS = 40  # of the column
MAX_PAUSE_S = 60.0  # after an unexpected error


class WorkerLease:
    """A dedicated connection of the worker that holds its lock and listens for due memories."""

    def __init__(self) -> None:
        connection.ensure_connection()  # restarts a killed embedded server
        self.connection = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        self.worker = lock_worker(self.connection)
        self.connection.execute(f"listen {work_queue.CHANNEL}")

    def wait(self, seconds: float, should_stop: Callable[[], bool]) -> None:
        """Return when a due memory is committed, on a stop request, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not should_stop() and (left := deadline - time.monotonic()) > 0:
            for _ in self.connection.notifies(timeout=min(left, STOP_CHECK_S), stop_after=1):
                return

    def close(self) -> None:
        """Release the lock explicitly, since the server releases it only some time after the connection ends."""
        with suppress(psycopg.OperationalError):
            unlock_worker(self.connection)
        self.connection.close()


def run_worker(should_stop: Callable[[], bool]) -> None:
    """Process batches until `should_stop()`, whatever fails: reconnect if the database is lost, else wait and go on."""
    failures = 0
    while not should_stop():
        try:
            _work_with_lease(should_stop)
        except DATABASE_UNAVAILABLE:
            logger.warning("database unavailable; retrying")
            connection.close()
            pause(1, should_stop)
        except Exception:
            failures += 1
            logger.exception("the worker failed; it goes on")
            connection.close()
            pause(min(MAX_PAUSE_S, 2.0 ** min(failures, 10)), should_stop)


def _work_with_lease(should_stop: Callable[[], bool]) -> None:
    lease, turns = WorkerLease(), OwnerTurns()
    try:
        while not should_stop():
            close_old_connections()
            ask_all_nodes(recovery.retry_if_due, None)
            ask_all_nodes(retention.run_if_due, None)
            if not process_batch(lease.worker, turns=turns):
                lease.wait(min(POLL_S, ask_all_nodes(get_seconds_until_due, POLL_S)), should_stop)
    finally:
        lease.close()


def process_batch(worker: int, *, limit: int = BATCH, turns: OwnerTurns | None = None) -> int:
    """Claim, embed and store one batch; return how many memories were claimed.

    If that fails unexpectedly, the memories are due again later; only those at fault, if the first one succeeds alone.
    """
    memories = claim_memories(worker, limit, turns)
    if memories and (error := _try_to_index(worker, memories)):
        first, *others = memories
        failed = {first.pk: error}
        if others and not _try_to_index(worker, [first]):
            failed = {one.pk: found for one in others if (found := _try_to_index(worker, [one]))}
        elif others:
            failed = {one.pk: error for one in memories}
        for memory in memories:
            if memory.pk in failed:
                _schedule_retry(EmbeddingResult(memory, get_default_language(), [], error=failed[memory.pk]))
    return len(memories)


def _try_to_index(worker: int, memories: Sequence[Memory]) -> str:
    """Embed and store the memories. Return the code of an unexpected error, which is logged, empty without one."""
    try:
        withheld = _find_withheld(memories)
        embedded = embed_memories([memory for memory in memories if memory not in withheld])
        keyword_only = [replace(one, is_withheld=True) for one in read_memories(withheld)]
        store_results(worker, [*embedded, *keyword_only])
    except DATABASE_UNAVAILABLE:
        raise
    except ProviderError as error:  # the space is unknown
        return error.code
    except Exception:
        logger.exception("indexing a batch failed")
        return work_queue.INTERNAL_ERROR
    return ""


def store_results(worker: int, embedded: Sequence[EmbeddingResult]) -> None:
    """Store the results of memories that have not changed since they were read."""
    for group in group_owners(one.memory.owner_id for one in embedded):
        with transaction.atomic():
            _store_group(worker, group, [one for one in embedded if one.memory.owner_id in group])
    has_vectors = any(one.vectors is not None for one in embedded)
    recovery.record_results([one.error for one in embedded], has_vectors=has_vectors)


def get_seconds_until_due() -> float:
    """Return the seconds until the next pending memory is due, POLL_S without one."""
    pending = Memory.objects.filter(index_state=IndexState.PENDING).order_by("index_due_at")
    due_in = pending.annotate(due_in=F("index_due_at") - Now()).values_list("due_in", flat=True).first()
    return POLL_S if due_in is None else max(0.05, due_in.total_seconds())


# --- Private ------------------------------------------------------------------------------------------


def _store_group(worker: int, owner_ids: Sequence[UUID], embedded: Sequence[EmbeddingResult]) -> None:
    own = Memory.objects.filter(owner_id__in=owner_ids)
    claimed = own.filter(pk__in=[one.memory.pk for one in embedded], index_leased_by=worker)
    current = dict(claimed.order_by("pk").select_for_update().values_list("pk", "version"))
    fresh = [one for one in embedded if current.get(one.memory.pk) == one.memory.version]
    if done := [one for one in fresh if one.vectors is not None]:
        _store_vectors(done)
    if withheld := [one.memory for one in fresh if one.is_withheld and not one.error]:
        work_queue.index_keywords_only(withheld)
    for one in fresh:
        if one.error:
            _schedule_retry(one)
    stale = current.keys() - {one.memory.pk for one in fresh}
    own.filter(pk__in=stale).update(index_leased_by=None, index_attempts=F("index_attempts") - 1)
    moves.finish_moves({one.memory.owner_id for one in fresh if not one.error})


def _find_withheld(memories: Sequence[Memory]) -> list[Memory]:
    """Return the private memories whose users have not consented to the remote provider."""
    if not embedding_consent.is_consent_required():
        return []
    consenting = embedding_consent.filter_consenting_users({memory.owner_id for memory in memories})
    return [memory for memory in memories if not memory.is_public and memory.owner_id not in consenting]


def _store_vectors(done: Sequence[EmbeddingResult]) -> None:
    memories = [one.memory for one in done]
    vectors = [one.vectors or [] for one in done]
    languages = {one.memory.owner_id: one.language for one in done}
    work_queue.store_vectors(memories, [one.passages for one in done], vectors, languages)
    work_queue.mark_indexed(memories)


def _schedule_retry(one: EmbeddingResult) -> None:
    """Schedule a retry, or mark the memory as failed, which the page, the admin and /readyz show."""
    gives_up = one.is_final or work_queue.is_last_attempt(one.memory)
    wait = timedelta(seconds=_compute_backoff(one.memory.index_attempts, one.retry_after_s))
    Memory.objects.filter(owner_id=one.memory.owner_id, pk=one.memory.pk).update(
        index_state=IndexState.FAILED if gives_up else IndexState.PENDING,
        index_due_at=Now() + wait,
        index_leased_by=None,
        index_error=one.error[:MAX_CODE_CHARACTERS],
    )
    if gives_up:
        logger.error("could not embed memory %s: %s", one.memory.pk, one.error)


def _compute_backoff(attempts: int, retry_after_s: float | None) -> float:
    """Return the exponential backoff from INDEXING_FIRST_WAIT_S with jitter, at least the provider's Retry-After."""
    doubled: float = settings.INDEXING_FIRST_WAIT_S * 2 ** min(attempts - 1, 20)
    jittered = min(MAX_BACKOFF_S, doubled) * random.uniform(0.5, 1.5)  # noqa: S311  (not a secret)
    return max(jittered, min(retry_after_s or 0.0, MAX_BACKOFF_S))
