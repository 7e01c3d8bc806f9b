"""Picard with two web workers and a running worker, as `manage.py up` starts them."""

import contextlib
import time
from collections.abc import Iterator

from django.conf import settings

from benchmarks import api, corpus
from benchmarks.servers import processes
from benchmarks.whole.calls import MCP, REST, RESULT_COUNT, Call, RunningServer, build_post, build_tool_call
from benchmarks.whole.setup import Setup, read_versions
from memories import scopes
from memories.models import IndexState, Memory

GRANTED = frozenset({scopes.READ, scopes.WRITE})
INDEXING_TIMEOUT_S = 300.0
POLL_S = 0.02


@contextlib.contextmanager
def run_picard(setup: Setup) -> Iterator[RunningServer]:
    import sys

    import numpy as np
    from django.db import connections

    people = {name: corpus.create_owner(name, 0, np.random.default_rng(0)) for name in setup.work.owners}
    tokens = {name: _create_tokens(person) for name, person in people.items()}
    connections.close_all()
    port = processes.find_free_port()

    def search(owner: str, question: str) -> bytes:
        body = {"query": question, "limit": RESULT_COUNT}
        return build_post("/api/v1/memories/search/", body, [f"Authorization: Bearer {tokens[owner][REST]}"])

    def search_by_mcp(owner: str, question: str) -> bytes:
        headers = [
            f"Authorization: Bearer {tokens[owner][MCP]}", f"MCP-Protocol-Version: {api.REVISION}",
            "Mcp-Method: tools/call", "Mcp-Name: search",
        ]  # fmt: skip
        arguments = {"query": question, "limit": RESULT_COUNT}
        return build_tool_call("/mcp", "search", arguments, headers, _meta=api.META)

    def add(owner: str, text: str) -> bytes:
        return build_post(
            "/api/v1/memories/", {"text": text}, [f"Authorization: Bearer {tokens[owner][REST]}"]
        )

    command = processes.build_gateway_command()
    with (
        processes.run_server("picard", command, port, setup.log),
        processes.run_indexing_worker(),
    ):
        yield RunningServer(
            searches={
                REST: Call(
                    port, search, b'"text":',
                    read_texts=lambda answer: [hit["memory"]["text"] for hit in answer["results"]],
                ),
                MCP: Call(
                    port, search_by_mcp, b'"text":',
                    read_texts=lambda answer: [
                        hit["text"] for hit in answer["result"]["structuredContent"]["results"]
                    ],
                ),
            },
            additions={REST: Call(port, add, b'"id":', status=201)},
            versions=read_versions(sys.executable, ("django", "psycopg", "onnxruntime")),
            note="bearer tokens, hybrid search; its worker embeds what is added, in process.",
            wait_until_indexed=_wait_until_indexed,
        )  # fmt: skip


def _create_tokens(person: corpus.CorpusOwner) -> dict[str, str]:
    resources = {REST: f"{settings.PUBLIC_URL}/api", MCP: f"{settings.PUBLIC_URL}/mcp"}
    return {
        protocol: api.create_access_token(person, resource, granted=GRANTED)
        for protocol, resource in resources.items()
    }


def _wait_until_indexed() -> None:
    """Raises TimeoutError if the worker does not finish."""
    deadline = time.monotonic() + INDEXING_TIMEOUT_S
    while Memory.objects.filter(index_state=IndexState.PENDING).exists():
        if time.monotonic() > deadline:
            raise TimeoutError("The worker did not index all memories.")
        time.sleep(POLL_S)
