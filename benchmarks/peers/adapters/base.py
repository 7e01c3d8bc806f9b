"""The interface of the adapters, of which each compared system has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.peers.work import Workload

FOUND = 10  # asked of every search

Way = Callable[[str, str], Sequence[str]]  # an owner and a question; the texts found, best first


@dataclass(frozen=True)
class StorageLocation:
    """Where a system may keep what it is given: a database of its own (empty where it needs none), a folder."""

    folder: Path
    dsn: str


class Adapter(Protocol):
    """A system that is opened. `ways`: by which names it can be searched. `packages`: whose versions to say."""

    packages: Sequence[str]
    ways: Mapping[str, Way]

    def fill(self, work: Workload) -> None:
        """Keep all the memories, as fast as the system can."""

    def add_one(self, owner: str, text: str) -> None: ...

    def add_many(self, owner: str, texts: Sequence[str]) -> None: ...

    def bytes_on_disk(self) -> int: ...


def count_folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
