"""The indexing worker: claims memories without vectors, embeds them, and runs the retention job in between.

A lease is backed by an advisory lock of the worker's own connection, which PostgreSQL releases when the worker dies, so
that its memories are due again at once. If a text was edited while being embedded, its version differs: the vector is
discarded and the memory stays due.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.consent import embeddings as embedding_consent
from accounts.fields import DecryptError
from core.db.errors import DATABASE_UNAVAILABLE
from core.db.locks import LIVE_WORKERS_SQL, lock_worker, unlock_worker
from memories.index import moves, spaces, work_queue
from memories.index.languages import Language, read_owner_languages
from memories.index.passages import split_passages
from memories.jobs import retention
from memories.models import IndexState, Memory
from memories.providers.embeddings import ProviderError, ProviderRejected, ProviderUnavailable, get_provider

logger = logging.getLogger(__name__)

BATCH = 64
POLL_S = 5.0
STOP_CHECK_S = 0.5  # maximum delay of a stop request while idle
MAX_BACKOFF_S = 600.0

FIRST_OWNER = UUID(int=0)  # before all others
NEXT_OWNER = """(
  select owner_id from memories_memory
  where index_state = 'pending' and owner_id > {}::uuid order by owner_id limit 1)"""

# Due, and either unleased or leased by a dead worker (its lock is free) or by this one, which is processing nothing.
# Owners take turns, from the one after `after` on: the first memory of each comes before the second of any, so that
# nobody waits behind another user's import. Each step to the next owner is an index lookup.
CLAIM = f"""
with recursive dead as (
  select leased_by from (
    select distinct index_leased_by as leased_by from memories_memory
    where index_state = 'pending' and index_leased_by is not null) leases
  where leased_by = %(worker)s or leased_by not in ({LIVE_WORKERS_SQL})),
turn as (
  select id as owner_id, id as first, 1 as place
  from (select coalesce({NEXT_OWNER.format("%(after)s")}, {NEXT_OWNER.format(f"'{FIRST_OWNER}'")}) as id) start
  union all
  select following.id, first, place + 1
  from turn, lateral (
    select coalesce({NEXT_OWNER.format("turn.owner_id")}, {NEXT_OWNER.format(f"'{FIRST_OWNER}'")}) as id) following
  where place < %(limit)s and following.id <> first),
due as (
  select id, row_number() over (partition by owner_id order by index_due_at) as number, index_due_at
  from turn, lateral (
    select id, index_due_at from memories_memory
    where owner_id = turn.owner_id and index_state = 'pending' and index_due_at <= statement_timestamp()
      and (index_leased_by is null or index_leased_by in (select leased_by from dead))
    order by index_due_at limit %(limit)s) own),
free as (
  select id from memories_memory
  where id = any(array(select id from due order by number, index_due_at limit %(limit)s)) and index_state = 'pending'
    and (index_leased_by is null or index_leased_by in (select leased_by from dead))
  for update skip locked),
claimed as (
  update memories_memory m set index_leased_by = %(worker)s, index_attempts = index_attempts + 1
  from free where m.id = free.id returning m.id)
select array(select id from claimed), (select owner_id from turn order by place desc limit 1)
"""  # noqa: S608 - put together from constants # nosec B608


@dataclass
class OwnerTurns:
    """The owner whose turn was the last: of many owners, each batch serves those after the previous batch's."""

    last: UUID = field(default=FIRST_OWNER)


@dataclass(frozen=True)
class EmbeddingResult:
    """The result of embedding a memory: vectors, an error code, or neither if withheld from a remote provider."""

    memory: Memory
    language: Language
    passages: list[str]
    vectors: list[list[float] | None] | None = None  # None for a passage that means nothing to the model
    error: str = ""
    retry_after_s: float | None = None
    is_final: bool = False
    is_withheld: bool = False


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
    """Process batches until `should_stop()`; reconnect if the database is lost."""
    retention.requeue_on_start()
    while not should_stop():
        try:
            _work_with_lease(should_stop)
        except DATABASE_UNAVAILABLE:
            logger.warning("database unavailable; retrying")
            connection.close()
            time.sleep(1)


def _work_with_lease(should_stop: Callable[[], bool]) -> None:
    lease, turns = WorkerLease(), OwnerTurns()
    try:
        while not should_stop():
            close_old_connections()
            retention.run_if_due()
            if not process_batch(lease.worker, turns=turns):
                lease.wait(min(POLL_S, get_seconds_until_due()), should_stop)
    finally:
        lease.close()


def process_batch(worker: int, *, limit: int = BATCH, turns: OwnerTurns | None = None) -> int:
    """Claim, embed and store one batch; return how many memories were claimed."""
    memories = claim_memories(worker, limit, turns)
    if memories:
        withheld = _find_withheld(memories)
        embedded = embed_memories([memory for memory in memories if memory not in withheld])
        keyword_only = [replace(one, is_withheld=True) for one in _read_memories(withheld)]
        store_results(worker, [*embedded, *keyword_only])
    return len(memories)


def claim_memories(worker: int, limit: int, turns: OwnerTurns | None = None) -> list[Memory]:
    """Lease due memories to this worker. The statement commits at once, so that others can detect a later crash."""
    turns = turns or OwnerTurns()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"worker": worker, "limit": limit, "after": turns.last})
        [(ids, last)] = cursor.fetchall()
    turns.last = last or FIRST_OWNER
    return list(Memory.objects.filter(pk__in=ids))


def embed_memories(memories: Sequence[Memory]) -> list[EmbeddingResult]:
    """Return the vectors or error of each memory, by the encoder of its owner's language."""
    read = _read_memories(memories)
    results = [one for one in read if one.error]
    by_encoder: dict[str, list[EmbeddingResult]] = defaultdict(list)
    for one in read:
        if not one.error:
            by_encoder[_name_encoder(one.language)].append(one)
    return results + list(chain.from_iterable(map(_embed_or_split, by_encoder.values())))


def store_results(worker: int, embedded: Sequence[EmbeddingResult]) -> None:
    """Store the results of memories that have not changed since they were read."""
    with transaction.atomic():
        current = dict(
            Memory.objects.filter(pk__in=[one.memory.pk for one in embedded], index_leased_by=worker)
            .order_by("pk")
            .select_for_update()
            .values_list("pk", "version")
        )
        fresh = [one for one in embedded if current.get(one.memory.pk) == one.memory.version]
        done = [one for one in fresh if one.vectors is not None]
        if done:
            _store_vectors(done)
        if withheld := [one.memory for one in fresh if one.is_withheld and not one.error]:
            work_queue.index_keywords_only(withheld)
        for one in fresh:
            if one.error:
                _schedule_retry(one)
        stale = current.keys() - {one.memory.pk for one in fresh}
        Memory.objects.filter(pk__in=stale).update(
            index_leased_by=None, index_attempts=F("index_attempts") - 1
        )
        moves.finish_moves({one.memory.owner_id for one in fresh if not one.error})


def get_seconds_until_due() -> float:
    """Return the seconds until the next pending memory is due, POLL_S without one."""
    pending = Memory.objects.filter(index_state=IndexState.PENDING).order_by("index_due_at")
    due_in = pending.annotate(due_in=F("index_due_at") - Now()).values_list("due_in", flat=True).first()
    return POLL_S if due_in is None else max(0.05, due_in.total_seconds())


# --- Private ------------------------------------------------------------------------------------------


def _find_withheld(memories: Sequence[Memory]) -> list[Memory]:
    """Return the private memories whose users have not consented to the remote provider."""
    if not embedding_consent.is_consent_required():
        return []
    consenting = embedding_consent.filter_consenting_users({memory.owner_id for memory in memories})
    return [memory for memory in memories if not memory.is_public and memory.owner_id not in consenting]


def _read_memories(memories: Sequence[Memory]) -> list[EmbeddingResult]:
    languages = read_owner_languages({memory.owner_id for memory in memories})
    return [_read_passages(memory, languages[memory.owner_id]) for memory in memories]


def _read_passages(memory: Memory, language: Language) -> EmbeddingResult:
    try:
        return EmbeddingResult(memory, language, split_passages(memory.text, language))
    except DecryptError:
        logger.error("cannot decrypt memory %s", memory.pk)
        return EmbeddingResult(memory, language, [], error=work_queue.UNREADABLE, is_final=True)


def _name_encoder(language: Language) -> str:
    """Return the name of the encoder, or of the language if its provider is misconfigured, so that only these fail."""
    try:
        return spaces.get_encoder(language)
    except ProviderRejected:
        return language.code


def _embed_or_split(read: Sequence[EmbeddingResult]) -> list[EmbeddingResult]:
    """Embed all in one request; if the provider rejects it, each separately, so that only the bad text fails."""
    if not read:
        return []
    try:
        return _embed_batch(read)
    except ProviderUnavailable as error:
        return [_build_failure(one, error, retry_after_s=error.retry_after_s) for one in read]
    except ProviderRejected as error:
        if len(read) == 1:
            return [_build_failure(read[0], error, is_final=True)]
        return [result for one in read for result in _embed_or_split([one])]


def _embed_batch(read: Sequence[EmbeddingResult]) -> list[EmbeddingResult]:
    provider = get_provider(read[0].language.code)
    vectors = iter(provider.embed_documents([text for one in read for text in one.passages]))
    return [replace(one, vectors=[next(vectors) for _ in one.passages]) for one in read]


def _build_failure(one: EmbeddingResult, error: ProviderError, **how: Any) -> EmbeddingResult:
    return replace(one, error=error.code, **how)


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
    Memory.objects.filter(pk=one.memory.pk).update(
        index_state=IndexState.FAILED if gives_up else IndexState.PENDING,
        index_due_at=Now() + wait,
        index_leased_by=None,
        index_error=one.error,
    )
    if gives_up:
        logger.error("could not embed memory %s: %s", one.memory.pk, one.error)


def _compute_backoff(attempts: int, retry_after_s: float | None) -> float:
    """Return the exponential backoff from INDEXING_FIRST_WAIT_S with jitter, at least the provider's Retry-After."""
    doubled: float = settings.INDEXING_FIRST_WAIT_S * 2 ** min(attempts - 1, 20)
    jittered = min(MAX_BACKOFF_S, doubled) * random.uniform(0.5, 1.5)  # noqa: S311  (not a secret)
    return max(jittered, min(retry_after_s or 0.0, MAX_BACKOFF_S))
