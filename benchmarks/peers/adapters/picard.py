"""Picard through its services, as in a user's session, with and without encryption."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

from django.conf import settings
from django.db import connection

from accounts.actor import Actor, Channel
from accounts.ids import new_id
from accounts.keys import DataKey
from accounts.models import User
from benchmarks import corpus
from benchmarks.corpus import CorpusOwner
from benchmarks.peers.adapters.base import RESULT_COUNT, SearchMethod, StorageLocation
from benchmarks.peers.adapters.postgres import ALL_TABLES
from benchmarks.peers.work import Workload
from benchmarks.servers.processes import run_indexing_worker
from core.db.prepared import fetch_prepared
from memories.index import vectors
from memories.jobs import indexer
from memories.search import ranking
from memories.search.query import BOTH_ARMS, Arm, search_memories
from memories.services import writes
from memories.services.tags import ensure_tags
from memories.services.writes import NewMemory

COUNT_VECTORS = "select count(*) from memories_memoryvector where memory_id = %s and embedding is not null"
WARM_UP = 3
PAUSE_S = 0.05  # between watched memories
POLL_S = 0.001
TIMEOUT_S = 60.0


class Picard:
    """Picard with encryption. `_texts`: texts by memory ID, for the method that loads none."""

    packages: Sequence[str] = ("django", "psycopg", "cryptography")

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        self._actors: dict[str, Actor] = {}
        self._texts: dict[Any, str] = {}
        self._statements: dict[tuple[str, str], tuple[str, list[object]]] = {}
        self.ways: Mapping[str, SearchMethod] = {
            "semantic": partial(self._search_memories, arms={Arm.MEANING}),
            "hybrid": partial(self._search_memories, arms=BOTH_ARMS),
            "vector statement": self._search_by_statement,
        }

    def fill(self, work: Workload) -> None:
        """Write by COPY the rows that the services and the worker would write."""
        import numpy as np

        owners = [self._create_owner(owner, *bounds, work) for owner, bounds in work.owners.items()]
        corpus.write_corpus(owners, connection.settings_dict["NAME"], np.random.default_rng())
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze")

    def _create_owner(self, owner: str, first: int, last: int, work: Workload) -> CorpusOwner:
        user = self._get_actor(owner).person
        ids = [new_id() for _ in range(first, last)]
        self._texts.update(zip(ids, work.texts[first:last], strict=True))
        tag = ensure_tags(user.pk, ["measured"])["measured"]
        return CorpusOwner(user, ids, work.texts[first:last], work.vectors[first:last], tag)

    def add_one(self, owner: str, text: str) -> None:
        writes.create_memory(self._get_actor(owner), text=text)

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        rows = writes.create_memories(self._get_actor(owner), [NewMemory(text) for text in texts])
        self._texts.update((row.pk, text) for row, text in zip(rows, texts, strict=True))

    def bytes_on_disk(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(ALL_TABLES)
            return int(cursor.fetchone()[0])

    def embed_all(self) -> None:
        """Embed all pending memories as the worker does."""
        connection.ensure_connection()
        while indexer.process_batch(connection.connection.info.backend_pid):
            pass

    def until_found(self, owner: str, texts: Sequence[str]) -> list[float]:
        """Measure the milliseconds from adding each memory to its vector being indexed by a running worker."""
        actor = self._get_actor(owner)
        with run_indexing_worker():
            elapsed = [self._time_until_found(actor, text) for text in texts]
        return elapsed[WARM_UP:]

    def _time_until_found(self, actor: Actor, text: str) -> float:
        started_at = time.perf_counter()
        memory = writes.create_memory(actor, text=text)
        with connection.cursor() as cursor:
            while time.perf_counter() < started_at + TIMEOUT_S:
                cursor.execute(COUNT_VECTORS, [memory.pk])
                if cursor.fetchone() != (0,):
                    break
                time.sleep(POLL_S)
        elapsed = time.perf_counter() - started_at
        time.sleep(PAUSE_S)
        return elapsed * 1000

    def _get_actor(self, owner: str) -> Actor:
        if owner not in self._actors:
            user = User.objects.create_user(f"{owner}@example.org", None)
            self._actors[owner] = Actor(user=user, door=Channel.WEB)
        return self._actors[owner]

    def _search_memories(self, owner: str, question: str, arms: Any) -> list[str]:
        return [
            hit.memory.text
            for hit in search_memories(self._get_actor(owner), question, limit=RESULT_COUNT, arms=arms).hits
        ]

    def _search_by_statement(self, owner: str, question: str) -> list[str]:
        """Execute only the statement that ranks by vector; the texts of its IDs are known here."""
        if (owner, question) not in self._statements:
            self._statements[owner, question] = _capture_statement(
                partial(self._search_memories, owner, question)
            )
        return [self._texts[row[0]] for row in fetch_prepared(*self._statements[owner, question])]


class UnsealedPicard(Picard):
    """Picard without encryption: the cipher returns its input, and vectors are not rotated.

    Words are still hashed (an index of plain words would be a different product); tags and tables are the same.
    """

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        super().__init__(work, location)
        connection.settings_dict["NAME"] = location.dsn
        self._open = ExitStack()
        self._open.enter_context(disable_sealing())


@contextmanager
def disable_sealing() -> Iterator[None]:
    import numpy as np

    with (
        mock.patch.object(DataKey, "text_cipher", _NullCipher()),
        mock.patch.object(
            vectors, "build_rotation_matrix", lambda _, dimensions: np.eye(dimensions, dtype=np.float32)
        ),
        mock.patch.object(vectors, "rotate_vectors", lambda rows, _: [list(vector) for vector in rows]),
    ):
        yield


class _NullCipher:
    """A cipher that returns its input, in place of AES-GCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        return data

    decrypt = encrypt


def _capture_statement(search: Callable[[], object]) -> tuple[str, list[Any]]:
    """Capture the ranking statement of a semantic search."""
    statements: list[Any] = []
    original_build = ranking.build_statement

    def capture_statement(*args: Any, **kwargs: Any) -> Any:
        statements.append(original_build(*args, **kwargs))
        return statements[-1]

    with (
        mock.patch.object(settings, "MEMORY_VECTORS_MB", 0),
        mock.patch.object(ranking, "build_statement", capture_statement),
    ):
        search(arms={Arm.MEANING})  # type: ignore[call-arg]
    [ranked] = statements
    return ranked  # type: ignore[no-any-return]
