"""One small adapter for each system, all of one shape. Each is loaded in a process of its own, whose Python has it."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.peers.work import Work

FOUND = 10  # asked of every search

Way = Callable[[str, str], Sequence[str]]  # an owner and a question; the texts found, best first


@dataclass(frozen=True)
class Place:
    """Where a system may keep what it is given: a database of its own (empty where it needs none), a folder."""

    folder: Path
    dsn: str


class Adapter(Protocol):
    """A system that is opened. `ways`: by which names it can be searched. `packages`: whose versions to say."""

    packages: Sequence[str]
    ways: Mapping[str, Way]

    def fill(self, work: Work) -> None:
        """Keep all the memories, as fast as the system can."""

    def add_one(self, owner: str, text: str) -> None: ...

    def add_many(self, owner: str, texts: Sequence[str]) -> None: ...

    def bytes_on_disk(self) -> int: ...


@dataclass(frozen=True)
class System:
    """One line of the tables: which class of which module here opens it."""

    name: str
    module: str
    opens: str
    needs_database: bool = False
    is_picard: bool = False
    has_index: bool = False  # of vectors, approximate
    is_apart: bool = False  # an index for each owner alone

    def open(self, work: Work, place: Place) -> Adapter:
        if self.is_picard:
            import django

            django.setup()
        module = importlib.import_module(f"{__name__}.{self.module}")
        adapter: Any = getattr(module, self.opens)(work, place)
        return adapter  # type: ignore[no-any-return]


SYSTEMS = {
    system.name: system
    for system in (
        System("picard", "picard", "Picard", is_picard=True),
        System("picard unsealed", "picard", "Unsealed", is_picard=True),
        System("mem0ai", "mem0ai", "Mem0", needs_database=True, has_index=True),
        System("langgraph", "langgraph_store", "LangGraph", needs_database=True, has_index=True),
        System("chromadb", "chroma", "OneCollection", has_index=True),
        System("chromadb by owner", "chroma", "CollectionAnOwner", has_index=True, is_apart=True),
        System("mcp-memory-service", "mcp_memory", "McpMemory"),
    )
}


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
