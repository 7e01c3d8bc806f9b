"""Users with many memories, written by COPY: encrypted, with hashed words and rotated vectors as in the services."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.utils import timezone
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql

from accounts.ids import new_id
from accounts.keys import get_person_key
from accounts.models import User
from benchmarks.texts import make_texts
from memories.index import keywords, spaces, vectors
from memories.index.date_words import get_day_words
from memories.index.languages import get_owner_language
from memories.models import IndexState, Memory, MemoryTag, MemoryVector, Tag
from memories.services import tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS = 384
CLUSTERS = 40
CENTRE_LENGTH = (
    0.6  # length of a cluster's centre relative to noise of length 1; cosines within a cluster are about .26
)
TAG_INTERVAL = 5  # every fifth memory has the tag

MEMORY_COLUMNS = (
    "id",
    "owner_id",
    "text",
    "visibility",
    "version",
    "source",
    "index_state",
    "index_attempts",
    "index_error",
)
MEMORY_TYPES = ("uuid", "uuid", "bytea", "varchar", "int4", "varchar", "varchar", "int2", "varchar")
VECTOR_COLUMNS = (
    "memory_id",
    "passage",
    "owner_id",
    "is_public",
    "is_trashed",
    "space_id",
    "embedding",
    "tokens",
)
VECTOR_TYPES = ("uuid", "int2", "uuid", "bool", "bool", "int2", "halfvec", "int8[]")


class FixedVectorProvider:
    """An embedding provider that always returns the vector set by the benchmark."""

    identity = "benchmark"
    dimensions = DIMENSIONS
    vector: Sequence[float] = (1.0,) + (0.0,) * (DIMENSIONS - 1)

    def embed_query(self, text: str) -> list[float]:
        return list(self.vector)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [list(self.vector) for _ in texts]


@dataclass(frozen=True)
class CorpusOwner:
    """An owner with texts and unrotated vectors, held in memory."""

    user: User
    ids: list[UUID]
    texts: list[str]
    vectors: "NDArray[np.float32]"
    tag: Tag


@transaction.atomic
def create_owner(name: str, memories: int, random: "np.random.Generator") -> CorpusOwner:
    """Create the user and a tag in the database; the memories are only built until `write_corpus`."""
    user = User.objects.create_user(f"{name}@example.org", None)
    tag = tags.ensure_tags(user.pk, ["measured"])["measured"]
    ids = [new_id() for _ in range(memories)]
    return CorpusOwner(user, ids, make_texts(memories, random), make_clustered_vectors(memories, random), tag)


def make_clustered_vectors(count: int, random: "np.random.Generator") -> "NDArray[np.float32]":
    """Return unit vectors, one per row, slightly clustered around centres."""
    import numpy as np

    centres = random.standard_normal((CLUSTERS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    noise = random.standard_normal((count, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    points = CENTRE_LENGTH * centres[random.integers(CLUSTERS, size=count)] + noise
    unit: NDArray[np.float32] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return unit


def write_corpus(people: Sequence[CorpusOwner], database: str, random: "np.random.Generator") -> None:
    """Write all memories to a database of the server in shuffled order, as if all owners wrote at the same time."""
    order = random.permutation(sum(len(person.ids) for person in people)).tolist()
    parameters = {**connection.get_connection_params(), "dbname": database}
    with closing(psycopg.connect(**parameters)) as raw_connection, raw_connection.transaction():
        register_vector(raw_connection)
        for model in (
            Memory,
            MemoryVector,
            MemoryTag,
        ):  # COPY does not fill a table that is protected from us
            raw_connection.execute(_set_forced(model, "no force"))
        _copy_rows(
            raw_connection,
            Memory,
            MEMORY_COLUMNS,
            MEMORY_TYPES,
            _shuffle_rows(people, order, _build_memory_rows),
        )
        _copy_rows(
            raw_connection,
            MemoryVector,
            VECTOR_COLUMNS,
            VECTOR_TYPES,
            _shuffle_rows(people, order, _build_vector_rows),
        )
        owner_memory_tag = ("owner_id", "memory_id", "tag_id")
        tag_rows = (
            (person.user.pk, index, person.tag.pk)
            for person in people
            for index in person.ids[::TAG_INTERVAL]
        )
        _copy_rows(raw_connection, MemoryTag, owner_memory_tag, ("uuid",) * 3, tag_rows)
        raw_connection.execute("set constraints all immediate")
        for model in (Memory, MemoryVector, MemoryTag):
            raw_connection.execute(_set_forced(model, "force"))


def _set_forced(model: Any, force: LiteralString) -> sql.Composed:
    statement = sql.SQL("alter table {} {} row level security")
    return statement.format(sql.Identifier(model._meta.db_table), sql.SQL(force))


def _shuffle_rows(
    people: Sequence[CorpusOwner], order: Sequence[int], build_rows: Any
) -> Iterator[tuple[object, ...]]:
    rows = list(itertools.chain.from_iterable(build_rows(person) for person in people))
    return (rows[index] for index in order)


def _build_memory_rows(person: CorpusOwner) -> Iterator[tuple[object, ...]]:
    seal = Memory._meta.get_field("text").seal
    for memory_id, text in zip(person.ids, person.texts, strict=True):
        sealed = bytes(seal(Memory(pk=memory_id, owner_id=person.user.pk), text))
        yield memory_id, person.user.pk, sealed, "private", 1, "web", IndexState.READY.value, 0, ""


def _build_vector_rows(person: CorpusOwner) -> Iterator[tuple[object, ...]]:
    key = get_person_key(person.user.pk)
    rotated = person.vectors @ vectors.build_rotation_matrix(key.vector_rotation_key, DIMENSIONS)
    language = get_owner_language(person.user)
    space = spaces.get_space(language).pk
    day = keywords.hash_words(get_day_words(timezone.now().date()), key.keyword_hash_key)
    for memory_id, text, vector in zip(person.ids, person.texts, rotated, strict=True):
        tokens = keywords.hash_words(keywords.extract_words(text, language), key.keyword_hash_key) + day
        yield memory_id, 0, person.user.pk, False, False, space, HalfVector(vector), sorted(tokens)


def _copy_rows(
    raw_connection: "psycopg.Connection",
    model: Any,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Iterable[tuple[object, ...]],
) -> None:
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with raw_connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
