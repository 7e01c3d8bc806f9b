"""LangGraph's PostgresStore with its default vector index (HNSW), and one namespace per owner."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from benchmarks.peers.adapters.base import RESULT_COUNT, StorageLocation
from benchmarks.peers.adapters.postgres import (
    count_table_bytes,
    enable_iterative_scan,
    suspend_vector_indexes,
)
from benchmarks.peers.work import DIMENSIONS, VectorLookup, Workload

BATCHES_AT_ONCE = 50


class LangGraph:
    packages = ("langgraph-checkpoint-postgres", "langgraph-checkpoint", "psycopg")

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        self._location = location
        self._index = {"dims": DIMENSIONS, "embed": _build_embedder(VectorLookup(work)), "fields": ["text"]}
        self._contexts = [
            self._open_store(location.dsn),
            self._open_store(enable_iterative_scan(location.dsn)),
        ]
        self._store, iterative_store = (each.__enter__() for each in self._contexts)
        self._store.setup()
        self.ways = {
            "search": _build_search(self._store),
            "search, iterative scan": _build_search(iterative_store),
        }

    def _open_store(self, dsn: str) -> Any:
        from langgraph.store.postgres import PostgresStore

        return PostgresStore.from_conn_string(dsn, index=self._index)

    def fill(self, work: Workload) -> None:
        batches = list(work.texts_by_batch())
        with suspend_vector_indexes(self._location.dsn):
            for first in range(0, len(batches), BATCHES_AT_ONCE):
                chunk = batches[first : first + BATCHES_AT_ONCE]
                self._put_memories([(owner, text) for owner, texts in chunk for text in texts])

    def add_one(self, owner: str, text: str) -> None:
        self._store.put(_build_namespace(owner), str(uuid4()), {"text": text})

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        self._put_memories([(owner, text) for text in texts])

    def bytes_on_disk(self) -> int:
        return count_table_bytes(self._location.dsn)

    def _put_memories(self, memories: Sequence[tuple[str, str]]) -> None:
        from langgraph.store.base import PutOp

        self._store.batch(
            [PutOp(_build_namespace(owner), str(uuid4()), {"text": text}) for owner, text in memories]
        )


def _build_namespace(owner: str) -> tuple[str, ...]:
    return ("memories", owner)


def _build_search(store: Any) -> Any:
    def search(owner: str, question: str) -> list[str]:
        results = store.search(_build_namespace(owner), query=question, limit=RESULT_COUNT)
        return [item.value["text"] for item in results]

    return search


def _build_embedder(lookup: VectorLookup) -> Any:
    from langchain_core.embeddings import Embeddings

    class Embedder(Embeddings):
        def embed_query(self, text: str) -> list[float]:
            return lookup.embed_query(text)

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [lookup.embed_query(text) for text in texts]  # it embeds queries this way, too

    return Embedder()
