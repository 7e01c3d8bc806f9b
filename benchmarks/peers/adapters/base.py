"""The interface of the adapters; each compared system has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.peers.work import Workload

RESULT_COUNT = 10  # requested of every search

SearchMethod = Callable[[str, str], Sequence[str]]  # (owner, question) -> texts, best first


@dataclass(frozen=True)
class StorageLocation:
    """Storage of a system: a folder, and its own database (empty if it needs none)."""

    folder: Path
    dsn: str


class Adapter(Protocol):
    """An open system. `ways`: its search methods by name. `packages`: whose versions are reported."""

    packages: Sequence[str]
    ways: Mapping[str, SearchMethod]

    def fill(self, work: Workload) -> None:
        """Save all memories in the fastest way of the system."""

    def add_one(self, owner: str, text: str) -> None: ...

    def add_many(self, owner: str, texts: Sequence[str]) -> None: ...

    def bytes_on_disk(self) -> int: ...


def count_folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
