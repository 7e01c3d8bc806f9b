"""The server with slow clients, concurrent identical requests and a restarted database."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest

from picard.postgres.manager import EmbeddedPostgres
from tests.chaos.load import find_lost_writes, load
from tests.chaos.people import Person, retry_until_answered, signed_up
from tests.chaos.product import Product, running_product
from tests.chaos.report import IS_LONG, record
from tests.processes import wait_until

CRAWLERS, THREADS = 30, 100
RESTARTS = 10 if IS_LONG else 1
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with running_product(WEB_WORKERS="1", WEB_THREADS="4") as product:
        yield product


@pytest.fixture(scope="module")
def ada(product: Product) -> Iterator[Person]:
    with signed_up(product.address, "ada") as [ada]:
        yield ada


def test_slow_clients_do_not_block_others(product: Product, ada: Person) -> None:
    partial_request = b"POST /memories/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\ntext="
    with ExitStack() as stack:
        for _ in range(CRAWLERS):
            crawler = stack.enter_context(socket.create_connection(("127.0.0.1", product.port)))
            crawler.sendall(partial_request)
        saved = [ada.create(f"Saved beside the crawlers, {number}.") for number in range(10)]
        page = ada.search("crawlers")
    assert "Saved beside the crawlers, 9." in page
    record("slow clients", tries=CRAWLERS, lost=10 - len(saved), what="writes of others not answered")


def test_concurrent_requests_with_one_idempotency_key_create_one_memory(
    product: Product, ada: Person
) -> None:
    barrier, before = Barrier(THREADS), count_memories(product)
    headers = {"Idempotency-Key": "one", "X-CSRFToken": ada.cookie("picard_csrf")}

    def send(_number: int) -> int:
        barrier.wait()
        return ada.send_request(
            "POST", "/api/v1/memories/", json={"text": "Once."}, headers=headers
        ).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        statuses = list(pool.map(send, range(THREADS)))
    created = count_memories(product) - before
    record("one Idempotency-Key", tries=len(statuses), lost=created - 1, what="rows beyond the first")
    assert set(statuses) <= {201, 409}
    assert created == 1


def test_database_restart_loses_nothing(product: Product) -> None:
    with signed_up(product.address, "bob", "carol") as people:
        with load(people) as workers:
            for _ in range(RESTARTS):
                before = [worker.answered for worker in workers]
                EmbeddedPostgres(product.home / "postgres").stop()
                wait_until(
                    lambda: all(now.answered > was + 2 for now, was in zip(workers, before, strict=True)),  # noqa: B023
                    seconds=120,
                )
        retry_until_answered(lambda: people[0].create("The database is back."))
        lost_writes = find_lost_writes(people, product.stored())
    record("database restart", tries=RESTARTS, lost=len(lost_writes), what="acknowledged writes lost")
    assert lost_writes == []


def count_memories(product: Product) -> int:
    [[count]] = product.query("select count(*) from memories_memory")
    assert isinstance(count, int)
    return count
