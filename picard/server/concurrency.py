"""How much of the web server one client may use at once, over all its processes. Further requests wait their turn.

A client that used much work lately may use less at once, so that others keep a processor, while there are others.
"""

import asyncio
import hashlib
import mmap
import random
import secrets
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic

BUCKETS = 16_384  # two clients of one bucket share their limit
POLL_S = 0.005  # for what ends in another process
FAIR_DELAY_S = 0.004
# A client is busy who used more than BUSY_S seconds of work more than this share of the time, until it is made up for.
FREE_SHARE = 0.2
BUSY_S = 1.0
MOST_BUSY_S = 3.0  # more work does not make it longer
ALONE_S = 60.0  # without a request of anybody else, a client may use nearly all that there is


class SharedCounts:
    """Counts by client, in memory that the processes of the web server share.

    Each process changes only its own row, in one thread, and a client's count is the sum of its column. Nothing is
    left of a process that was killed: its row is cleared when another process gets it.
    """

    def __init__(self, processes: int) -> None:
        self._memory = mmap.mmap(-1, processes * BUCKETS)
        self._processes = processes
        self._secret = secrets.token_bytes(16)  # so that nobody can choose whose bucket to share
        self.clear_row(0)

    def clear_row(self, process: int) -> None:
        """Use this row from now on. A process without one, during a reload, shares the last."""
        self._row = min(process, self._processes - 1) * BUCKETS
        self._memory[self._row : self._row + BUCKETS] = bytes(BUCKETS)

    def find_bucket(self, client: str) -> int:
        digest = hashlib.blake2b(client.encode(), digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest) % BUCKETS

    def add(self, bucket: int, number: int) -> None:
        self._memory[self._row + bucket] = max(0, self._memory[self._row + bucket] + number)

    def count(self, bucket: int) -> int:
        return sum(self._memory[bucket + row] for row in range(0, self._processes * BUCKETS, BUCKETS))

    def count_here(self, bucket: int) -> int:
        return self._memory[self._row + bucket]

    def count_elsewhere(self, bucket: int) -> int:
        return self.count(bucket) - self.count_here(bucket)


class RecentWork:
    """The work of each client lately, in memory that the processes share, each of which writes its own row.

    A value is the (monotonic) time at which the client's work in a process will be made up for.
    """

    def __init__(self, processes: int) -> None:
        self._times = memoryview(mmap.mmap(-1, processes * BUCKETS * 8)).cast("d")
        self._processes = processes
        self.use_row(0)

    def use_row(self, process: int) -> None:
        self._row = min(process, self._processes - 1) * BUCKETS

    def add(self, bucket: int, seconds: float) -> None:
        now = monotonic()
        made_up_at = max(now, self._times[self._row + bucket]) + seconds / FREE_SHARE
        self._times[self._row + bucket] = min(made_up_at, now + MOST_BUSY_S / FREE_SHARE)

    def is_busy(self, bucket: int) -> bool:
        now, rows = monotonic(), range(0, self._processes * BUCKETS, BUCKETS)
        return sum(max(0.0, self._times[bucket + row] - now) for row in rows) > BUSY_S / FREE_SHARE


class LatestClients:
    """When which two clients sent the latest requests, in memory that the processes share, each with its own row."""

    ROW = 4  # the bucket and the (monotonic) time of the latest client, and of the latest other

    def __init__(self, processes: int) -> None:
        self._values = memoryview(mmap.mmap(-1, processes * self.ROW * 8)).cast("d")
        self._values[:] = memoryview(array("d", [-1, -inf] * (2 * processes)))
        self._processes = processes
        self.use_row(0)

    def use_row(self, process: int) -> None:
        self._row = min(process, self._processes - 1) * self.ROW

    def note(self, bucket: int) -> None:
        row = self._row
        if self._values[row] != bucket:
            self._values[row + 2 : row + 4] = self._values[row : row + 2]
            self._values[row] = bucket
        self._values[row + 1] = monotonic()

    def is_alone(self, bucket: int) -> bool:
        """Return whether no other client has sent a request in the last ALONE_S seconds."""
        since, values = monotonic() - ALONE_S, self._values.tolist()
        return all(
            time < since or other == bucket for other, time in zip(values[::2], values[1::2], strict=True)
        )


@dataclass
class _Queue:
    """The requests of one client that wait in this process. The first of them holds the lock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_released: asyncio.Event = field(default_factory=asyncio.Event)
    length: int = 0


class ConcurrencyLimit:
    """Lets `limit` pieces of work of each client run at once, one of a busy client. Belongs to an event loop.

    alone: how many in each process of a client who is alone (ALONE_S). By default that makes no difference.
    """

    def __init__(self, limit: int, processes: int = 1, *, alone: int | None = None) -> None:
        self._limit, self._alone = limit, alone
        self._work = RecentWork(processes)
        self._latest = LatestClients(processes)
        self._running, self._waiting = SharedCounts(processes), SharedCounts(processes)
        self._queues: dict[str, _Queue] = {}

    def use_process(self, process: int) -> None:
        """Tell which of the processes this is, after it was forked."""
        self._running.clear_row(process)
        self._waiting.clear_row(process)
        self._work.use_row(process)
        self._latest.use_row(process)

    def note_request(self, client: str) -> None:
        """Tell that this client sends a request, so that the others are not alone."""
        self._latest.note(self._running.find_bucket(client))

    async def acquire(self, client: str) -> None:
        """Wait until fewer of this client run than may, in the order of the calls. Then call `release`."""
        bucket = self._running.find_bucket(client)
        if client not in self._queues and self._try_acquire(bucket):
            return
        with self._enter_queue(client) as queue:
            async with queue.lock:
                await self._wait(bucket, queue.is_released)

    def release(self, client: str, seconds: float = 0.0) -> None:
        """Let the next begin. seconds: of work that was done."""
        bucket = self._running.find_bucket(client)
        self._running.add(bucket, -1)
        self._work.add(bucket, seconds)
        if queue := self._queues.get(client):
            queue.is_released.set()

    @asynccontextmanager
    async def hold(self, client: str) -> AsyncIterator[None]:
        await self.acquire(client)
        try:
            yield
        finally:
            self.release(client)

    def _try_acquire(self, bucket: int) -> bool:
        self._running.add(bucket, 1)  # first, so that two processes never both succeed
        if self._may_run(bucket):
            return True
        self._running.add(bucket, -1)
        return False

    def _may_run(self, bucket: int) -> bool:
        if self._is_alone(bucket):
            return self._running.count_here(bucket) <= (self._alone or 0)
        return self._running.count(bucket) <= (1 if self._work.is_busy(bucket) else self._limit)

    def _is_alone(self, bucket: int) -> bool:
        return self._alone is not None and self._latest.is_alone(bucket)

    @contextmanager
    def _enter_queue(self, client: str) -> Iterator[_Queue]:
        queue = self._queues.setdefault(client, _Queue())
        queue.length += 1
        try:
            yield queue
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[client]

    async def _wait(self, bucket: int, is_released: asyncio.Event) -> None:
        self._waiting.add(bucket, 1)
        try:
            while not self._try_acquire(bucket):
                is_released.clear()
                await _wait_for(is_released, POLL_S)
                # Else the process that ends work would always begin the next.
                if self._waiting.count_elsewhere(bucket) and not self._is_alone(bucket):
                    await asyncio.sleep(random.uniform(0, FAIR_DELAY_S))  # noqa: S311 (not a secret)
        finally:
            self._waiting.add(bucket, -1)


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
