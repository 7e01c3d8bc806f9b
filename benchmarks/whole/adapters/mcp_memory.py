"""mcp-memory-service's HTTP server on its default sqlite-vec, one store per user, with its API key.

It embeds in process, with ONNX; its folder of models holds Picard's.
"""

import contextlib
from collections.abc import Iterator

from benchmarks.peers.runner import PEERS_PYTHON
from benchmarks.servers import processes
from benchmarks.whole.calls import REST, RESULT_COUNT, Call, RunningServer, build_post
from benchmarks.whole.model_files import write_model
from benchmarks.whole.setup import KEY, Setup, build_variables, find_python, read_versions

PACKAGES = ("mcp-memory-service", "sqlite-vec", "onnxruntime")
MODEL_FOLDER = ".cache/mcp_memory/onnx_models/all-MiniLM-L6-v2/onnx"  # below the home
AUTHORIZATION = (f"Authorization: Bearer {KEY}",)
START = """
import sqlite3, sys
if not hasattr(sqlite3.Connection, "enable_load_extension"):
    import pysqlite3
    sys.modules["sqlite3"] = sys.modules["pysqlite3"]
from mcp_memory_service.cli.main import cli
cli()
"""


@contextlib.contextmanager
def run_mcp_memory(setup: Setup) -> Iterator[RunningServer]:
    python = find_python(PEERS_PYTHON, "mcp_memory_service")
    write_model(setup.folder / MODEL_FOLDER)
    port = processes.find_free_port()
    variables = build_variables(
        setup.folder,
        MCP_MEMORY_BASE_DIR=str(setup.folder),
        MCP_API_KEY=KEY,
        MCP_MDNS_ENABLED="false",
        MCP_MEMORY_USE_ONNX="true",
        MCP_MEMORY_ONNX_ALLOW_DOWNLOAD="0",
        MCP_SEMANTIC_DEDUP_ENABLED="false",  # it would refuse texts of the same few words
    )
    command = [python, "-c", START, "server", "--http", "--http-host", "127.0.0.1", "--http-port", str(port)]
    with processes.run_server(
        "mcp-memory-service", command, port, setup.log, variables=variables, folder=setup.folder
    ):
        yield RunningServer(
            searches={
                REST: Call(
                    port, _search, b'"content":',
                    read_texts=lambda answer: [hit["memory"]["content"] for hit in answer["results"]],
                ),
            },
            additions={REST: Call(port, _add, b'"success":true')},
            versions=read_versions(python, PACKAGES),
            note="its API key, one store per user; embeds in process, with Picard's model.",
        )  # fmt: skip


def _search(owner: str, question: str) -> bytes:
    return build_post(
        "/api/search", {"query": question, "n_results": RESULT_COUNT, "store": owner}, AUTHORIZATION
    )


def _add(owner: str, text: str) -> bytes:
    return build_post("/api/memories", {"content": text, "store": owner}, AUTHORIZATION)
