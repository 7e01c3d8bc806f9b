"""Run one system in a separate process controlled by JSON lines: `python -m benchmarks.peers.serve SYSTEM`.

The first line gives the folder of the workload and the storage of the system. Then each line is one of:
`{"fill": {}}`, `{"search": {"way": …, "calls": [[owner, question], …]}}`, `{"add_one": {"owner": …, "texts": […]}}`,
`{"add_many": …}` and `{"until_found": …}` alike, `{"bytes": {}}`. Each is answered with one line. Times are measured
here, around the call only, in milliseconds.
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
    """The commands for an open system."""

    def __init__(self, adapter: Adapter, work: Workload) -> None:
        self._adapter = adapter
        self._work = work

    def fill(self) -> float:
        return _measure_ms(lambda: self._adapter.fill(self._work))

    def search(self, way: str, calls: Sequence[tuple[str, str]]) -> dict[str, Any]:
        search_method = self._adapter.ways[way]
        ms: list[float] = []
        texts_by_call = []
        for owner, question in calls:
            started_at = time.perf_counter()
            texts = search_method(owner, question)
            ms.append((time.perf_counter() - started_at) * 1000)
            texts_by_call.append(list(texts))
        return {"ms": ms, "found": texts_by_call}

    def add_one(self, owner: str, texts: Sequence[str]) -> list[float]:
        return [_measure_ms(lambda text=text: self._adapter.add_one(owner, text)) for text in texts]  # type: ignore[misc]

    def add_many(self, owner: str, texts: Sequence[str]) -> float:
        return _measure_ms(lambda: self._adapter.add_many(owner, texts))

    def until_found(self, owner: str, texts: Sequence[str]) -> list[float]:
        """Measure the indexing delay. Picard only: the others embed within the call that adds."""
        adapter: Any = self._adapter
        delays: list[float] = adapter.until_found(owner, texts)
        return delays

    def embed_all(self) -> float:
        adapter: Any = self._adapter
        return _measure_ms(adapter.embed_all)

    def bytes(self) -> int:
        return self._adapter.bytes_on_disk()


def serve_system(name: str, commands: TextIO, output: TextIO) -> None:
    configuration = json.loads(commands.readline())
    work = Workload.read(Path(configuration["work"]))
    adapter = SYSTEMS[name].open(work, StorageLocation(Path(configuration["folder"]), configuration["dsn"]))
    handlers = SystemCommands(adapter, work)
    versions = {package: version(package) for package in adapter.packages}
    _write_answer(output, {"ways": list(adapter.ways), "versions": versions})
    for line in commands:
        [(command, arguments)] = json.loads(line).items()
        _write_answer(output, getattr(handlers, command)(**arguments))


def _measure_ms(command: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    command()
    return (time.perf_counter() - started_at) * 1000


def _write_answer(output: TextIO, answer: object) -> None:
    output.write(json.dumps(answer) + "\n")
    output.flush()


def main(name: str) -> None:
    """Serve on standard output; redirect the output of the system's libraries to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve_system(name, sys.stdin, output)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    main(sys.argv[1])
