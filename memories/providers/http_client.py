"""An HTTP client with a deadline for whole responses; httpx's timeouts restart with every received byte.

The headers of a response are only under httpx's own timeout.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

import httpx2

DEADLINE_EXTENSION = "picard_deadline"


class DeadlineClient(httpx2.Client):
    """A client whose requests raise httpx2.ReadTimeout after so many seconds, even while bytes still arrive."""

    def __init__(self, seconds: float) -> None:
        hooks: dict[str, list[Callable[..., None]]] = {
            "request": [self._set_deadline],
            "response": [_enforce_deadline],
        }
        super().__init__(timeout=seconds, follow_redirects=True, event_hooks=hooks)
        self._seconds = seconds

    def __del__(self) -> None:
        with suppress(Exception):  # also at interpreter shutdown
            self.close()

    def _set_deadline(self, request: httpx2.Request) -> None:
        request.extensions[DEADLINE_EXTENSION] = time.monotonic() + self._seconds


def _enforce_deadline(response: httpx2.Response) -> None:
    response.stream = _DeadlineStream(cast(httpx2.SyncByteStream, response.stream), response.request)


class _DeadlineStream(httpx2.SyncByteStream):
    """A response body that fails after the deadline."""

    def __init__(self, body: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._body, self._request = body, request

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            if time.monotonic() > self._request.extensions[DEADLINE_EXTENSION]:
                raise httpx2.ReadTimeout("the response takes too long", request=self._request)
            yield piece

    def close(self) -> None:
        self._body.close()
