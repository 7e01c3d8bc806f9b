"""What search reads: passages with their words and vectors. A memory whose version has no vector yet *is* the job.

Words are stored in the transaction that writes the memory; the worker (worker.py) adds the vectors.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from accounts.consent import embeddings as embedding_consent
from accounts.keys import get_person_key, get_server_key
from accounts.models import User
from memories.index import keywords, vectors
from memories.index.passages import split_passages
from memories.models import EmbeddingSpace, IndexState, Memory, MemoryVector
from memories.providers.embeddings import get_provider

CHANNEL = "picard_indexing"
KEYWORD_SCHEME = (
    "words-1"  # to be raised when keywords.py makes other words of a text: everything is indexed anew
)


def get_space_identity() -> str:
    """The name of the active embedding space. Vectors of another space are no answer to this provider's queries."""
    active = get_provider()
    return f"{active.identity}|{active.dimensions}|{KEYWORD_SCHEME}|{settings.SEARCH_LANGUAGE}"


def get_active_space() -> EmbeddingSpace:
    return EmbeddingSpace.objects.get_or_create(identity=get_space_identity())[0]


def _get_withheld_identity() -> str:
    """The name of the space of what the active provider may not read: without vectors, in words of this language."""
    return f"withheld|{get_space_identity()}"


def get_current_identities() -> list[str]:
    """The names of the spaces for which nothing need be indexed anew."""
    return [
        get_space_identity(),
        *([_get_withheld_identity()] if embedding_consent.is_consent_required() else []),
    ]


def store_keywords(memories: Sequence[Memory]) -> None:
    """Make changed memories findable by their words, in place of those of an earlier text."""
    _select_stored_rows(memories).delete()
    MemoryVector.objects.bulk_create(build_passage_rows(memories), batch_size=1_000)


def build_passage_rows(memories: Iterable[Memory]) -> list[MemoryVector]:
    """The rows by which memories are found by their words, not stored, in order."""
    return [row for memory in memories for row in _build_rows(memory, split_passages(memory.text))]


def store_vectors(
    memories: Sequence[Memory],
    texts: Sequence[Sequence[str]],
    embedded: Sequence[Sequence[Sequence[float]]],
    space: EmbeddingSpace,
) -> None:
    """Put the vectors of each memory's passages in place of what stood for it. In the caller's transaction."""
    rows = []
    for memory, its_passages, its_vectors in zip(memories, texts, embedded, strict=True):
        stored = (
            its_vectors
            if memory.is_public
            else vectors.rotate_vectors(its_vectors, get_person_key(memory.owner_id).vector_rotation_key)
        )
        for row, vector in zip(_build_rows(memory, its_passages), stored, strict=True):
            row.space, row.embedding = space, vectors.StoredVector(vector)
            rows.append(row)
    _select_stored_rows(memories).delete()
    MemoryVector.objects.bulk_create(rows, batch_size=1_000)


def store_flags(memory: Memory) -> None:
    """Carry what restricts a search (trash, expiry) over to the passages."""
    _select_stored_rows([memory]).update(
        is_trashed=memory.deleted_at is not None, expires_at=memory.expires_at
    )


def rekey_memory(memory: Memory) -> None:
    """After a change of visibility: words under the other key, vectors out of or into the person's rotation."""
    turn = vectors.unrotate_vectors if memory.is_public else vectors.rotate_vectors
    rotation = get_person_key(memory.owner_id).vector_rotation_key
    stored = {row.passage: row for row in _select_stored_rows([memory])}
    rows = _build_rows(memory, split_passages(memory.text))
    for row in rows:
        before = stored.get(row.passage)
        if before is not None and before.embedding is not None:
            row.space_id = before.space_id
            row.embedding = vectors.StoredVector(*turn([before.embedding], rotation))
    _select_stored_rows([memory]).delete()
    MemoryVector.objects.bulk_create(rows)
    if (
        memory.is_public
        and memory.index_state == IndexState.READY
        and any(row.embedding is None for row in rows)
    ):
        memory.index_state = IndexState.PENDING  # it was withheld from the provider while it was private
        enqueue_memories(Memory.objects.filter(pk=memory.pk))


def _select_stored_rows(memories: Sequence[Memory]) -> QuerySet[MemoryVector]:
    """What is stored of them. Owners are named, so that each machine that holds some of them is asked for its own."""
    owners = {memory.owner_id for memory in memories}
    return MemoryVector.objects.filter(owner_id__in=owners, memory__in=memories)


def _build_rows(memory: Memory, texts: Sequence[str]) -> list[MemoryVector]:
    key = (
        get_server_key().keyword_hash_key
        if memory.is_public
        else get_person_key(memory.owner_id).keyword_hash_key
    )
    days = keywords.hash_words(keywords.get_day_words(memory.created_at.astimezone(UTC).date()), key)
    return [
        MemoryVector(
            memory=memory,
            passage=number,
            owner_id=memory.owner_id,
            is_public=memory.is_public,
            is_trashed=memory.deleted_at is not None,
            expires_at=memory.expires_at,
            tokens=keywords.hash_words(keywords.extract_words(text), key) + days,
            sequence=_get_sequence(memory),
        )
        for number, text in enumerate(texts)
    ]


def _get_sequence(memory: Memory) -> int | None:
    """The memory's number among all that follow one another: each conversation starts at a random one of its own."""
    if memory.conversation is None or memory.position is None:
        return None
    start = hashlib.sha256(memory.conversation.bytes).digest()[:8]
    return int.from_bytes(start, "big", signed=True) // 2 + memory.position  # far from the ends of a bigint


# --- The queue ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backlog:
    """How many memories wait for their vectors, and how many the worker gave up."""

    pending: int
    failed: int


def get_backlog() -> Backlog:
    counts = Memory.objects.exclude(index_state=IndexState.READY).aggregate(
        pending=Count("pk", filter=Q(index_state=IndexState.PENDING)),
        failed=Count("pk", filter=Q(index_state=IndexState.FAILED)),
    )
    return Backlog(**counts)


def enqueue_memories(memories: QuerySet[Memory]) -> int:
    """Make a queryset of memories due now; returns how many."""
    count = memories.update(
        index_state=IndexState.PENDING,
        index_attempts=0,
        index_due_at=Now(),
        index_leased_by=None,
        index_error="",
    )
    wake_workers_on_commit()
    return count


def enqueue_other_spaces() -> int:
    """Queue every memory that was indexed for another model, or in another language, than are set; returns how many."""
    others = EmbeddingSpace.objects.exclude(identity__in=get_current_identities())
    if not others.exists():
        return 0
    stale = MemoryVector.objects.filter(space__in=others).values("memory_id")
    return enqueue_memories(Memory.objects.filter(index_state=IndexState.READY, pk__in=stale))


def enqueue_withheld(person: User) -> int:
    """Queue this person's memories that no provider was let read; returns how many.

    Those too that a worker has taken: it may be leaving them to their words just now, by what it was told before.
    """
    unread = MemoryVector.objects.filter(owner_id=person.pk, embedding=None).values("memory_id")
    taken = Q(index_leased_by__isnull=False)
    return enqueue_memories(
        Memory.objects.filter(taken | Q(index_state=IndexState.READY, pk__in=unread), owner=person)
    )


def index_keywords_only(memories: Sequence[Memory]) -> None:
    """These are found by their words alone: their person lets no provider read them. What an earlier one made goes."""
    # Anew: the language may be another, and the day of an import is set behind its words.
    store_keywords(memories)
    space, _is_new = EmbeddingSpace.objects.get_or_create(identity=_get_withheld_identity())
    _select_stored_rows(memories).update(space=space)
    mark_indexed(memories)


def mark_indexed(memories: Sequence[Memory]) -> None:
    """Nothing is left to do about them."""
    Memory.objects.filter(pk__in=[memory.pk for memory in memories]).update(
        index_state=IndexState.READY, index_leased_by=None, index_attempts=0, index_error=""
    )


def wake_workers_on_commit() -> None:
    """Tell the workers, once the row can be seen, that something is due."""
    transaction.on_commit(wake_workers)


def wake_workers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"notify {CHANNEL}")


def is_last_attempt(memory: Memory) -> bool:
    limit: int = settings.INDEXING_MAX_ATTEMPTS
    return memory.index_attempts >= limit
