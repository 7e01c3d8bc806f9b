"""Statements of a request are cancelled when its client disconnects, and those of other requests are not."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction

from core.db import cancellation
from core.db.cancellation import CancellableWork, cancelling_on, has_client_disconnected

pytestmark = pytest.mark.usefixtures("shared_db")
SLEEP = "select pg_sleep(60)"


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(connections.close_all).result()


def run(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def disconnect_during(
    thread: ThreadPoolExecutor,
    work: Callable[[], Any],
    *,
    may_write: bool,
    started: threading.Event | None = None,
) -> Any:
    """Run the work; when its statement runs, let its client disconnect. Return its result."""
    cancellable = CancellableWork(may_write=may_write)
    future = thread.submit(cancellable.run, work)
    if started is None:
        while not _is_sleeping():
            time.sleep(0.01)
    else:
        started.wait()
    cancellable.abandon()
    while not future.done():
        cancellable.cancel_statement()
        time.sleep(0.02)
    return future.result()


def _is_sleeping() -> bool:
    # With a prefix that says for whom it is.
    is_it = f"query like '%{SLEEP}' and state = 'active' and pid <> pg_backend_pid()"
    return bool(run(f"select count(*) from pg_stat_activity where {is_it}"))


@pytest.mark.parametrize("may_write", [False, True])
def test_statement_is_cancelled(thread: ThreadPoolExecutor, may_write: bool) -> None:
    with pytest.raises(OperationalError) as caught:
        disconnect_during(thread, lambda: run(SLEEP), may_write=may_write)
    assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
    assert not _is_sleeping()


def test_next_request_of_the_thread_is_not_cancelled(thread: ThreadPoolExecutor) -> None:
    with pytest.raises(OperationalError):
        disconnect_during(thread, lambda: run(SLEEP), may_write=False)
    assert thread.submit(CancellableWork(may_write=False).run, lambda: run("select 1")).result() == 1


def test_no_further_statement_begins(thread: ThreadPoolExecutor) -> None:
    ready, left = threading.Event(), threading.Event()

    def work() -> None:
        ready.set()
        left.wait()
        assert has_client_disconnected()
        run("select 1")

    cancellable = CancellableWork(may_write=False)
    future = thread.submit(cancellable.run, work)
    ready.wait()
    cancellable.abandon()
    left.set()
    with pytest.raises(OperationalError):
        future.result()
    assert not thread.submit(has_client_disconnected).result()


def test_write_of_a_client_that_left_at_once_is_completed(thread: ThreadPoolExecutor) -> None:
    ready, left = threading.Event(), threading.Event()

    def work() -> Any:
        ready.set()
        left.wait()
        with transaction.atomic():
            return run("select 1")

    cancellable = CancellableWork(may_write=True)
    future = thread.submit(cancellable.run, work)
    ready.wait()
    cancellable.abandon()
    cancellable.cancel_statement()
    left.set()
    assert future.result() == 1


def test_transaction_that_has_begun_is_completed(
    thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "WRITE_GRACE_S", 0.0)
    started = threading.Event()

    def work() -> Any:
        with transaction.atomic():
            started.set()
            return run("select 2 from pg_sleep(0.3)")

    assert disconnect_during(thread, work, may_write=True, started=started) == 2


def test_statement_on_another_connection_is_cancelled(thread: ThreadPoolExecutor) -> None:
    """As on a standby, which reads for the request."""

    def work() -> None:
        other = connection.copy()
        with closing(other), cancelling_on(other), other.cursor() as cursor:
            cursor.execute(SLEEP)

    with pytest.raises(OperationalError) as caught:
        disconnect_during(thread, work, may_write=False)
    assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
    assert thread.submit(CancellableWork(may_write=False).run, lambda: run("select 1")).result() == 1
