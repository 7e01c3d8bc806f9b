"""Basic Memory's API on its default SQLite, one project per user. It has no keys.

It writes each memory to a file too, and indexes it for semantic search later.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator

from benchmarks.servers import processes
from benchmarks.whole.calls import REST, RESULT_COUNT, Call, RunningServer, build_post
from benchmarks.whole.setup import (
    PYTHON_312,
    Setup,
    build_variables,
    find_python,
    post,
    read_versions,
    wait_until_idle,
)
from memories.providers.embeddings_local import DIMENSIONS

START = """
import sqlite3, sys
if not hasattr(sqlite3.Connection, "enable_load_extension"):
    import pysqlite3, pysqlite3.dbapi2
    sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"] = pysqlite3, pysqlite3.dbapi2
import uvicorn
uvicorn.run("basic_memory.api.app:app", host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@contextlib.contextmanager
def run_basic_memory(setup: Setup) -> Iterator[RunningServer]:
    python = find_python(PYTHON_312, "basic_memory")
    port = processes.find_free_port()
    variables = build_variables(
        setup.folder,
        BASIC_MEMORY_HOME=str(setup.folder / "notes"),
        BASIC_MEMORY_SEMANTIC_EMBEDDING_PROVIDER="openai",
        BASIC_MEMORY_SEMANTIC_EMBEDDING_MODEL="minilm",
        BASIC_MEMORY_SEMANTIC_EMBEDDING_DIMENSIONS=str(DIMENSIONS),
        BASIC_MEMORY_AUTO_UPDATE="false",
        LOGFIRE_IGNORE_NO_CONFIG="1",
        OPENAI_API_KEY="unused",
        OPENAI_BASE_URL=setup.embeddings_url,
    )
    command = [python, "-c", START, str(port)]
    with processes.run_server(
        "basic-memory", command, port, setup.log, variables=variables, folder=setup.folder
    ) as server:
        projects = {name: _create_project(port, name, str(setup.folder / name)) for name in setup.work.owners}
        numbers = itertools.count()

        def search(owner: str, question: str) -> bytes:
            path = f"/v2/projects/{projects[owner]}/search/?page_size={RESULT_COUNT}"
            return build_post(path, {"text": question, "retrieval_mode": "hybrid"}, method="QUERY")

        def add(owner: str, text: str) -> bytes:
            body = {"title": f"Memory {next(numbers)}", "directory": "memories", "content": text}
            return build_post(f"/v2/projects/{projects[owner]}/knowledge/entities", body)

        yield RunningServer(
            searches={
                REST: Call(
                    port, search, b'"permalink":',
                    read_texts=lambda answer: [hit["content"] or "" for hit in answer["results"]],
                )
            },
            additions={REST: Call(port, add, b'"external_id":', status=202)},
            versions=read_versions(python, ("basic-memory",)),
            note="its API by uvicorn, hybrid search, one project per user, no key; embeds later, by an endpoint with "
            "Picard's model.",
            wait_until_indexed=lambda: wait_until_idle(server),
        )  # fmt: skip


def _create_project(port: int, name: str, path: str) -> str:
    """Create a project and return its ID."""
    _, content = post(port, "/v2/projects/", {"name": name, "path": path, "set_default": False})
    return str(json.loads(content)["new_project"]["external_id"])
