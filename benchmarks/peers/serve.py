"""One system in a process of its own, told what to do line by line: `python -m benchmarks.peers.serve SYSTEM`.

The first line says where the work lies and where the system may keep its own. Then each line is one of:
`{"fill": {}}`, `{"search": {"way": …, "calls": [[owner, question], …]}}`, `{"add_one": {"owner": …, "texts": […]}}`,
`{"add_many": …}` alike, `{"until_found": …}` alike, `{"bytes": {}}`. Each is answered by one line. Times are taken
here, around the call alone, in milliseconds.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from benchmarks.peers.adapters.base import Adapter, StorageLocation
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.work import Workload


class SystemCommands:
    """What can be asked of an opened system."""

    def __init__(self, adapter: Adapter, work: Workload) -> None:
        self._adapter = adapter
        self._work = work

    def fill(self) -> float:
        return _measure_ms(lambda: self._adapter.fill(self._work))

    def search(self, way: str, calls: Sequence[tuple[str, str]]) -> dict[str, Any]:
        searching = self._adapter.ways[way]
        ms: list[float] = []
        found = []
        for owner, question in calls:
            begun = time.perf_counter()
            texts = searching(owner, question)
            ms.append((time.perf_counter() - begun) * 1000)
            found.append(list(texts))
        return {"ms": ms, "found": found}

    def add_one(self, owner: str, texts: Sequence[str]) -> list[float]:
        return [_measure_ms(lambda text=text: self._adapter.add_one(owner, text)) for text in texts]  # type: ignore[misc]

    def add_many(self, owner: str, texts: Sequence[str]) -> float:
        return _measure_ms(lambda: self._adapter.add_many(owner, texts))

    def until_found(self, owner: str, texts: Sequence[str]) -> list[float]:
        """Of Picard alone: the others embed within the call that adds."""
        adapter: Any = self._adapter
        taken: list[float] = adapter.until_found(owner, texts)
        return taken

    def embed_all(self) -> float:
        adapter: Any = self._adapter
        return _measure_ms(adapter.embed_all)

    def bytes(self) -> int:
        return self._adapter.bytes_on_disk()


def serve_system(name: str, told: TextIO, said: TextIO) -> None:
    begin = json.loads(told.readline())
    work = Workload.read(Path(begin["work"]))
    adapter = SYSTEMS[name].open(work, StorageLocation(Path(begin["folder"]), begin["dsn"]))
    serving = SystemCommands(adapter, work)
    versions = {package: version(package) for package in adapter.packages}
    _write_answer(said, {"ways": list(adapter.ways), "versions": versions})
    for line in told:
        [(act, arguments)] = json.loads(line).items()
        _write_answer(said, getattr(serving, act)(**arguments))


def _measure_ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def _write_answer(said: TextIO, answer: object) -> None:
    said.write(json.dumps(answer) + "\n")
    said.flush()


def main(name: str) -> None:
    """What the system's own libraries print goes to standard error."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve_system(name, sys.stdin, said)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    main(sys.argv[1])
