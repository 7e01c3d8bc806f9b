"""memlord on Picard's PostgreSQL: added to and searched over MCP with API keys, and searched over REST with sessions.

It embeds in process, with ONNX; its folder of models holds Picard's, whose special tokens have the names that memlord
expects.
"""

import contextlib
import itertools
import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.clients import END_OF_HEAD
from benchmarks.servers import processes
from benchmarks.whole.adapters.mcp_session import open_session
from benchmarks.whole.calls import MCP, REST, RESULT_COUNT, Call, RunningServer, build_tool_call
from benchmarks.whole.model_files import write_model
from benchmarks.whole.setup import (
    KEY,
    PYTHON_312,
    ServerNotRun,
    Setup,
    build_variables,
    create_server_database,
    find_python,
    read_versions,
)

DATABASE = "memlord"
SPECIAL_TOKENS = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}
USERS_SCRIPT = Path(__file__).with_name("memlord_users.py")
START_TIMEOUT_S = 120


@contextlib.contextmanager
def run_memlord(setup: Setup) -> Iterator[RunningServer]:
    python = find_python(PYTHON_312, "memlord")
    models = setup.folder / "models"
    write_model(models, renamed=SPECIAL_TOKENS)
    port = processes.find_free_port()
    database = create_server_database(DATABASE)
    login = f"{database['PGUSER']}:{urllib.parse.quote(database['PGPASSWORD'], safe='')}"
    variables = build_variables(
        setup.folder,
        MEMLORD_DB_URL=f"postgresql+asyncpg://{login}@/{DATABASE}?host={database['PGHOST']}",
        MEMLORD_MODEL_DIR=str(models),
        MEMLORD_HOST="127.0.0.1",
        MEMLORD_PORT=str(port),
        MEMLORD_BASE_URL=f"http://127.0.0.1:{port}",
        MEMLORD_OAUTH_JWT_SECRET=KEY * 2,
        MEMLORD_SIM_THRESHOLD="0",
        MEMLORD_LOG_LEVEL="WARNING",
    )
    users = _create_users(python, setup, variables)
    command = [python, "-m", "memlord.main"]
    with processes.run_server("memlord", command, port, setup.log, variables=variables, folder=setup.folder):
        sessions = {
            name: open_session(port, "/mcp", [f"Authorization: Bearer {user['key']}"])
            for name, user in users.items()
        }
        numbers = itertools.count()

        def search(owner: str, question: str) -> bytes:
            cookie = f"Cookie: memlord_session={users[owner]['session']}"
            path = f"/api/search?q={urllib.parse.quote(question)}"
            return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}".encode() + END_OF_HEAD

        def search_by_mcp(owner: str, question: str) -> bytes:
            arguments = {"query": question, "limit": RESULT_COUNT}
            return build_tool_call("/mcp", "retrieve_memory", arguments, sessions[owner])

        def add(owner: str, text: str) -> bytes:
            name = f"{text[:20]} {next(numbers)}"
            arguments = {"content": text, "memory_type": "fact", "name": name, "force": True}
            return build_tool_call("/mcp", "store_memory", arguments, sessions[owner])

        yield RunningServer(
            searches={
                REST: Call(
                    port, search, b'"content":',
                    read_texts=lambda answer: [hit["content"] for hit in answer["results"]],
                ),
                MCP: Call(port, search_by_mcp, b"rrf_score"),
            },
            additions={MCP: Call(port, add, b'"created":true')},
            versions=read_versions(python, ("memlord", "fastmcp")),
            note="REST with a session and 20 results, MCP with an API key and names instead of texts; has no REST to "
            "add with; embeds in process, with Picard's model; its check for near duplicates is off.",
        )  # fmt: skip


def _create_users(python: str, setup: Setup, variables: Mapping[str, str]) -> dict[str, dict[str, str]]:
    process = subprocess.run(
        [python, "-P", str(USERS_SCRIPT), *setup.work.owners], cwd=setup.folder, env={**os.environ, **variables},
        capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False,
    )  # fmt: skip
    if process.returncode:
        raise ServerNotRun(f"its tables or users could not be created: {process.stderr[-300:]}")
    users: dict[str, dict[str, str]] = json.loads(process.stdout)
    return users
