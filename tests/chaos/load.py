"""A mixed load: users who create, edit, delete and search memories, each in a thread."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.chaos.people import Person, ServerUnavailable, Written
from tests.chaos.report import IS_LONG

FAILED = "unanswered"
PAUSE_S = 0.05 if IS_LONG else 0.15  # between the actions of one user; longer after a failure


class Worker(threading.Thread):
    """A user in a thread. `failure`: an exception other than a lost connection."""

    def __init__(self, person: Person, seed: int, stop: threading.Event) -> None:
        super().__init__(name=person.name)
        self.person = person
        self.counts: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._random = random.Random(seed)
        self._stop_requested = stop

    @property
    def answered(self) -> int:
        return sum(count for action, count in self.counts.copy().items() if not action.startswith(FAILED))

    def run(self) -> None:
        try:
            while not self._stop_requested.is_set():
                self._act_once()
        except BaseException as error:  # noqa: BLE001  (raised again in the thread of the test)
            self.failure = error

    def _act_once(self) -> None:
        name, action = self._choose_action()
        try:
            action()
            self.counts[name] += 1
            time.sleep(PAUSE_S)
        except ServerUnavailable as error:
            self.counts[f"{FAILED} ({error})"] += 1
            time.sleep(4 * PAUSE_S)

    def _choose_action(self) -> tuple[str, Callable[[], object]]:
        word = "".join(self._random.choices("abcdefghijklmnop", k=8))
        active = [key for key, written in self.person.written.items() if written.is_trashed is False]
        dice = self._random.random()
        if not active or dice < 0.4:
            return "created", lambda: self.person.create(f"{self.person.name} notes {word}")
        memory_id = self._random.choice(active)
        if dice < 0.7:
            return "edited", lambda: self.person.edit(memory_id, f"{self.person.name} corrects {word}")
        if dice < 0.8:
            return "deleted", lambda: self.person.delete(memory_id)
        return "searched", lambda: self.person.search(word)


@contextmanager
def load(people: Sequence[Person]) -> Iterator[list[Worker]]:
    """Let the users work during the block; then raise the failure of any of them."""
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


def format_totals(workers: Sequence[Worker]) -> str:
    """Return the number of actions of each kind as text."""
    counts = sum((worker.counts for worker in workers), Counter[str]())
    return ", ".join(f"{count} {action}" for action, count in counts.most_common())


def find_lost_writes(people: Sequence[Person], stored: Sequence[dict[str, Any]]) -> list[str]:
    """Describe every acknowledged write that is missing from the stored memories."""
    rows = {row["id"]: row for row in stored}
    return [
        f"{person.name}, {memory_id}: {problem}"
        for person in people
        for memory_id, written in person.written.items()
        for problem in _find_problems(written, rows.get(memory_id))
    ]


def _find_problems(written: Written, row: dict[str, Any] | None) -> Iterator[str]:
    if row is None:
        yield "missing"
        return
    if row["text"] not in (written.texts[-1], *written.unsure):
        yield f"contains {row['text']!r} instead of {written.texts[-1]!r}"
    for text in written.texts:
        if text not in (row["text"], *row["earlier"]):
            yield f"an acknowledged text is not in the history: {text!r}"
    if written.is_trashed is not None and row["is_trashed"] != written.is_trashed:
        yield "in the trash or not, unlike the response"
