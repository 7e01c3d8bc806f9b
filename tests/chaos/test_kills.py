"""SIGKILL of every part under load: no acknowledged write is lost, no vector is stale, no process is left."""

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.chaos.load import Worker, find_lost_writes, format_totals, load
from tests.chaos.people import Person, retry_until_answered, signed_up
from tests.chaos.product import Product, Victim, running_product
from tests.chaos.report import IS_LONG, record, say
from tests.processes import wait_until

KILLS = 50 if IS_LONG else 5
QUICK = {"INDEXING_FIRST_WAIT_S": "0.05", "INDEXING_MAX_ATTEMPTS": "1000", "WEB_WORKERS": "2"}
pytestmark = pytest.mark.slow


@pytest.fixture
def product() -> Iterator[Product]:
    with running_product(EMBEDDING_PROVIDER="tests.providers.SlowAndFlaky", **QUICK) as product:
        yield product


def test_kills_under_load_lose_nothing(product: Product) -> None:
    with signed_up(product.address, "ada", "bob", "carol", "witness") as people:
        *busy, witness = people
        with load(busy) as workers:
            for kill in range(KILLS):
                wait_for_progress(workers)
                victim = list(Victim)[kill % len(Victim)]
                product.kill(victim, nth=kill)
                say(f"kill {kill + 1:2}, {victim}: {measure_recovery(witness)}")
        wait_until(lambda: is_idle(product), seconds=120)
        # the same vectors as SlowAndFlaky, without failures
        stored = product.stored(EMBEDDING_PROVIDER="tests.providers.WordHashes")
    say(f"{len(stored)} memories; {format_totals(workers)}")
    lost_writes = find_lost_writes(people, stored)
    record("kill -9 under load", tries=KILLS, lost=len(lost_writes), what="acknowledged writes lost")
    assert lost_writes == []
    assert [row["id"] for row in stored if not row["has_fresh_vectors"]] == []
    assert product.stop() == 0
    assert product.processes() == []


def wait_for_progress(workers: Sequence[Worker]) -> None:
    """Wait until each user got a few more responses."""
    for worker in workers:
        before = worker.answered
        wait_until(lambda: worker.answered >= before + 3 or not worker.is_alive(), seconds=120)  # noqa: B023


def measure_recovery(witness: Person) -> str:
    """Create a memory; return how long it took to save and to index it, as text."""
    started = time.monotonic()
    memory_id = retry_until_answered(lambda: witness.create("The witness was here."))
    saved_s = time.monotonic() - started
    wait_until(lambda: retry_until_answered(lambda: witness.is_searchable(memory_id)), seconds=120)
    return f"saved after {saved_s:.2f} s, indexed after {time.monotonic() - started:.2f} s"


def is_idle(product: Product) -> bool:
    return product.query("select count(*) from memories_memory where index_state <> 'ready'") == [(0,)]
