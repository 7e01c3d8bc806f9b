"""mcp-memory-service on its default sqlite-vec, one store per owner. Calls its storage, not its server."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from benchmarks.peers.adapters.base import RESULT_COUNT, StorageLocation, count_folder_bytes
from benchmarks.peers.work import VectorLookup, Workload

BATCH_SIZE = 2_000


class McpMemory:
    packages = ("mcp-memory-service", "sqlite-vec")

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        _replace_sqlite3()
        os.environ.update(MCP_MEMORY_BASE_DIR=str(location.folder))
        from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage

        self._location = location
        self._storage: Any = SqliteVecMemoryStorage(str(location.folder / "memories.db"))
        lookup = VectorLookup(work)

        async def set_model() -> None:
            self._storage.embedding_model = _EmbeddingModel(lookup)

        self._storage._initialize_embedding_model = set_model
        self._loop = asyncio.new_event_loop()
        self._run_coroutine(self._storage.initialize())
        self.ways = {"search": self._search_memories}

    def fill(self, work: Workload) -> None:
        for owner, texts in work.texts_by_owner():
            for first in range(0, len(texts), BATCH_SIZE):
                self.add_many(owner, texts[first : first + BATCH_SIZE])

    def add_one(self, owner: str, text: str) -> None:
        is_done, message = self._run_coroutine(self._storage.store(_build_memory(text), store=owner))
        if not is_done:
            raise RuntimeError(message)

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        for is_done, message in self._run_coroutine(
            self._storage.store_batch([_build_memory(text) for text in texts], store=owner)
        ):
            if not is_done:
                raise RuntimeError(message)

    def bytes_on_disk(self) -> int:
        return count_folder_bytes(self._location.folder)

    def _search_memories(self, owner: str, question: str) -> list[str]:
        rows = self._run_coroutine(self._storage.retrieve(question, n_results=RESULT_COUNT, store=owner))
        return [row.memory.content for row in rows]

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)


class _EmbeddingModel:
    """The part of a model's interface that the service uses."""

    embedding_dimension = 384

    def __init__(self, lookup: VectorLookup) -> None:
        self._lookup = lookup

    def encode(self, texts: Sequence[str], convert_to_numpy: bool = False) -> Any:
        import numpy as np

        return np.asarray([self._lookup.embed_query(text) for text in texts], np.float32)


def _replace_sqlite3() -> None:
    """Use pysqlite3 if Python's sqlite3 cannot load extensions."""
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        import pysqlite3

        sys.modules["sqlite3"] = pysqlite3


def _build_memory(text: str) -> Any:
    from mcp_memory_service.models.memory import Memory
    from mcp_memory_service.utils.hashing import generate_content_hash

    return Memory(content=text, content_hash=generate_content_hash(text))
