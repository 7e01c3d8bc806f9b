"""mem0 with its default pgvector and HNSW, and `infer=False`, so that no model rewrites memories."""

import os
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.adapters.base import RESULT_COUNT, StorageLocation
from benchmarks.peers.adapters.postgres import (
    count_table_bytes,
    enable_iterative_scan,
    suspend_vector_indexes,
)
from benchmarks.peers.work import DIMENSIONS, VectorLookup, Workload

BATCH_SIZE = 1_000


class Mem0:
    packages = ("mem0ai", "psycopg")

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        self._location = location
        self._lookup = VectorLookup(work)
        self._memory = self._open_memory(location.dsn, "history.db")
        iterative_memory = self._open_memory(enable_iterative_scan(location.dsn), "other-history.db")
        self.ways = {
            "search": _build_search(self._memory),
            "search, iterative scan": _build_search(iterative_memory),
            "vector store": self._build_vector_search(self._memory),
            "vector store, iterative scan": self._build_vector_search(iterative_memory),
        }

    def _open_memory(self, dsn: str, history: str) -> Any:
        _disable_telemetry(self._location)
        from mem0 import Memory

        store = {"connection_string": dsn, "embedding_model_dims": DIMENSIONS, "collection_name": "memories"}
        memory = Memory.from_config(
            {
                "vector_store": {"provider": "pgvector", "config": store},
                "history_db_path": str(self._location.folder / history),
            }
        )
        memory.embedding_model = _Embedder(self._lookup)
        memory.vector_store.list_cols()
        return memory

    def fill(self, work: Workload) -> None:
        """Use `add` with its rows inserted in batches, and without its history in SQLite, which is written by row."""
        rows: list[tuple[Any, Any, Any]] = []
        store, history = self._memory.vector_store, self._memory.db
        insert, add_history = store.insert, history.add_history
        store._ensure_collection()
        store.insert = lambda vectors, payloads, ids: rows.append((vectors[0], payloads[0], ids[0]))
        history.add_history = lambda *_, **__: None
        with suspend_vector_indexes(self._location.dsn):
            for owner, texts in work.texts_by_batch():
                self._add_texts(owner, texts)
                if len(rows) >= BATCH_SIZE:
                    insert(*map(list, zip(*rows, strict=True)))
                    rows.clear()
            if rows:
                insert(*map(list, zip(*rows, strict=True)))
        store.insert, history.add_history = insert, add_history

    def add_one(self, owner: str, text: str) -> None:
        self._memory.add(text, user_id=owner, infer=False)

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        self._add_texts(owner, texts)

    def bytes_on_disk(self) -> int:
        return count_table_bytes(self._location.dsn)

    def _add_texts(self, owner: str, texts: Sequence[str]) -> None:
        self._memory.add([{"role": "user", "content": text} for text in texts], user_id=owner, infer=False)

    def _build_vector_search(self, memory: Any) -> object:
        """Search its vector store directly, without its keyword search and its ranking of sixty candidates."""

        def search(owner: str, question: str) -> list[str]:
            vector = self._lookup.embed_query(question)
            results = memory.vector_store.search(
                question, vector, top_k=RESULT_COUNT, filters={"user_id": owner}
            )
            return [row.payload["data"] for row in results]

        return search


def _build_search(memory: Any) -> Any:
    def search(owner: str, question: str) -> list[str]:
        results = memory.search(question, top_k=RESULT_COUNT, filters={"user_id": owner}, threshold=0.0)
        return [row["memory"] for row in results["results"]]

    return search


class _Embedder:
    """The part of an embedder's interface that mem0 uses."""

    def __init__(self, lookup: VectorLookup) -> None:
        self._lookup = lookup

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self._lookup.embed_query(text)

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text) for text in texts]


def _disable_telemetry(location: StorageLocation) -> None:
    """Disable telemetry, notices and models, so that nothing leaves this machine."""
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(location.folder), OPENAI_API_KEY="unused")
    from mem0.memory import notices

    notices._fetch_remote_config = lambda: None
