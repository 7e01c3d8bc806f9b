"""Run the same workload on every system in turns, and compare results with an exact scan."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clock import build_times
from benchmarks.peers import dataset, report
from benchmarks.peers.adapters.base import RESULT_COUNT
from benchmarks.peers.results import HYBRID, ComparisonResults, Variant
from benchmarks.peers.runner import SystemFailed, SystemProcess, create_systems_home, create_unsealed_database
from benchmarks.peers.systems import SYSTEMS, System
from benchmarks.peers.work import Question, Workload
from benchmarks.report import Report


@dataclass(frozen=True)
class Sizes:
    memories: int
    rounds: int = 40
    calls: int = 5  # of one method in a row
    added: int = 20  # rounds of `calls` single additions
    many: int = 200
    times_many: int = 5
    watched: int = 50
    at_once: int = 2  # systems filled at the same time, one per core


QUICK = Sizes(2_000, rounds=4, added=2, many=50, times_many=2, watched=5)

SLOW_MS = 100  # slower methods are called
SLOW_INTERVAL = 4  # times less often


def run_benchmark(
    *, quick: bool, log_progress: Callable[[str], None], size: int, systems: Sequence[str]
) -> Report:
    sizes = QUICK if quick else Sizes(size)
    names = systems or list(SYSTEMS)
    load = os.getloadavg()[0]
    log_progress("creating memories, vectors and questions")
    work = dataset.create_workload(sizes.memories, _count_spare_texts(sizes))
    results = ComparisonResults()
    with create_systems_home() as home:
        work.write(home)
        if "picard unsealed" in names:
            create_unsealed_database()
        with _start_systems([SYSTEMS[name] for name in names], home, results, log_progress) as processes:
            _Comparison(processes, work, sizes, results, log_progress).run()
    return report.build_report(results, work, sizes.memories, load)


def _count_spare_texts(sizes: Sizes) -> int:
    one = sizes.added * sizes.calls
    return one + sizes.times_many * sizes.many + sizes.watched + 3 + 1_000


@contextmanager
def _start_systems(
    systems: Sequence[System], home: Path, results: ComparisonResults, log_progress: Callable[[str], None]
) -> Iterator[dict[str, SystemProcess]]:
    with ExitStack() as stack:
        processes: dict[str, SystemProcess] = {}
        for system in systems:
            try:
                process = processes[system.name] = SystemProcess(system, home, home)
            except (SystemFailed, OSError) as error:
                log_progress(f"{system.name} failed to start: {error}")
                results.failed[system.name] = str(error)
                continue
            stack.callback(process.stop)
            results.versions[system.name] = process.versions
        yield processes


@dataclass
class _Comparison:
    processes: dict[str, SystemProcess]
    work: Workload
    sizes: Sizes
    results: ComparisonResults
    log_progress: Callable[[str], None]
    _warm_up_ms: dict[tuple[Variant, bool], float] = field(default_factory=dict)  # p50 of the warm-up

    def run(self) -> None:
        self.fill()
        self.time_first_searches()
        self.compare_recall()
        self.time_searches()
        self.time_adding_one()
        self.time_adding_many()
        self.watch_indexing()

    def fill(self) -> None:
        """Fill several systems at a time: load times are reported, not compared."""
        with ThreadPoolExecutor(self.sizes.at_once) as pool:
            list(pool.map(self._fill_system, list(self.processes)))

    def _fill_system(self, name: str) -> None:
        self.log_progress(f"filling {name}")
        elapsed = self._call_system(name, "fill")
        if elapsed is not None:
            self.results.filled_s[name] = elapsed / 1000
            self.results.disk[name] = self._call_system(name, "bytes") or 0
            self.log_progress(f"filled {name} in {elapsed / 1000:,.0f} s")

    def time_first_searches(self) -> None:
        """Time the first search of owners with few memories, before any of their data is cached."""
        self.log_progress("timing first searches")
        questions = list({one.owner: one for one in self._select_questions(small=True)}.values())
        for name, process in self.processes.items():
            for way in process.ways[:1]:
                answer = self._search_memories(name, way, questions)
                if answer:
                    self.results.first[name, way] = build_times(answer["ms"])

    def compare_recall(self) -> None:
        """Measure recall, which also warms up all systems."""
        self.log_progress("measuring recall")
        self.results.load_timed = os.getloadavg()[0]
        for small in (False, True):
            questions = self._select_questions(small=small)
            exact = [set(self.work.find_nearest(one, RESULT_COUNT)) for one in questions]
            for name, way in self._list_variants():
                answer = self._search_memories(name, way, questions)
                self._warm_up_ms[(name, way), small] = build_times(answer["ms"] if answer else []).p50
                if answer and way != HYBRID:
                    hits = sum(
                        len(set(texts) & nearest)
                        for texts, nearest in zip(answer["found"], exact, strict=True)
                    )
                    self.results.recall[(name, way), self._count_memories(small)] = hits / (
                        RESULT_COUNT * len(questions)
                    )

    def time_searches(self) -> None:
        for small in (True, False):
            self.log_progress(f"timing searches of {self._count_memories(small):,} memories")
            questions, calls = self._select_questions(small=small), self.sizes.calls
            elapsed: dict[Variant, list[float]] = {way: [] for way in self._list_variants()}
            for turn in range(self.sizes.rounds):
                batch = [questions[at % len(questions)] for at in range(turn * calls, (turn + 1) * calls)]
                for name, way in self._shuffle_variants(turn, small):
                    answer = self._search_memories(name, way, batch)
                    elapsed[name, way].extend(answer["ms"] if answer else [])
            for each, ms in elapsed.items():
                self.results.searched[each, self._count_memories(small)] = build_times(ms)

    def _shuffle_variants(self, turn: int, small: bool) -> list[Variant]:
        """Return the variants in a different order each round; slow ones less often."""
        import numpy as np

        ways = self._list_variants()
        due = [
            way
            for way in ways
            if turn % SLOW_INTERVAL == 0 or self._warm_up_ms.get((way, small), 0) < SLOW_MS
        ]
        return [due[at] for at in np.random.default_rng(turn).permutation(len(due))]

    def time_adding_one(self) -> None:
        self.log_progress("timing single additions")
        elapsed: dict[str, list[float]] = {name: [] for name in self.processes}
        for _ in range(self.sizes.added):
            texts = self._take_spare_texts(self.sizes.calls)
            for name, ms in elapsed.items():
                ms.extend(self._call_system(name, "add_one", owner="adder", texts=texts) or [])
        self.results.added.update({name: build_times(ms) for name, ms in elapsed.items()})

    def time_adding_many(self) -> None:
        """Time bulk additions. Picard's worker embeds afterwards, which is timed separately."""
        self.log_progress("timing bulk additions")
        elapsed: dict[str, list[float]] = {name: [] for name in self.processes}
        for _ in range(self.sizes.times_many):
            texts = self._take_spare_texts(self.sizes.many)
            for name, ms in elapsed.items():
                all_ms = self._call_system(name, "add_many", owner="adder", texts=texts)
                ms.extend([all_ms / len(texts)] if all_ms else [])
        self.results.many.update({name: build_times(ms) for name, ms in elapsed.items()})
        for name in self._list_picard_systems():
            count = self.sizes.times_many * self.sizes.many + self.sizes.added * self.sizes.calls
            self.results.embedded[name] = (self._call_system(name, "embed_all") or 0) / count

    def watch_indexing(self) -> None:
        if "picard" in self.processes:
            self.log_progress("watching memories until they are indexed")
            texts = self._take_spare_texts(self.sizes.watched + 3)
            self.results.indexing_delay["picard"] = build_times(
                self._call_system("picard", "until_found", owner="adder", texts=texts) or []
            )

    # --- Helpers ----------------------------------------------------------------------------------------

    def _select_questions(self, *, small: bool) -> list[Question]:
        return [one for one in self.work.questions if (one.owner != dataset.LARGEST_OWNER) == small]

    def _count_memories(self, small: bool) -> int:
        first, last = self.work.owners[self._select_questions(small=small)[0].owner]
        return last - first

    def _list_variants(self) -> list[Variant]:
        return [(name, way) for name, process in self.processes.items() for way in process.ways]

    def _list_picard_systems(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.system.is_picard]

    def _take_spare_texts(self, count: int) -> list[str]:
        """Return texts that are not in any memory yet."""
        texts = self.work.texts[self.work.spare : self.work.spare + count]
        self.work = Workload(**{**vars(self.work), "spare": self.work.spare + count})
        return texts

    def _search_memories(self, name: str, way: str, questions: Sequence[Question]) -> Any:
        calls = [(one.owner, one.words if way == HYBRID else one.name) for one in questions]
        return self._call_system(name, "search", way=way, calls=calls)

    def _call_system(self, name: str, command: str, **arguments: object) -> Any:
        """Call a system; return None if it fails now or failed before, so that the others continue."""
        if name in self.results.failed:
            return None
        try:
            return self.processes[name].send_command(command, **arguments)
        except SystemFailed as error:
            self.log_progress(f"{name} failed: {error}")
            self.results.failed[name] = str(error)
            return None
