"""The search index and its work queue. A memory whose current version has no vector yet *is* the job.

Keywords are stored in the transaction that writes the memory; the worker (jobs/indexer.py) adds the vectors.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from accounts.keys import get_person_key, get_server_key
from accounts.models import User
from core.db.time_limits import long_transaction
from memories.index import keywords, spaces, vectors
from memories.index.date_words import get_day_words
from memories.index.languages import Language, get_language, get_owner_language, read_owner_languages
from memories.index.passages import extract_passage_words, split_passages
from memories.index.tag_words import hash_tag_names, read_tag_names
from memories.models import IndexState, Memory, MemoryVector
from memories.providers.embeddings import CONFIGURATION_ERRORS, TRANSIENT_ERRORS

CHANNEL = "picard_indexing"
TURN_PLACES = (
    4_096  # positions that an import leaves for each turn of a conversation: a long one has several parts
)
UNREADABLE = "unreadable"  # the error of a memory whose text cannot be decrypted
INTERNAL_ERROR = "internal_error"  # the worker failed unexpectedly
# Errors that are no fault of the text: the memory waits, and is tried again when the provider answers.
PROVIDER_ERRORS = TRANSIENT_ERRORS | CONFIGURATION_ERRORS | {INTERNAL_ERROR}


def store_keywords(memories: Sequence[Memory]) -> None:
    """Replace the indexed keywords of changed memories."""
    _select_stored_rows(memories).delete()
    MemoryVector.objects.bulk_create(build_passage_rows(memories), batch_size=1_000)


def build_passage_rows(
    memories: Iterable[Memory], tag_names: Mapping[UUID, Sequence[str]] | None = None
) -> list[MemoryVector]:
    """Return unsaved keyword rows of the memories, in order. tag_names: by memory, if not those that are stored."""
    memories = list(memories)
    languages = get_memory_languages(memories)
    names = read_tag_names(memories) if tag_names is None else tag_names
    hashed = _HashedWords()
    return [
        row
        for memory in memories
        for row in _build_text_rows(memory, languages[memory.owner_id], names.get(memory.pk, ()), hashed)
    ]


def store_vectors(
    memories: Sequence[Memory],
    texts: Sequence[Sequence[str]],
    embedded: Sequence[Sequence[Sequence[float] | None]],
    languages: Mapping[UUID, Language],
) -> None:
    """Replace the index rows of each memory by ones with vectors. Needs a transaction.

    texts: the passages of each memory. embedded: their vectors, None for a passage that means nothing to the model.
    languages: by owner, for which they were made.
    """
    rows = []
    names, hashed = read_tag_names(memories), _HashedWords()
    space_of = {language: spaces.get_space(language) for language in set(languages.values())}
    for memory, passages, plain_vectors in zip(memories, texts, embedded, strict=True):
        known = [vector for vector in plain_vectors if vector is not None]
        stored = iter(
            known
            if memory.is_public
            else vectors.rotate_vectors(known, get_person_key(memory.owner_id).vector_rotation_key)
        )
        for row, vector in zip(
            _build_rows(memory, passages, languages[memory.owner_id], names.get(memory.pk, ()), hashed),
            plain_vectors,
            strict=True,
        ):
            row.space = space_of[languages[memory.owner_id]]
            if vector is not None:
                row.embedding = vectors.StoredVector(next(stored))
            rows.append(row)
    _select_stored_rows(memories).delete()
    MemoryVector.objects.bulk_create(rows, batch_size=1_000)


def store_flags(memory: Memory) -> None:
    """Copy a memory's search restrictions (trash, expiry) to its passages."""
    _select_stored_rows([memory]).update(
        is_trashed=memory.deleted_at is not None, expires_at=memory.expires_at
    )


def rekey_memory(memory: Memory) -> None:
    """Rehash keywords and rotate or unrotate vectors after a change of visibility."""
    convert = vectors.unrotate_vectors if memory.is_public else vectors.rotate_vectors
    rotation = get_person_key(memory.owner_id).vector_rotation_key
    stored = {row.passage: row for row in _select_stored_rows([memory]).select_related("space")}
    codes = {row.space.language for row in stored.values() if row.space is not None}
    # As it was split into passages: the owner's language may have changed since.
    names = read_tag_names([memory])
    rows = (
        _build_text_rows(memory, get_language(codes.pop()), names.get(memory.pk, ()), _HashedWords())
        if codes
        else build_passage_rows([memory], names)
    )
    for row in rows:
        previous = stored.get(row.passage)
        if previous is not None and previous.embedding is not None:
            row.space_id = previous.space_id
            row.embedding = vectors.StoredVector(*convert([previous.embedding], rotation))
    _select_stored_rows([memory]).delete()
    MemoryVector.objects.bulk_create(rows)
    if (
        memory.is_public
        and memory.index_state == IndexState.READY
        and any(row.embedding is None for row in rows)
    ):
        memory.index_state = IndexState.PENDING  # withheld from the provider while private
        enqueue_memories(Memory.objects.filter(owner_id=memory.owner_id, pk=memory.pk))


def _select_stored_rows(memories: Sequence[Memory]) -> QuerySet[MemoryVector]:
    """Return the memories' index rows. Filters by owner too, so that a sharded database can route the query."""
    owners = {memory.owner_id for memory in memories}
    return MemoryVector.objects.filter(owner_id__in=owners, memory__in=memories)


def get_memory_languages(memories: Iterable[Memory]) -> dict[UUID, Language]:
    """Return the languages of the memories' owners. Reads those of owners that are not loaded."""
    memories = list(memories)
    loaded = {memory.owner_id: memory.owner for memory in memories if Memory.owner.is_cached(memory)}
    found = {owner_id: get_owner_language(owner) for owner_id, owner in loaded.items()}
    if missing := {memory.owner_id for memory in memories} - found.keys():
        found |= read_owner_languages(missing)
    return found


@dataclass
class _HashedWords:
    """Time zones of owners, and digests of days and tags, which many memories of one statement share."""

    zones: dict[UUID, tzinfo] = field(default_factory=dict)
    days: dict[tuple[date, bytes], list[int]] = field(default_factory=dict)
    tags: dict[tuple[UUID, tuple[str, ...], Language], list[int]] = field(default_factory=dict)

    def find_zone(self, memory: Memory) -> tzinfo:
        """Return the time zone of the memory's owner, whose days are meant by "on Monday"."""
        if memory.owner_id not in self.zones:
            owner = memory.owner if Memory.owner.is_cached(memory) else None
            owner = owner or User.objects.only("time_zone").get(pk=memory.owner_id)
            self.zones[memory.owner_id] = owner.zone
        return self.zones[memory.owner_id]

    def hash_day(self, day: date, key: bytes) -> list[int]:
        if (day, key) not in self.days:
            self.days[day, key] = keywords.hash_words(get_day_words(day), key)
        return self.days[day, key]

    def hash_tags(self, owner_id: UUID, names: tuple[str, ...], language: Language) -> list[int]:
        if (owner_id, names, language) not in self.tags:
            self.tags[owner_id, names, language] = hash_tag_names(owner_id, names, language)
        return self.tags[owner_id, names, language]


def _build_text_rows(
    memory: Memory, language: Language, tag_names: Sequence[str], hashed: _HashedWords
) -> list[MemoryVector]:
    return _build_rows(memory, split_passages(memory.text, language), language, tag_names, hashed)


def _build_rows(
    memory: Memory,
    texts: Sequence[str],
    language: Language,
    tag_names: Sequence[str],
    hashed: _HashedWords,
) -> list[MemoryVector]:
    key = (
        get_server_key().keyword_hash_key
        if memory.is_public
        else get_person_key(memory.owner_id).keyword_hash_key
    )
    days = hashed.hash_day(memory.created_at.astimezone(hashed.find_zone(memory)).date(), key)
    tags = hashed.hash_tags(memory.owner_id, tuple(tag_names), language)
    return [
        MemoryVector(
            memory=memory,
            passage=number,
            owner_id=memory.owner_id,
            is_public=memory.is_public,
            is_trashed=memory.deleted_at is not None,
            expires_at=memory.expires_at,
            tokens=sorted(keywords.hash_words(extract_passage_words(text, language), key) + days + tags),
            sequence=_get_sequence(memory),
        )
        for number, text in enumerate(texts)
    ]


def _get_sequence(memory: Memory) -> int | None:
    """Return the memory's global sequence number: each conversation starts at its own random number.

    Neighbors are those next to each other, since an import leaves gaps (search/ranking.py).
    """
    if memory.conversation is None or memory.position is None:
        return None
    start = hashlib.sha256(memory.conversation.bytes).digest()[:8]
    return int.from_bytes(start, "big", signed=True) // 2 + memory.position  # far from the ends of a bigint


# --- The queue ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backlog:
    """How many memories are waiting for vectors, and how many failed permanently."""

    pending: int
    failed: int


def get_backlog(owner: User | None = None) -> Backlog:
    """Return the backlog of all users or of this one."""
    memories = Memory.objects.all() if owner is None else Memory.objects.filter(owner=owner)
    counts = memories.exclude(index_state=IndexState.READY).aggregate(
        pending=Count("pk", filter=Q(index_state=IndexState.PENDING)),
        failed=Count("pk", filter=Q(index_state=IndexState.FAILED)),
    )
    return Backlog(**counts)


@long_transaction()
def enqueue_memories(memories: QuerySet[Memory], *, attempts: int = 0) -> int:
    """Queue a queryset of memories for indexing now; return how many. attempts: how many count as made."""
    count = memories.update(
        index_state=IndexState.PENDING,
        index_attempts=attempts,
        index_due_at=Now(),
        index_leased_by=None,
        index_error="",
    )
    wake_workers_on_commit()
    return count


def enqueue_withheld(person: User) -> int:
    """Queue this user's memories that were withheld from the provider; return how many.

    Includes memories leased by a worker, which may be withholding them based on the earlier choice.
    """
    unread = MemoryVector.objects.filter(owner_id=person.pk, embedding=None).values("memory_id")
    leased = Q(index_leased_by__isnull=False)
    return enqueue_memories(
        Memory.objects.filter(leased | Q(index_state=IndexState.READY, pk__in=unread), owner=person)
    )


def index_keywords_only(memories: Sequence[Memory]) -> None:
    """Index memories by keyword only, without a provider, and delete earlier vectors."""
    # The language may have changed.
    store_keywords(memories)
    for owner_id, language in get_memory_languages(memories).items():
        own = [memory for memory in memories if memory.owner_id == owner_id]
        _select_stored_rows(own).update(space=spaces.get_withheld_space(language))
    mark_indexed(memories)


def mark_indexed(memories: Sequence[Memory]) -> None:
    """Mark the memories as indexed."""
    owners = {memory.owner_id for memory in memories}
    Memory.objects.filter(owner_id__in=owners, pk__in=[memory.pk for memory in memories]).update(
        index_state=IndexState.READY, index_leased_by=None, index_attempts=0, index_error=""
    )


def wake_workers_on_commit() -> None:
    """Notify the workers on commit that memories are due."""
    transaction.on_commit(wake_workers)


def wake_workers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"notify {CHANNEL}")


def is_last_attempt(memory: Memory) -> bool:
    limit: int = settings.INDEXING_MAX_ATTEMPTS
    return memory.index_attempts >= limit


def is_provider_error(code: str) -> bool:
    """Return whether an error is the provider's, not the text's."""
    return code in PROVIDER_ERRORS
