"""Cancellation of statements: when a client disconnects, nobody waits for what its request reads."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, local
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from psycopg.pq import TransactionStatus

WRITE_GRACE_S = 0.3  # in which a request that may write goes on: the user may have left right after "Save"
CANCEL_TIMEOUT_S = 1.0

T = TypeVar("T")

_thread = local()  # its `work`, if any


class CancellableWork:
    """Work of one request in one thread. After `abandon`, its statements are cancelled and no new ones begin.

    A request that may write (any method but GET and HEAD) goes on for WRITE_GRACE_S, and a transaction that it has
    begun by then is completed.
    """

    def __init__(self, *, may_write: bool) -> None:
        self._grace_s = WRITE_GRACE_S if may_write else 0.0
        self._may_write = may_write
        self._abandoned_at: float | None = None
        self._connection: Any = None  # while the work runs
        self._was_cancelled = False
        self._lock = Lock()  # so that a cancellation cannot hit the next request of the thread

    def run(self, work: Callable[[], T]) -> T:
        """Run the work in this thread and return its result."""
        connection = self._connection = connections[DEFAULT_DB_ALIAS]
        _thread.work = self
        try:
            with connection.execute_wrapper(self._execute):
                return work()
        finally:
            del _thread.work
            with self._lock:
                self._connection = None
            if self._was_cancelled:
                connection.close()  # a pooler may deliver the cancellation late

    @contextmanager
    def move_to(self, other: Any) -> Iterator[None]:
        """In the block, cancel statements of this connection instead."""
        previous = self._connection
        with self._lock:
            self._connection = other
        try:
            yield
        finally:
            with self._lock:
                self._connection = previous
            if self._was_cancelled:
                other.close()

    def abandon(self) -> None:
        """Note that the client has disconnected. Call `cancel_statement` now and then until the work ends."""
        self._abandoned_at = time.monotonic()

    def cancel_statement(self) -> None:
        """Cancel the statement that runs now, if any. Blocks for a moment; called in another thread than the work's."""
        with self._lock:
            raw = self._connection and self._connection.connection
            if not raw or not self._is_unwanted(self._connection):
                return
            if raw.info.transaction_status == TransactionStatus.ACTIVE:
                self._was_cancelled = True
                with suppress(psycopg.Error, OSError):
                    raw.cancel_safe(timeout=CANCEL_TIMEOUT_S)

    @property
    def is_abandoned(self) -> bool:
        return self._abandoned_at is not None

    def _execute(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if self._is_unwanted(context["connection"]):
            raise OperationalError("the client has disconnected")
        return execute(sql, params, many, context)

    def _is_unwanted(self, connection: Any) -> bool:
        if self._abandoned_at is None or time.monotonic() < self._abandoned_at + self._grace_s:
            return False
        return not (self._may_write and connection.in_atomic_block)


@contextmanager
def cancelling_on(other: Any) -> Iterator[None]:
    """In the block, cancel statements of this connection if the client of this thread's request disconnects."""
    work: CancellableWork | None = getattr(_thread, "work", None)
    if work is None:
        yield
        return
    with work.move_to(other):
        yield


def has_client_disconnected() -> bool:
    """Return whether the client of the request in this thread has disconnected."""
    work: CancellableWork | None = getattr(_thread, "work", None)
    return work is not None and work.is_abandoned
