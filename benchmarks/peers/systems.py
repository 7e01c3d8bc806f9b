"""The compared systems. Each adapter is imported in a separate process whose environment contains the system."""

import importlib
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.adapters.base import Adapter, StorageLocation
from benchmarks.peers.work import Workload

ADAPTERS = "benchmarks.peers.adapters"


@dataclass(frozen=True)
class System:
    """A compared system, and the class and module of ADAPTERS that open it."""

    name: str
    module: str
    class_name: str
    needs_database: bool = False
    is_picard: bool = False
    has_index: bool = False  # an approximate vector index
    has_index_per_owner: bool = False

    def open(self, work: Workload, location: StorageLocation) -> Adapter:
        if self.is_picard:
            import django

            django.setup()
            from core.db.roles import act_as_operator

            act_as_operator()
        module = importlib.import_module(f"{ADAPTERS}.{self.module}")
        adapter: Any = getattr(module, self.class_name)(work, location)
        return adapter  # type: ignore[no-any-return]


SYSTEMS = {
    system.name: system
    for system in (
        System("picard", "picard", "Picard", is_picard=True),
        System("picard unsealed", "picard", "UnsealedPicard", is_picard=True),
        System("mem0ai", "mem0ai", "Mem0", needs_database=True, has_index=True),
        System("langgraph", "langgraph_store", "LangGraph", needs_database=True, has_index=True),
        System("chromadb", "chroma", "OneCollection", has_index=True),
        System("chromadb by owner", "chroma", "CollectionPerOwner", has_index=True, has_index_per_owner=True),
        System("mcp-memory-service", "mcp_memory", "McpMemory"),
    )
}
