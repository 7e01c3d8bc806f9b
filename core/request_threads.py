"""Threads of a request: where its code on the event loop does work that may block, as on the database."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from core.work_meter import get_meter

T = TypeVar("T")

_pool: contextvars.ContextVar[Executor | None] = contextvars.ContextVar("request_pool", default=None)


def set_pool(pool: Executor) -> None:
    """Make `run_in_thread` use this pool in the current task and in all that it starts."""
    _pool.set(pool)


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread that may block, and return its result.

    Behind the gateway (picard/server/gateway.py) that is a thread of its bounded pool, which keeps its database
    connection. Elsewhere it is the request's own thread, whose connection Django manages. If the client disconnects,
    queued work is dropped, while work that has started runs to its end.
    """
    pool = _pool.get()
    if pool is None:
        return await sync_to_async(_run_measured)(work)
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(pool, run, _run_with_connection, work)


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
