"""Threads of a request: where its code on the event loop does work that may block, as on the database."""

import contextvars
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from core.work_meter import get_meter

T = TypeVar("T")
Runner = Callable[[Callable[[], Any]], Awaitable[Any]]

_runner: contextvars.ContextVar[Runner | None] = contextvars.ContextVar("request_runner", default=None)


def set_runner(runner: Runner) -> None:
    """Make `run_in_thread` use this function in the current task and in all that it starts."""
    _runner.set(runner)


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread that may block, and return its result.

    Behind the gateway (picard/server/gateway.py) that is a thread of its bounded pool, which keeps its database
    connection. Elsewhere it is the request's own thread, whose connection Django manages. If the client disconnects,
    queued work is dropped, and the statements of work that has started are cancelled (core/db/cancellation.py).
    """
    runner = _runner.get()
    if runner is None:
        return await sync_to_async(_run_measured)(work)
    run = contextvars.copy_context().run
    return cast(T, await runner(partial(run, _run_with_connection, work)))


def _run_with_connection(work: Callable[[], T]) -> T:
    """Run `work`, checking the connection before and after as Django does around a request."""
    close_old_connections()
    try:
        return _run_measured(work)
    finally:
        close_old_connections()


def _run_measured(work: Callable[[], T]) -> T:
    meter = get_meter()
    if meter is None:
        return work()
    with meter.measure():
        return work()
