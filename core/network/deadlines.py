"""One deadline for all of an HTTP request: httpx's own timeouts restart with each byte that arrives."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpcore2
import httpx2

WRITE_BYTES = 65_536  # of which each has what is left of the time


class Deadline(float):
    """The seconds that a request may take. As its timeout, it reaches each step of the connection below."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def as_timeouts(self) -> dict[str, "Deadline"]:
        """Return the extension `timeout` of a request, which has this one deadline."""
        return dict.fromkeys(("connect", "read", "write", "pool"), self)

    def get_left(self) -> float:
        return self._ends_at - time.monotonic()


def _limit_step(timeout: float | None, error: Callable[[str], Exception]) -> float | None:
    """Return the seconds for a step. Raises `error` if none are left."""
    if isinstance(timeout, Deadline) and (timeout := timeout.get_left()) <= 0:
        raise error("the request takes too long")
    return timeout


class DeadlineTransport(httpx2.HTTPTransport):
    """Ends each request whose timeouts are a Deadline when it says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpx passes this option of the pool on to nobody.
        self._pool._network_backend = _NetworkBackend(self._pool._network_backend)


class _NetworkBackend(httpcore2.NetworkBackend):
    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore2.NetworkStream:
        seconds = _limit_step(timeout, httpcore2.ConnectTimeout)
        return _NetworkStream(self._backend.connect_tcp(host, port, seconds, *args, **options))


class _NetworkStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _limit_step(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), WRITE_BYTES):
            piece = buffer[at : at + WRITE_BYTES]
            self._stream.write(piece, _limit_step(timeout, httpcore2.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = _limit_step(timeout, httpcore2.ConnectTimeout)
        return _NetworkStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
