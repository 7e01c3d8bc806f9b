"""An HTTP client whose answers are whole within a time. httpx's own time-outs start anew with every byte that comes.

The headers of an answer are under httpx's time-out alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

import httpx2

DEADLINE_EXTENSION = "picard_deadline"


class DeadlineClient(httpx2.Client):
    """Its requests raise httpx2.ReadTimeout after so many seconds, also where bytes still come."""

    def __init__(self, seconds: float) -> None:
        hooks: dict[str, list[Callable[..., None]]] = {
            "request": [self._set_deadline],
            "response": [_enforce_deadline],
        }
        super().__init__(timeout=seconds, follow_redirects=True, event_hooks=hooks)
        self._seconds = seconds

    def __del__(self) -> None:
        with suppress(
            Exception
        ):  # whoever forgets a provider forgets its connections too, also at the very end
            self.close()

    def _set_deadline(self, request: httpx2.Request) -> None:
        request.extensions[DEADLINE_EXTENSION] = time.monotonic() + self._seconds


def _enforce_deadline(response: httpx2.Response) -> None:
    response.stream = _DeadlineStream(cast(httpx2.SyncByteStream, response.stream), response.request)


class _DeadlineStream(httpx2.SyncByteStream):
    """The body of an answer, until the deadline."""

    def __init__(self, body: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._body, self._request = body, request

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            if time.monotonic() > self._request.extensions[DEADLINE_EXTENSION]:
                raise httpx2.ReadTimeout("the answer takes too long", request=self._request)
            yield piece

    def close(self) -> None:
        self._body.close()
