"""kill -9 of every part under load: no acknowledged write is lost, no vector stale or missing, no process left."""

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.chaos.load import Worker, load, lost, totals
from tests.chaos.people import Person, persistently, signed_up
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
                wait_until_all_go_on(workers)
                victim = list(Victim)[kill % len(Victim)]
                product.kill(victim, nth=kill)
                say(f"kill {kill + 1:2}, {victim}: {recovery(witness)}")
        wait_until(lambda: is_idle(product), seconds=120)
        stored = product.stored(EMBEDDING_PROVIDER="tests.providers.WordHashes")  # the same, never failing
    say(f"{len(stored)} memories; {totals(workers)}")
    gone = lost(people, stored)
    record("kill -9 under load", tries=KILLS, lost=len(gone), what="acknowledged writes lost")
    assert gone == []
    assert [row["id"] for row in stored if not row["has_fresh_vectors"]] == []
    assert product.stop() == 0
    assert product.processes() == []


def wait_until_all_go_on(workers: Sequence[Worker]) -> None:
    """Each of them has been answered a few more times."""
    for worker in workers:
        before = worker.answered
        wait_until(lambda: worker.answered >= before + 3 or not worker.is_alive(), seconds=120)  # noqa: B023


def recovery(witness: Person) -> str:
    """How long until a new memory is kept, and until it is found by its meaning. Waits for both."""
    started = time.monotonic()
    memory_id = persistently(lambda: witness.create("The witness was here."))
    kept_s = time.monotonic() - started
    wait_until(lambda: persistently(lambda: witness.is_searchable(memory_id)), seconds=120)
    return f"kept after {kept_s:.2f} s, found by meaning after {time.monotonic() - started:.2f} s"


def is_idle(product: Product) -> bool:
    return product.query("select count(*) from memories_memory where index_state <> 'ready'") == [(0,)]
