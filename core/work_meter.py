"""Measures the work that a request costs this server: processor time of its threads, and time of its queries.

Time that a request waits for others, as for a chat model or a slow client, is no work.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

Charge = Callable[[float], None]  # takes seconds of work

_thread = threading.local()  # its `seconds` of measured work


class WorkMeter:
    """The work of one request, charged to whoever turns out to have sent it; to nobody until `charge` is set."""

    def __init__(self) -> None:
        self.charge: Charge | None = None
        self._seconds = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the work of this thread and charge it."""
        start, before = time.thread_time(), self._seconds
        try:
            with connection.execute_wrapper(self._time_query):
                yield
        finally:
            self._seconds += time.thread_time() - start
            _thread.seconds = get_seconds_of_thread() + self._seconds - before
            self.settle()

    def settle(self) -> None:
        """Charge what was measured and not charged yet."""
        if self.charge is not None:
            seconds, self._seconds = self._seconds, 0.0
            self.charge(seconds)

    def _time_query(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self._seconds += time.perf_counter() - start


_current: ContextVar[WorkMeter | None] = ContextVar("work_meter", default=None)


def start_meter() -> WorkMeter:
    """Return a new meter, which measures what the current request does in threads from now on."""
    meter = WorkMeter()
    _current.set(meter)
    return meter


def get_meter() -> WorkMeter | None:
    return _current.get()


def get_seconds_of_thread() -> float:
    """Return the work that was measured in this thread so far."""
    return getattr(_thread, "seconds", 0.0)
