"""The MCP reference server for memory loads an exported graph, searches it, and saves one that comes back."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from accounts.models import User
from memories.models import Memory
from memories.portability.exports.formats import export_memories
from tests.factories import make_person, remember, session
from tests.interop.node import MODULES, build_environment, find_node, skip_missing
from tests.memories.portability.imports.test_run import run_import, saved_memories

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

SERVER = MODULES / "@modelcontextprotocol" / "server-memory" / "dist" / "index.js"
Call = tuple[str, Mapping[str, Any]]


def call_tools(graph: Path, *calls: Call) -> list[Any]:
    """Start the server with a file and return the structured results of tools, in order."""
    node = find_node()
    if not SERVER.exists():
        skip_missing(str(SERVER.parent.parent))
    environment = build_environment(MEMORY_FILE_PATH=str(graph))
    server = StdioServerParameters(command=str(node), args=[str(SERVER)], env=environment)

    async def run() -> list[Any]:
        async with Client(stdio_client(server)) as client:
            results = [await client.call_tool(name, dict(arguments)) for name, arguments in calls]
        return [result.structured_content for result in results]

    return asyncio.run(run())


@pytest.fixture
def graph(ada: User, tmp_path: Path) -> Path:
    """An exported graph of three memories."""
    older = remember(ada, "I live in Lier.", tags=["home", "To do"])
    remember(ada, "I live in Gent.\n\n- near the river \u2028 so", tags=["home"], supersedes=older.pk)
    remember(ada, 'I say "hi" \\ to bees.', tags=["imported:text"])
    path = tmp_path / "memory.jsonl"
    path.write_bytes(b"".join(export_memories(session(ada), "mcp").chunks))
    return path


def test_server_loads_and_searches_the_graph(graph: Path) -> None:
    everything, found = call_tools(graph, ("read_graph", {}), ("search_nodes", {"query": "bees"}))
    kinds = [entity["entityType"] for entity in everything["entities"]]
    assert sorted(kinds) == ["memory"] * 3 + ["tag"] * 3
    assert sorted({each["relationType"] for each in everything["relations"]}) == ["supersedes", "tagged"]
    assert [entity["observations"] for entity in found["entities"]] == [['I say "hi" \\ to bees.']]


def test_graph_that_the_server_saved_comes_back(ada: User, graph: Path) -> None:
    bees = f"memory {Memory.objects.latest('pk').pk}"
    call_tools(
        graph,
        (
            "add_observations",
            {"observations": [{"entityName": bees, "contents": ["The bees are Carniolan."]}]},
        ),
        (
            "create_entities",
            {"entities": [{"name": "Bo", "entityType": "person", "observations": ["Likes tea"]}]},
        ),
    )
    assert "picard" not in graph.read_text()
    bob = make_person("bob")
    with graph.open("rb") as file:
        run_import(session(bob), file)
    came = {memory.text: memory for memory in saved_memories(bob)}
    for memory in saved_memories(ada):
        copy = came.pop(memory.text)
        names = {tag.name for tag in copy.tags.all()} - {"imported:mcp_memory"}
        assert names == {tag.name for tag in memory.tags.all()}
        assert abs(copy.created_at - memory.created_at).total_seconds() < 2  # the time in the id
    assert any("Carniolan" in text for text in came)
    assert any("tea" in text for text in came)
    assert len(came) == 2
