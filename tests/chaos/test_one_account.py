"""An account that sends the most expensive requests it can, and a second person's list meanwhile."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event
from uuid import UUID

import pytest

from tests.chaos.people import Person, ServerUnavailable, signed_up
from tests.chaos.product import running_product
from tests.chaos.report import IS_LONG, record, say

pytestmark = pytest.mark.slow

MEMORIES = 2_000 if IS_LONG else 300
LISTS = 300 if IS_LONG else 10
CONNECTIONS = 16 if IS_LONG else 4  # of the attacker
MOST_TIMES_SLOWER = 3
WORDS = " ".join(f"zebra{number}" for number in range(31))


def test_one_person_cannot_slow_the_others(tmp_path: Path) -> None:
    with running_product() as product, signed_up(product.address, "mallory", "bob") as [mallory, bob]:
        file = tmp_path / "places.jsonl"
        file.write_text("".join(build_lines(MEMORIES)))
        product.run("manage.py", "import_memories", str(file), "--person", mallory.email, "--yes")
        for number in range(20):
            bob.create(f"Bob's note {number}.")
        alone = measure_lists(bob, LISTS)
        with searching(product.address, mallory):
            beside = measure_lists(bob, LISTS)
    times = get_p99(beside) / get_p99(alone)
    say(
        f"p99 of the second person's list: {get_p99(alone):.3f} s alone, {get_p99(beside):.3f} s beside, x {times:.1f}"
    )
    too_slow = int(times > MOST_TIMES_SLOWER)
    record("one account beside another", tries=LISTS, lost=too_slow, what="p99 more than 3 times as long")
    assert len(beside) == LISTS
    if IS_LONG:  # in the short form, the time of a busy machine decides nothing
        assert not too_slow


def build_lines(count: int) -> Iterator[str]:
    """Yield memories that share two neighbouring places of a conversation, and all words of the search."""
    for number in range(count):
        line = {
            "picard": 1,
            "text": f"{WORDS} {number}",
            "conversation": str(UUID(int=7)),
            "position": number % 2,
        }
        yield json.dumps(line) + "\n"


def measure_lists(person: Person, count: int) -> list[float]:
    """Return the seconds of each of `count` lists, of those after the first, which warms up."""

    def measure() -> float:
        began = time.perf_counter()
        assert person.get("/memories/").status_code == 200
        return time.perf_counter() - began

    measure()
    return [measure() for _ in range(count)]


@contextmanager
def searching(address: str, person: Person) -> Iterator[None]:
    """Let the person search on many connections, each hanging up every other time, during the block."""
    ends, began = Event(), Event()

    def search(connection: int) -> None:
        client = Person(address, person.name, timeout_s=2 if connection % 2 else 60)
        client.use_session_of(person)
        try:
            while not ends.is_set():
                began.set()
                try:
                    client.search(WORDS)
                except ServerUnavailable:  # it took too long, as the attacker likes it
                    continue
        finally:
            client.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        running = [pool.submit(search, number) for number in range(CONNECTIONS)]
        began.wait()
        time.sleep(1)
        try:
            yield
        finally:
            ends.set()
    for each in running:
        each.result()


def get_p99(seconds: list[float]) -> float:
    return next(islice(sorted(seconds, reverse=True), len(seconds) // 100, None))
