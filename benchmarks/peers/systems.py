"""The compared systems. The adapter of each is imported in a process of its own, whose Python has the system."""

import importlib
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.adapters.base import Adapter, StorageLocation
from benchmarks.peers.work import Workload

ADAPTERS = "benchmarks.peers.adapters"


@dataclass(frozen=True)
class System:
    """One line of the tables: which class of which module of ADAPTERS opens it."""

    name: str
    module: str
    class_name: str
    needs_database: bool = False
    is_picard: bool = False
    has_index: bool = False  # of vectors, approximate
    is_apart: bool = False  # an index for each owner alone

    def open(self, work: Workload, place: StorageLocation) -> Adapter:
        if self.is_picard:
            import django

            django.setup()
        module = importlib.import_module(f"{ADAPTERS}.{self.module}")
        adapter: Any = getattr(module, self.class_name)(work, place)
        return adapter  # type: ignore[no-any-return]


SYSTEMS = {
    system.name: system
    for system in (
        System("picard", "picard", "Picard", is_picard=True),
        System("picard unsealed", "picard", "UnsealedPicard", is_picard=True),
        System("mem0ai", "mem0ai", "Mem0", needs_database=True, has_index=True),
        System("langgraph", "langgraph_store", "LangGraph", needs_database=True, has_index=True),
        System("chromadb", "chroma", "OneCollection", has_index=True),
        System("chromadb by owner", "chroma", "CollectionPerOwner", has_index=True, is_apart=True),
        System("mcp-memory-service", "mcp_memory", "McpMemory"),
    )
}
