"""mem0's REST server on Picard's PostgreSQL, with `infer=False`, so that no model rewrites memories.

The server is not a package but the folder `server` of mem0's repository: FOLDER_VARIABLE names it. It is called with
its administrator's key, because it checks a user's key by bcrypt, which is slow by design.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.peers.runner import PEERS_PYTHON
from benchmarks.servers import processes
from benchmarks.whole.calls import REST, RESULT_COUNT, Call, RunningServer, build_post
from benchmarks.whole.setup import (
    KEY,
    ServerNotRun,
    Setup,
    build_variables,
    create_server_database,
    find_python,
    post,
    read_versions,
)
from memories.providers.embeddings_local import DIMENSIONS

FOLDER_VARIABLE = "MEM0_SERVER"
DATABASE, APP_DATABASE = "mem0_memories", "mem0_app"
MIGRATE = "from alembic.config import main; main(['upgrade', 'head'])"
AUTHORIZATION = (f"X-API-Key: {KEY}",)
START_TIMEOUT_S = 60


@contextlib.contextmanager
def run_mem0(setup: Setup) -> Iterator[RunningServer]:
    python = find_python(PEERS_PYTHON, "mem0", "slowapi")
    folder = Path(os.environ.get(FOLDER_VARIABLE, "missing")).resolve()
    if not (folder / "main.py").exists():
        raise ServerNotRun(
            f"not a package: {FOLDER_VARIABLE} must name the folder `server` of mem0's repository"
        )
    port = processes.find_free_port()
    variables = _build_variables(setup)
    _migrate(python, folder, variables)
    command = [
        python, "-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning",
    ]  # fmt: skip
    with processes.run_server("mem0", command, port, setup.log, variables=variables, folder=folder):
        _configure(port, setup.embeddings_url)
        yield RunningServer(
            searches={
                REST: Call(
                    port, _search, b'"memory":',
                    read_texts=lambda answer: [hit["memory"] for hit in answer["results"]],
                )
            },
            additions={REST: Call(port, _add, b'"event":"ADD"')},
            versions=read_versions(python, ("mem0ai",)),
            note="its administrator's key, `infer=False`; embeds by an endpoint with Picard's model.",
        )  # fmt: skip


def _build_variables(setup: Setup) -> dict[str, str]:
    """Return the server's variables. Its host is empty, so that libpq takes the socket's folder from PGHOST."""
    database = create_server_database(DATABASE)
    create_server_database(APP_DATABASE)
    return build_variables(
        setup.folder,
        PGHOST=database["PGHOST"],
        POSTGRES_HOST="",
        POSTGRES_PORT=database["PGPORT"],
        POSTGRES_USER=database["PGUSER"],
        POSTGRES_PASSWORD=database["PGPASSWORD"],
        POSTGRES_DB=DATABASE,
        APP_DB_NAME=APP_DATABASE,
        ADMIN_API_KEY=KEY,
        JWT_SECRET=KEY * 2,
        OPENAI_API_KEY="unused",
        OPENAI_BASE_URL=setup.embeddings_url,
        HISTORY_DB_PATH=str(setup.folder / "history.db"),
        MEM0_DIR=str(setup.folder),
        MEM0_TELEMETRY="false",
        MEM0_TELEMETRY_STATE_PATH=str(setup.folder / "telemetry.json"),
    )


def _migrate(python: str, folder: Path, variables: Mapping[str, str]) -> None:
    """Raises ServerNotRun with the end of the output if it fails."""
    process = subprocess.run(
        [python, "-c", MIGRATE], cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True,
        timeout=START_TIMEOUT_S, check=False,
    )  # fmt: skip
    if process.returncode:
        raise ServerNotRun(f"its migrations failed: {process.stderr[-300:]}")


def _configure(port: int, embeddings_url: str) -> None:
    """Set the embedder and its dimensions, which no variable sets."""
    embedder = {"model": "minilm", "openai_base_url": embeddings_url, "embedding_dims": DIMENSIONS}
    store = {"collection_name": "measured", "embedding_model_dims": DIMENSIONS}
    body = {"embedder": {"config": embedder}, "vector_store": {"config": store}}
    post(port, "/configure", body, {"X-API-Key": KEY})


def _search(owner: str, question: str) -> bytes:
    body = {"query": question, "filters": {"user_id": owner}, "top_k": RESULT_COUNT}
    return build_post("/search", body, AUTHORIZATION)


def _add(owner: str, text: str) -> bytes:
    body = {"messages": [{"role": "user", "content": text}], "user_id": owner, "infer": False}
    return build_post("/memories", body, AUTHORIZATION)
