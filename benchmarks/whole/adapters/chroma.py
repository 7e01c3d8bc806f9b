"""Chroma's own server, one collection filtered by user. Its clients embed, so it is given vectors."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from uuid import uuid4

from benchmarks.peers.runner import PEERS_PYTHON
from benchmarks.servers import processes
from benchmarks.whole.calls import REST, RESULT_COUNT, Call, RunningServer, build_post
from benchmarks.whole.setup import Setup, build_variables, find_python, post, read_versions
from memories.providers.embeddings_local import LocalEmbeddings

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
START_CHROMA = "from chromadb.cli.cli import app; app()"


@contextlib.contextmanager
def run_chroma(setup: Setup) -> Iterator[RunningServer]:
    python = find_python(PEERS_PYTHON, "chromadb")
    port = processes.find_free_port()
    command = [
        python, "-c", START_CHROMA, "run", "--host", "127.0.0.1", "--port", str(port),
        "--path", str(setup.folder / "data"),
    ]  # fmt: skip
    vectors = _Vectors(setup)
    with processes.run_server(
        "chromadb", command, port, setup.log, variables=build_variables(setup.folder), folder=setup.folder
    ):
        collection = f"{COLLECTIONS}/{_create_collection(port)}"

        def search(owner: str, question: str) -> bytes:
            body = {
                "query_embeddings": [vectors.get_vector(question)], "n_results": RESULT_COUNT,
                "where": {"owner": owner}, "include": ["documents", "distances"],
            }  # fmt: skip
            return build_post(f"{collection}/query", body)

        def add(owner: str, text: str) -> bytes:
            body = {
                "ids": [str(uuid4())], "documents": [text], "embeddings": [vectors.get_vector(text)],
                "metadatas": [{"owner": owner}],
            }  # fmt: skip
            return build_post(f"{collection}/add", body)

        yield RunningServer(
            searches={
                REST: Call(port, search, b'"documents":[["', read_texts=lambda answer: answer["documents"][0])
            },
            additions={REST: Call(port, add, b"{", status=201)},
            versions=read_versions(python, ("chromadb",)),
            note="does not embed: its clients do, so its requests contain vectors. No key.",
            embeds=False,
        )


class _Vectors:
    """Vectors of memories and questions by Picard's model. Spare texts get those of the memories, in turns."""

    def __init__(self, setup: Setup) -> None:
        texts = [text for _, text in setup.work.memories]
        questions = [question.text for question in setup.work.questions]
        embedded = [
            vector or [0.0] * LocalEmbeddings.dimensions
            for vector in LocalEmbeddings().embed_documents(texts + questions)
        ]
        self._by_text = dict(zip(texts + questions, embedded, strict=True))
        self._by_text |= zip(setup.work.spare, itertools.cycle(embedded[: len(texts)]))

    def get_vector(self, text: str) -> list[float]:
        return self._by_text[text]


def _create_collection(port: int) -> str:
    """Create the collection and return its ID."""
    _, content = post(port, COLLECTIONS, {"name": "memories", "configuration": {"hnsw": {"space": "cosine"}}})
    return str(json.loads(content)["id"])
