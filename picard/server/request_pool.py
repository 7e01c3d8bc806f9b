"""The threads of the web server's process that run requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from core.db.cancellation import CancellableWork
from core.work_meter import get_seconds_of_thread
from picard.server.concurrency import ConcurrencyLimit

CANCEL_EVERY_S = 0.1  # statements of a request whose client has disconnected

T = TypeVar("T")


class RequestPool:
    """A bounded pool of threads, of which one client uses at most as many as `limit` says.

    Each thread keeps its database connection.
    """

    def __init__(self, threads: int, limit: ConcurrencyLimit) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._limit = limit
        self._cancelling: set[asyncio.Task[None]] = set()  # the loop keeps only weak references

    async def run(
        self,
        client: str,
        work: Callable[[], T],
        *,
        may_write: bool,
        on_end: Callable[[], None] = lambda: None,
        on_abandoned: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Run `work` in a thread and return its result. `on_end` is called when it has ended or was dropped.

        If the task is cancelled, because the client has disconnected, work that has not started is dropped; else its
        statements are cancelled (core/db/cancellation.py), and `on_abandoned` is called with its result.
        """
        try:
            await self._limit.acquire(client)
        except BaseException:
            on_end()
            raise
        cancellable, loop = CancellableWork(may_write=may_write), asyncio.get_running_loop()
        seconds = 0.0  # of work

        def run() -> T:
            nonlocal seconds
            before = get_seconds_of_thread()
            try:
                return cancellable.run(work)
            finally:
                seconds = get_seconds_of_thread() - before

        def end(
            _done: object,
        ) -> None:  # when the thread is free, even if nobody waits for the result any more
            on_end()
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._limit.release, client, seconds)

        future = self._threads.submit(run)
        future.add_done_callback(end)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            cancellable.abandon()
            future.add_done_callback(lambda done: _pass_result(done, on_abandoned))
            task = asyncio.create_task(_cancel_until_done(cancellable, future))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)
            raise

    def shutdown(self) -> None:
        self._threads.shutdown()


async def _cancel_until_done(cancellable: CancellableWork, future: "Future[Any]") -> None:
    while not future.done():
        await asyncio.to_thread(cancellable.cancel_statement)
        await asyncio.sleep(CANCEL_EVERY_S)


def _pass_result(done: "Future[T]", receive: Callable[[T], None]) -> None:
    if not done.cancelled() and not done.exception():
        receive(done.result())
