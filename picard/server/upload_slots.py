"""How many uploads a process receives at once. A slow one gives way to one that waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_UPLOADS = 4  # each may be spooled to disk
KEPT_S = 30.0  # no upload gives way before
KEPT_BYTES_PER_S = 1_000_000  # nor one that is faster
CHECK_S = 1.0  # how often the waiting look for one that gives way


class UploadReplaced(Exception):
    """The upload was slow, and others wait."""


class UploadSlot:
    """One upload. It can give way only while its body is received."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.started_at = self._loop.time()
        self.received = 0  # bytes
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Receive the body in the block. Raises UploadReplaced if the upload has to give way."""
        try:
            async with asyncio.timeout(None) as self._timeout:
                yield
        except TimeoutError:
            if self._timeout is not None and self._timeout.expired():
                raise UploadReplaced from None
            raise
        finally:
            self._timeout = None

    def get_pace(self) -> float | None:
        """Return the bytes per second so far; None if the upload must not give way."""
        seconds = self._loop.time() - self.started_at
        if self._timeout is None or self._timeout.when() is not None or seconds < KEPT_S:
            return None
        pace = self.received / max(seconds, 1e-9)
        return pace if pace < KEPT_BYTES_PER_S else None

    def give_way(self) -> None:
        if self._timeout is not None:
            self._timeout.reschedule(self._loop.time())


class UploadSlots:
    """The slots of one process, for one event loop at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_UPLOADS)
        self._held: set[UploadSlot] = set()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[UploadSlot]:
        """Wait for a slot, if need be for that of the slowest upload, and hold it in the block."""
        await self._acquire()
        slot = UploadSlot()
        self._held.add(slot)
        try:
            yield slot
        finally:
            self._held.discard(slot)
            self._free.release()

    async def _acquire(self) -> None:
        taking = asyncio.ensure_future(self._free.acquire())
        try:
            while not (await asyncio.wait({taking}, timeout=CHECK_S))[0]:
                slow = {slot: pace for slot in self._held if (pace := slot.get_pace()) is not None}
                if slow:
                    min(slow, key=slow.__getitem__).give_way()
        except BaseException:
            if taking.done() and not taking.cancelled():
                self._free.release()
            taking.cancel()
            raise
