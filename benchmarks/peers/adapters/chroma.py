"""Chroma, in process with a folder: one collection filtered by owner, or one collection per owner."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from benchmarks.peers.adapters.base import RESULT_COUNT, StorageLocation, count_folder_bytes
from benchmarks.peers.work import VectorLookup, Workload

BATCH_SIZE = 2_000


class _ChromaAdapter:
    packages = ("chromadb",)

    def __init__(self, work: Workload, location: StorageLocation) -> None:
        import chromadb
        from chromadb.config import Settings

        self._location = location
        self._lookup = VectorLookup(work)
        self._client = chromadb.PersistentClient(str(location.folder), Settings(anonymized_telemetry=False))
        self.ways = {"search": self._search_memories}

    def bytes_on_disk(self) -> int:
        return count_folder_bytes(self._location.folder)

    def add_one(self, owner: str, text: str) -> None:
        self.add_many(owner, [text])

    def add_many(self, owner: str, texts: Sequence[str]) -> None:
        self._add_memories([(owner, text) for text in texts])

    def _add_memories(self, memories: Sequence[tuple[str, str]]) -> None:
        self._get_collection(memories[0][0]).add(
            ids=[str(uuid4()) for _ in memories],
            documents=[text for _, text in memories],
            embeddings=self._lookup.embed_documents([text for _, text in memories]),
            metadatas=[{"owner": owner} for owner, _ in memories],
        )

    def _search_memories(self, owner: str, question: str) -> list[str]:
        results = self._get_collection(owner).query(
            query_embeddings=[self._lookup.embed_query(question)],
            n_results=RESULT_COUNT,
            where=self._build_filter(owner),
            include=["documents", "distances"],
        )
        documents: list[str] = results["documents"][0]
        return documents

    def _create_collection(self, name: str) -> object:
        return self._client.get_or_create_collection(
            name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def _get_collection(self, owner: str) -> Any:
        raise NotImplementedError

    def _build_filter(self, owner: str) -> dict[str, object] | None:
        raise NotImplementedError


class OneCollection(_ChromaAdapter):
    def __init__(self, work: Workload, location: StorageLocation) -> None:
        super().__init__(work, location)
        self._collection = self._create_collection("memories")

    def fill(self, work: Workload) -> None:
        memories = [(owner, text) for owner, texts in work.texts_by_batch() for text in texts]
        for first in range(0, len(memories), BATCH_SIZE):
            self._add_memories(memories[first : first + BATCH_SIZE])

    def _get_collection(self, owner: str) -> Any:
        return self._collection

    def _build_filter(self, owner: str) -> dict[str, object] | None:
        return {"owner": owner}


class CollectionPerOwner(_ChromaAdapter):
    def __init__(self, work: Workload, location: StorageLocation) -> None:
        super().__init__(work, location)
        self._collections: dict[str, object] = {}

    def fill(self, work: Workload) -> None:
        for owner, texts in work.texts_by_owner():
            for first in range(0, len(texts), BATCH_SIZE):
                self.add_many(owner, texts[first : first + BATCH_SIZE])

    def _get_collection(self, owner: str) -> Any:
        if owner not in self._collections:
            self._collections[owner] = self._create_collection(owner)
        return self._collections[owner]

    def _build_filter(self, owner: str) -> dict[str, object] | None:
        return None
