"""mcp-memory-service on sqlite-vec, its default, each owner one of its stores. Its storage is asked, not its server."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from benchmarks.peers.adapters.base import FOUND, StorageLocation, count_folder_bytes
from benchmarks.peers.work import VectorLookup, Workload

AT_ONCE = 2_000


class McpMemory:
    packages = ("mcp-memory-service", "sqlite-vec")

    def __init__(self, work: Workload, place: StorageLocation) -> None:
        _replace_sqlite3()
        os.environ.update(MCP_MEMORY_BASE_DIR=str(place.folder))
        from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage

        self._place = place
        self._storage: Any = SqliteVecMemoryStorage(str(place.folder / "memories.db"))
        look_up = VectorLookup(work)

        async def give_model() -> None:
            self._storage.embedding_model = _EmbeddingModel(look_up)

        self._storage._initialize_embedding_model = give_model
        self._loop = asyncio.new_event_loop()
        self._run_coroutine(self._storage.initialize())
        self.ways = {"search": self._search_memories}

    def fill(self, work: Workload) -> None:
        for owner, texts in work.texts_by_owner():
            for first in range(0, len(texts), AT_ONCE):
                self.add_many(owner, texts[first : first + AT_ONCE])

    def add_one(self, owner: str, text: str) -> None:
        done, said = self._run_coroutine(self._storage.store(_build_memory(text), store=owner))
        if not done:
            raise RuntimeError(said)

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        for done, said in self._run_coroutine(
            self._storage.store_batch([_build_memory(text) for text in texts], store=owner)
        ):
            if not done:
                raise RuntimeError(said)

    def bytes_on_disk(self) -> int:
        return count_folder_bytes(self._place.folder)

    def _search_memories(self, owner: str, question: str) -> list[str]:
        found = self._run_coroutine(self._storage.retrieve(question, n_results=FOUND, store=owner))
        return [row.memory.content for row in found]

    def _run_coroutine(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(doing)


class _EmbeddingModel:
    """What it asks of a model."""

    embedding_dimension = 384

    def __init__(self, look_up: VectorLookup) -> None:
        self._look_up = look_up

    def encode(self, texts: Sequence[str], convert_to_numpy: bool = False) -> Any:
        import numpy as np

        return np.asarray([self._look_up.embed_query(text) for text in texts], np.float32)


def _replace_sqlite3() -> None:
    """Some builds of Python have one that cannot."""
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        import pysqlite3

        sys.modules["sqlite3"] = pysqlite3


def _build_memory(text: str) -> Any:
    from mcp_memory_service.models.memory import Memory
    from mcp_memory_service.utils.hashing import generate_content_hash

    return Memory(content=text, content_hash=generate_content_hash(text))
