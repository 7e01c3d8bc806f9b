"""A mixed load: people who write, edit, delete and search, each in a thread of their own, until told to stop."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.chaos.people import NoAnswer, Person, Written

FAILED = "not answered"
PAUSE_S = 0.05  # between the acts of one person; longer after a failure


class Worker(threading.Thread):
    """One person at work. `failure` is what no kill explains."""

    def __init__(self, person: Person, seed: int, stop: threading.Event) -> None:
        super().__init__(name=person.name)
        self.person = person
        self.counts: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._random = random.Random(seed)
        self._stop_asked = stop

    @property
    def answered(self) -> int:
        return sum(count for what, count in self.counts.copy().items() if not what.startswith(FAILED))

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._act()
        except BaseException as error:  # noqa: BLE001  (told by the test, in its own thread)
            self.failure = error

    def _act(self) -> None:
        name, act = self._choose()
        try:
            act()
            self.counts[name] += 1
            time.sleep(PAUSE_S)
        except NoAnswer as error:
            self.counts[f"{FAILED} ({error})"] += 1
            time.sleep(4 * PAUSE_S)

    def _choose(self) -> tuple[str, Callable[[], object]]:
        word = "".join(self._random.choices("abcdefghijklmnop", k=8))
        kept = [key for key, written in self.person.written.items() if written.is_trashed is False]
        dice = self._random.random()
        if not kept or dice < 0.4:
            return "created", lambda: self.person.create(f"{self.person.name} notes {word}")
        chosen = self._random.choice(kept)
        if dice < 0.7:
            return "edited", lambda: self.person.edit(chosen, f"{self.person.name} corrects {word}")
        if dice < 0.8:
            return "deleted", lambda: self.person.delete(chosen)
        return "searched", lambda: self.person.search(word)


@contextmanager
def load(people: Sequence[Person]) -> Iterator[list[Worker]]:
    """These people at work as long as the block; raises what surprised one of them."""
    stop = threading.Event()
    workers = [Worker(person, seed, stop) for seed, person in enumerate(people)]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    for worker in workers:
        if worker.failure:
            raise worker.failure


def totals(workers: Sequence[Worker]) -> str:
    """What they did, in words."""
    counts = sum((worker.counts for worker in workers), Counter[str]())
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def lost(people: Sequence[Person], stored: Sequence[dict[str, Any]]) -> list[str]:
    """Every acknowledged write that is not there, in words."""
    rows = {row["id"]: row for row in stored}
    return [
        f"{person.name}, {memory_id}: {problem}"
        for person in people
        for memory_id, written in person.written.items()
        for problem in _problems(written, rows.get(memory_id))
    ]


def _problems(written: Written, row: dict[str, Any] | None) -> Iterator[str]:
    if row is None:
        yield "gone"
        return
    if row["text"] not in (written.texts[-1], *written.unsure):
        yield f"holds {row['text']!r} instead of {written.texts[-1]!r}"
    for text in written.texts:
        if text not in (row["text"], *row["earlier"]):
            yield f"an acknowledged text is not even in the history: {text!r}"
    if written.is_trashed is not None and row["is_trashed"] != written.is_trashed:
        yield "in the trash, or out of it, against what was answered"
