"""mem0: `infer=False`, so that no model rewrites what is kept; pgvector with HNSW, as it is by default."""

import os
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.adapters.base import FOUND, StorageLocation
from benchmarks.peers.adapters.postgres import (
    count_table_bytes,
    enable_iterative_scan,
    suspend_vector_indexes,
)
from benchmarks.peers.work import DIMENSIONS, VectorLookup, Workload

AT_ONCE = 1_000


class Mem0:
    packages = ("mem0ai", "psycopg")

    def __init__(self, work: Workload, place: StorageLocation) -> None:
        self._place = place
        self._look_up = VectorLookup(work)
        self._memory = self._open_memory(place.dsn, "history.db")
        further = self._open_memory(enable_iterative_scan(place.dsn), "other-history.db")
        self.ways = {
            "search": _build_search(self._memory),
            "search, iterative scan": _build_search(further),
            "vector store": self._build_vector_search(self._memory),
            "vector store, iterative scan": self._build_vector_search(further),
        }

    def _open_memory(self, dsn: str, history: str) -> Any:
        _disable_telemetry(self._place)
        from mem0 import Memory

        store = {"connection_string": dsn, "embedding_model_dims": DIMENSIONS, "collection_name": "memories"}
        memory = Memory.from_config(
            {
                "vector_store": {"provider": "pgvector", "config": store},
                "history_db_path": str(self._place.folder / history),
            }
        )
        memory.embedding_model = _Embedder(self._look_up)
        memory.vector_store.list_cols()
        return memory

    def fill(self, work: Workload) -> None:
        """By `add`, its rows gathered and inserted many at once, and without the history of changes that it keeps in
        SQLite, which is written row by row."""
        rows: list[tuple[Any, Any, Any]] = []
        store, history = self._memory.vector_store, self._memory.db
        insert, add_history = store.insert, history.add_history
        store._ensure_collection()
        store.insert = lambda vectors, payloads, ids: rows.append((vectors[0], payloads[0], ids[0]))
        history.add_history = lambda *_, **__: None
        with suspend_vector_indexes(self._place.dsn):
            for owner, texts in work.texts_by_batch():
                self._add_texts(owner, texts)
                if len(rows) >= AT_ONCE:
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
        return count_table_bytes(self._place.dsn)

    def _add_texts(self, owner: str, texts: Sequence[str]) -> None:
        self._memory.add([{"role": "user", "content": text} for text in texts], user_id=owner, infer=False)

    def _build_vector_search(self, memory: Any) -> object:
        """Its inmost layer: neither its search by words nor its ranking of sixty candidates."""

        def search(owner: str, question: str) -> list[str]:
            vector = self._look_up.embed_query(question)
            found = memory.vector_store.search(question, vector, top_k=FOUND, filters={"user_id": owner})
            return [row.payload["data"] for row in found]

        return search


def _build_search(memory: Any) -> Any:
    def search(owner: str, question: str) -> list[str]:
        found = memory.search(question, top_k=FOUND, filters={"user_id": owner}, threshold=0.0)
        return [row["memory"] for row in found["results"]]

    return search


class _Embedder:
    """What mem0 asks of an embedder."""

    def __init__(self, look_up: VectorLookup) -> None:
        self._look_up = look_up

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self._look_up.embed_query(text)

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text) for text in texts]


def _disable_telemetry(place: StorageLocation) -> None:
    """No reports of use to its makers, no notices from them, no model: nothing leaves this machine."""
    os.environ.update(
        MEM0_TELEMETRY="False", MEM0_DIR=str(place.folder), OPENAI_API_KEY="none: nothing asks it"
    )
    from mem0.memory import notices

    notices._fetch_remote_config = lambda: None
