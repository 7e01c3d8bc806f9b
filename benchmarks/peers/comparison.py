"""The comparison: every system does the same, in turns, and what it found is held against an exact scan."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clock import build_times
from benchmarks.peers import dataset, report
from benchmarks.peers.adapters.base import FOUND
from benchmarks.peers.results import HYBRID, Found, Way
from benchmarks.peers.runner import SystemFailed, SystemProcess, create_systems_home, create_unsealed_database
from benchmarks.peers.systems import SYSTEMS, System
from benchmarks.peers.work import Question, Workload
from benchmarks.report import Report


@dataclass(frozen=True)
class Sizes:
    memories: int
    rounds: int = 40
    calls: int = 5  # of one way in a row
    added: int = 20  # by one round of 5 each
    many: int = 200
    times_many: int = 5
    watched: int = 50
    at_once: int = 2  # systems filled at the same time, one a core


QUICK = Sizes(2_000, rounds=4, added=2, many=50, times_many=2, watched=5)

SLOW_MS = 100  # what is slower is called
SELDOM = 4  # times less often


def run_benchmark(*, quick: bool, say: Callable[[str], None], size: int, systems: Sequence[str]) -> Report:
    sizes = QUICK if quick else Sizes(size)
    chosen = systems or list(SYSTEMS)
    load = os.getloadavg()[0]
    say("making memories, vectors and questions")
    work = dataset.create_workload(sizes.memories, _count_spare_texts(sizes))
    found = Found()
    with create_systems_home() as home:
        work.write(home)
        if "picard unsealed" in chosen:
            create_unsealed_database()
        with _start_systems([SYSTEMS[name] for name in chosen], home, found, say) as players:
            _Comparison(players, work, sizes, found, say).run()
    return report.build_report(found, work, sizes.memories, load)


def _count_spare_texts(sizes: Sizes) -> int:
    one = sizes.added * sizes.calls
    return one + sizes.times_many * sizes.many + sizes.watched + 3 + 1_000


@contextmanager
def _start_systems(
    systems: Sequence[System], home: Path, found: Found, say: Callable[[str], None]
) -> Iterator[dict[str, SystemProcess]]:
    with ExitStack() as stack:
        players: dict[str, SystemProcess] = {}
        for system in systems:
            try:
                player = players[system.name] = SystemProcess(system, home, home)
            except (SystemFailed, OSError) as error:
                say(f"{system.name} could not be opened: {error}")
                found.failed[system.name] = str(error)
                continue
            stack.callback(player.stop)
            found.versions[system.name] = player.versions
        yield players


@dataclass
class _Comparison:
    players: dict[str, SystemProcess]
    work: Workload
    sizes: Sizes
    found: Found
    say: Callable[[str], None]
    _warm: dict[tuple[Way, bool], float] = field(default_factory=dict)  # p50 before any timing

    def run(self) -> None:
        self.fill()
        self.time_first_searches()
        self.compare_recall()
        self.time_searches()
        self.time_adding_one()
        self.time_adding_many()
        self.watch_indexing()

    def fill(self) -> None:
        """Some at a time: how long each takes is told, not compared."""
        with ThreadPoolExecutor(self.sizes.at_once) as pool:
            list(pool.map(self._fill_system, list(self.players)))

    def _fill_system(self, name: str) -> None:
        self.say(f"filling {name}")
        taken = self._call_system(name, "fill")
        if taken is not None:
            self.found.filled_s[name] = taken / 1000
            self.found.disk[name] = self._call_system(name, "bytes") or 0
            self.say(f"{name} filled after {taken / 1000:,.0f} s")

    def time_first_searches(self) -> None:
        """The first question to each of some owners with few memories, before anything of theirs was read."""
        self.say("asking each owner for the first time")
        firsts = list({one.owner: one for one in self._select_questions(small=True)}.values())
        for name, player in self.players.items():
            for way in player.ways[:1]:
                answer = self._search_memories(name, way, firsts)
                if answer:
                    self.found.first[name, way] = build_times(answer["ms"])

    def compare_recall(self) -> None:
        """Which also warms everything up."""
        self.say("comparing with an exact scan")
        self.found.load_timed = os.getloadavg()[0]
        for small in (False, True):
            questions = self._select_questions(small=small)
            exact = [set(self.work.find_nearest(one, FOUND)) for one in questions]
            for name, way in self._list_variants():
                answer = self._search_memories(name, way, questions)
                self._warm[(name, way), small] = build_times(answer["ms"] if answer else []).p50
                if answer and way != HYBRID:
                    hits = sum(len(set(got) & best) for got, best in zip(answer["found"], exact, strict=True))
                    self.found.recall[(name, way), self._count_memories(small)] = hits / (
                        FOUND * len(questions)
                    )

    def time_searches(self) -> None:
        for small in (True, False):
            self.say(f"timing searches of {self._count_memories(small):,} memories")
            questions, calls = self._select_questions(small=small), self.sizes.calls
            taken: dict[Way, list[float]] = {way: [] for way in self._list_variants()}
            for turn in range(self.sizes.rounds):
                some = [questions[at % len(questions)] for at in range(turn * calls, (turn + 1) * calls)]
                for name, way in self._shuffle_variants(turn, small):
                    answer = self._search_memories(name, way, some)
                    taken[name, way].extend(answer["ms"] if answer else [])
            for each, ms in taken.items():
                self.found.searched[each, self._count_memories(small)] = build_times(ms)

    def _shuffle_variants(self, turn: int, small: bool) -> list[Way]:
        """Each time in another order, so that none always comes after the same one; the slow ones less often."""
        import numpy as np

        ways = self._list_variants()
        often = [way for way in ways if turn % SELDOM == 0 or self._warm.get((way, small), 0) < SLOW_MS]
        return [often[at] for at in np.random.default_rng(turn).permutation(len(often))]

    def time_adding_one(self) -> None:
        self.say("adding one by one")
        taken: dict[str, list[float]] = {name: [] for name in self.players}
        for _ in range(self.sizes.added):
            texts = self._take_spare_texts(self.sizes.calls)
            for name, ms in taken.items():
                ms.extend(self._call_system(name, "add_one", owner="adder", texts=texts) or [])
        self.found.added.update({name: build_times(ms) for name, ms in taken.items()})

    def time_adding_many(self) -> None:
        """Picard's are embedded by its worker, whose time stands beside it."""
        self.say("adding many at once")
        taken: dict[str, list[float]] = {name: [] for name in self.players}
        for _ in range(self.sizes.times_many):
            texts = self._take_spare_texts(self.sizes.many)
            for name, ms in taken.items():
                all_ms = self._call_system(name, "add_many", owner="adder", texts=texts)
                ms.extend([all_ms / len(texts)] if all_ms else [])
        self.found.many.update({name: build_times(ms) for name, ms in taken.items()})
        for name in self._list_picards():
            count = self.sizes.times_many * self.sizes.many + self.sizes.added * self.sizes.calls
            self.found.embedded[name] = (self._call_system(name, "embed_all") or 0) / count

    def watch_indexing(self) -> None:
        if "picard" in self.players:
            self.say("watching memories until they are found by meaning")
            texts = self._take_spare_texts(self.sizes.watched + 3)
            self.found.until_found["picard"] = build_times(
                self._call_system("picard", "until_found", owner="adder", texts=texts) or []
            )

    # --- Asking -----------------------------------------------------------------------------------------

    def _select_questions(self, *, small: bool) -> list[Question]:
        return [one for one in self.work.questions if (one.owner != dataset.LARGEST_OWNER) == small]

    def _count_memories(self, small: bool) -> int:
        first, last = self.work.owners[self._select_questions(small=small)[0].owner]
        return last - first

    def _list_variants(self) -> list[Way]:
        return [(name, way) for name, player in self.players.items() for way in player.ways]

    def _list_picards(self) -> list[str]:
        return [name for name, player in self.players.items() if player.system.is_picard]

    def _take_spare_texts(self, count: int) -> list[str]:
        """Texts that no memory has yet."""
        texts = self.work.texts[self.work.spare : self.work.spare + count]
        self.work = Workload(**{**vars(self.work), "spare": self.work.spare + count})
        return texts

    def _search_memories(self, name: str, way: str, questions: Sequence[Question]) -> Any:
        calls = [(one.owner, one.words if way == HYBRID else one.name) for one in questions]
        return self._call_system(name, "search", way=way, calls=calls)

    def _call_system(self, name: str, act: str, **arguments: object) -> Any:
        """None from a system that failed, now or before. The others go on."""
        if name in self.found.failed:
            return None
        try:
            return self.players[name].ask(act, **arguments)
        except SystemFailed as error:
            self.say(f"{name} failed: {error}")
            self.found.failed[name] = str(error)
            return None
