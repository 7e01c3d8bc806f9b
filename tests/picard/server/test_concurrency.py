"""The limit of a client holds over all processes of the web server."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest

from core.work_meter import start_meter
from picard.server import concurrency
from picard.server.concurrency import ALONE_S, BUSY_S, FREE_SHARE, MOST_BUSY_S, ConcurrencyLimit
from picard.server.request_pool import RequestPool

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
FORK: Any = get_context("fork")  # as gunicorn starts its workers


def try_to_acquire(limit: ConcurrencyLimit, client: str, seconds: float = 0.1) -> bool:
    async def acquire() -> bool:
        try:
            async with asyncio.timeout(seconds):
                await limit.acquire(client)
        except TimeoutError:
            return False
        return True

    return asyncio.run(acquire())


def count_pieces_at_once(limit: ConcurrencyLimit, client: str, work_s: float = 0.0) -> int:
    """Return how many pieces of work of the client run at once in this process, each of so many seconds."""
    count = 0
    while try_to_acquire(limit, client, seconds=0.03):
        count += 1
    for _ in range(count):
        limit.release(client, work_s)
    return count


def run_in_process(process: int, limit: ConcurrencyLimit, work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a forked process that has the number `process`."""
    parent, child = FORK.Pipe()

    def run() -> None:
        limit.use_process(process)
        child.send(work())

    worker = FORK.Process(target=run)
    worker.start()
    result = parent.recv()
    worker.join()
    parent.close()
    child.close()
    return result


def test_work_in_another_process_counts() -> None:
    limit = ConcurrencyLimit(2, processes=3)
    assert run_in_process(1, limit, lambda: try_to_acquire(limit, "ada"))
    assert try_to_acquire(limit, "ada")
    assert not run_in_process(2, limit, lambda: try_to_acquire(limit, "ada"))
    assert run_in_process(2, limit, lambda: try_to_acquire(limit, "bob"))


def test_nothing_is_left_of_a_process_that_was_killed() -> None:
    limit = ConcurrencyLimit(1, processes=2)

    def die() -> None:
        limit.use_process(1)
        assert try_to_acquire(limit, "ada")
        os.kill(os.getpid(), signal.SIGKILL)

    worker = FORK.Process(target=die)
    worker.start()
    worker.join()
    assert not try_to_acquire(limit, "ada")
    assert run_in_process(1, limit, lambda: True)  # its successor
    assert try_to_acquire(limit, "ada")


def test_work_that_ends_in_another_process_lets_the_next_begin() -> None:
    limit = ConcurrencyLimit(1, processes=2)
    counts, bucket = limit._running, limit._running.find_bucket("ada")
    assert try_to_acquire(limit, "ada")
    parent, child = FORK.Pipe()

    def wait() -> None:
        limit.use_process(1)
        child.send("waits")
        child.send(try_to_acquire(limit, "ada", seconds=30))

    worker = FORK.Process(target=wait)
    worker.start()
    assert parent.recv() == "waits"
    assert counts.count(bucket) >= 1
    limit.release("ada")
    assert parent.recv()
    worker.join()
    parent.close()
    child.close()


def test_who_used_much_work_lately_gets_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = ConcurrencyLimit(2, processes=2), 1_000.0
    monkeypatch.setattr(concurrency, "monotonic", lambda: now)

    def count_at_once() -> int:
        return count_pieces_at_once(limit, "ada")

    def work(seconds: float) -> None:
        assert try_to_acquire(limit, "ada")
        limit.release("ada", seconds)

    work(0.8 * BUSY_S)
    assert count_at_once() == 2
    run_in_process(1, limit, lambda: work(0.4 * BUSY_S))  # the work in all processes counts together
    assert count_at_once() == 1
    assert try_to_acquire(limit, "bob")
    assert try_to_acquire(limit, "bob")
    now += BUSY_S / FREE_SHARE
    assert count_at_once() == 2
    work(1_000.0)
    now += (MOST_BUSY_S - 0.9 * BUSY_S) / FREE_SHARE  # however much it was
    assert count_at_once() == 2


def test_who_is_alone_may_use_most_threads_of_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = ConcurrencyLimit(2, processes=2, alone=3), 1_000.0
    monkeypatch.setattr(concurrency, "monotonic", lambda: now)

    def count_at_once() -> int:
        return count_pieces_at_once(limit, "ada", work_s=1_000.0)  # which makes her busy

    limit.note_request("ada")
    assert [count_at_once(), run_in_process(1, limit, count_at_once), count_at_once()] == [3, 3, 3]
    for client in ("bob", "carol", "ada"):
        run_in_process(1, limit, lambda client=client: limit.note_request(client))  # type: ignore[misc]
    assert count_at_once() == 1
    now += ALONE_S + 1
    limit.note_request("ada")
    assert count_at_once() == 3
    limit.note_request("bob")
    assert count_at_once() == 1


def test_measured_work_of_requests_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "BUSY_S", 0.05)

    def compute(seconds: float) -> None:
        with start_meter().measure():
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                pass

    async def scenario() -> None:
        limit = ConcurrencyLimit(2)
        pool = RequestPool(2, limit)
        for client, seconds in (("ada", 0.1), ("bob", 0.001)):
            await pool.run(client, partial(compute, seconds), may_write=False)
        await pool.run("carol", partial(time.sleep, 0.1), may_write=False)  # waiting is no work
        await asyncio.sleep(0)
        busy = [
            name for name in ("ada", "bob", "carol") if limit._work.is_busy(limit._running.find_bucket(name))
        ]
        assert busy == ["ada"]
        pool.shutdown()

    asyncio.run(scenario())


def test_requests_of_a_client_begin_in_their_order() -> None:
    async def scenario() -> list[int]:
        limit, order = ConcurrencyLimit(1), list[int]()

        async def work(number: int) -> None:
            async with limit.hold("ada"):
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*map(work, range(20)))
        assert not limit._queues
        return order

    assert asyncio.run(scenario()) == list(range(20))


def test_one_that_stops_to_wait_leaves_its_place() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(1)
        await limit.acquire("ada")
        waiting = [asyncio.create_task(limit.acquire("ada")) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        limit.release("ada")
        await waiting[1]
        limit.release("ada")
        await waiting[2]
        limit.release("ada")
        assert not limit._queues
        assert not limit._waiting.count(limit._waiting.find_bucket("ada"))
        assert not limit._running.count(limit._running.find_bucket("ada"))

    asyncio.run(scenario())
