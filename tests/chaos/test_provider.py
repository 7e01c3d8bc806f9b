"""A slow, failing, rejecting or silent embedding provider, and corrupted responses: nothing is lost or blocked, and the
pages say that search is degraded."""

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from memories.index.work_queue import CHANNEL
from tests.chaos.fault_proxy import Fault, FaultProxy
from tests.chaos.load import find_lost_writes
from tests.chaos.people import Person, signed_up
from tests.chaos.product import Product, Victim, running_product
from tests.chaos.report import IS_LONG, record
from tests.model_server import RETRY_AFTER_S, ModelServer, Mood
from tests.processes import wait_until

DEGRADED = "Keyword search only"
THREADS = 2
ROUNDS = 25 if IS_LONG else 1
SETTINGS = {
    "EMBEDDING_TIMEOUT_S": "3",
    "INDEXING_FIRST_WAIT_S": "0.05",
    "INDEXING_MAX_ATTEMPTS": "1000",
    "WEB_WORKERS": "1",
    "WEB_THREADS": str(THREADS),
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(server: ModelServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.server_port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def product(server: ModelServer, proxy: FaultProxy) -> Iterator[Product]:
    address = f"http://127.0.0.1:{proxy.server_port}/v1"
    with running_product(**{**server.variables, "OPENAI_BASE_URL": address}, **SETTINGS) as product:
        yield product


@pytest.fixture(scope="module")
def shared_user(product: Product) -> Iterator[Person]:
    with signed_up(product.address, "ada") as [ada]:
        yield ada


@pytest.fixture
def ada(shared_user: Person, server: ModelServer) -> Iterator[Person]:
    server.mood = Mood.WELL
    # The circuit breaker stays open for a while after a failure.
    wait_until(lambda: DEGRADED not in shared_user.search("walrus"))
    yield shared_user
    server.mood = Mood.WELL


def test_saving_does_not_call_the_provider(ada: Person, product: Product, server: ModelServer) -> None:
    with suspended(product, Victim.INDEXER):
        count_before = len(server.texts)
        memory_id = ada.create("The walrus came.")
        ada.edit(memory_id, "The walrus came again.")
        ada.delete(memory_id)
        assert len(server.texts) == count_before


def test_slow_provider_does_not_degrade_search(ada: Person, server: ModelServer) -> None:
    server.mood = Mood.SLOW
    memory_id = ada.create("The dog sleeps.")
    wait_until(lambda: ada.is_searchable(memory_id))
    page = ada.search("puppy")
    assert "The dog sleeps." in page
    assert DEGRADED not in page


@pytest.mark.parametrize("mood", [Mood.FAILING, Mood.LIMITED, Mood.HANGING], ids=lambda mood: mood.value)
def test_search_falls_back_to_keywords_while_the_provider_fails(
    ada: Person, product: Product, server: ModelServer, mood: Mood
) -> None:
    server.mood = mood
    memory_id = ada.create(f"A capybara, while it is {mood.value}.")
    page = ada.search("capybara")
    assert f"A capybara, while it is {mood.value}." in page
    assert DEGRADED in page
    wait_until(lambda: is_deferred(product, memory_id))
    assert not ada.is_searchable(memory_id)
    server.mood = Mood.WELL
    make_deferred_work_due(product)
    wait_until(lambda: ada.is_searchable(memory_id))
    wait_until(lambda: DEGRADED not in ada.search("capybara"))


def test_retry_after_is_honoured(ada: Person, product: Product, server: ModelServer) -> None:
    server.mood = Mood.LIMITED
    memory_id = ada.create("The heron waits.")
    delay_query = (
        "select extract(epoch from index_due_at - statement_timestamp()) from memories_memory where id = %s"
    )
    wait_until(lambda: is_deferred(product, memory_id))
    assert RETRY_AFTER_S - 60 < product.query(delay_query, memory_id)[0][0] <= RETRY_AFTER_S
    server.mood = Mood.WELL
    make_deferred_work_due(product)
    wait_until(lambda: ada.is_searchable(memory_id))


def test_backlog_is_indexed_when_the_provider_recovers(
    ada: Person, product: Product, server: ModelServer
) -> None:
    pending = "select count(*) from memories_memory where index_state <> 'ready'"
    wait_until(lambda: product.query(pending) == [(0,)], seconds=120)
    server.mood = Mood.FAILING
    for number in range(20):
        ada.create(f"Heron number {number}.")
    assert product.query(pending) == [(20,)]
    server.mood = Mood.WELL
    wait_until(lambda: product.query(pending) == [(0,)], seconds=120)
    assert [row["text"] for row in product.stored() if not row["has_fresh_vectors"]] == []


def test_searches_waiting_for_the_provider_do_not_block_saving(
    product: Product, ada: Person, server: ModelServer
) -> None:
    names = [f"searcher-{number}" for number in range(THREADS)]
    with signed_up(product.address, *names) as searchers, suspended(product, Victim.INDEXER):
        server.mood = Mood.HANGING
        count_before = len(server.texts)
        searching = [threading.Thread(target=one.search, args=["walrus"]) for one in searchers]
        for thread in searching:
            thread.start()
        wait_until(lambda: len(server.texts) > count_before)
        ada.create("Saved in the meantime.")
        are_waiting = [thread.is_alive() for thread in searching]
        server.mood = Mood.WELL
        for thread in searching:
            thread.join()
    assert any(are_waiting)  # the save did not wait for a search to end


def test_corrupted_responses_lose_nothing_and_leave_no_stale_vectors(
    ada: Person, product: Product, proxy: FaultProxy
) -> None:
    faults = [*itertools.chain.from_iterable(zip(Fault, reversed(Fault), strict=True))] * ROUNDS
    for number, proxy.fault in enumerate(faults):
        count_before = proxy.spoiled
        memory_id = ada.create(f"An otter, number {number}.")
        ada.edit(memory_id, f"An otter and its young, number {number}.")
        assert f"number {number}." in ada.search(f"otter {number}")
        if proxy.fault is not Fault.NONE:
            make_deferred_work_due(product)
            wait_until(lambda: proxy.spoiled > count_before)  # noqa: B023
    proxy.fault = Fault.NONE
    wait_until(lambda: is_idle_after_retry(product), seconds=120)
    stored = product.stored(EMBEDDING_PROVIDER="tests.providers.WordHashes")
    bad = find_lost_writes([ada], stored) + [row["text"] for row in stored if not row["has_fresh_vectors"]]
    record(
        "spoiled answers of a provider",
        tries=len(faults),
        lost=len(bad),
        what="writes lost or stale",
    )
    assert bad == []


def is_idle_after_retry(product: Product) -> bool:
    make_deferred_work_due(product)
    return product.query("select count(*) from memories_memory where index_state <> 'ready'") == [(0,)]


def is_deferred(product: Product, memory_id: str) -> bool:
    deferred = "select 1 from memories_memory where id = %s and index_error <> '' and index_leased_by is null"
    return product.query(deferred, memory_id) == [(1,)]


def make_deferred_work_due(product: Product) -> None:
    """Make deferred work due now. Locks rows in the order of the worker, to avoid deadlocks."""
    product.query(
        "update memories_memory set index_due_at = now() where id in "
        "(select id from memories_memory where index_state = 'pending' order by id for update)"
    )
    product.query(f"notify {CHANNEL}")


@contextmanager
def suspended(product: Product, victim: Victim) -> Iterator[None]:
    """Suspend the processes of a part during the block."""
    processes = product.find(victim)
    assert processes
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
