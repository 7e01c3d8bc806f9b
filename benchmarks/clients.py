"""HTTP clients: fast ones with keep-alive, slow ones, and one with an oversized upload."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

CHUNK = b"x" * 65_536
SLOW_PAUSE_S = 1.0
UPLOAD_TIMEOUT_S = 60.0
PATIENCE_S = 10.0  # to wait for outstanding responses at the end
END_OF_HEAD = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Requests(Protocol):
    """The requests of a load to one server."""

    @property
    def port(self) -> int: ...

    def next_request(self) -> bytes | None:
        """Return the next complete request, None if there are no more."""

    def is_success(self, response: bytearray) -> bool:
        """Judge a complete response, with its head."""


@dataclass(frozen=True)
class Target:
    """A server and the request to repeat: GET, or POST with a JSON body.

    headers: complete lines with line endings.
    """

    port: int
    path: str
    expected: int = 200
    cookie: str = ""
    headers: str = ""
    body: bytes = b""

    @property
    def request(self) -> bytes:
        cookie = f"Cookie: {self.cookie}\r\n" if self.cookie else ""
        method, body_headers = "GET", ""
        if self.body:
            method, body_headers = (
                "POST",
                f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n",
            )
        head = f"{method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}{self.headers}{body_headers}\r\n"
        return head.encode() + self.body

    def next_request(self) -> bytes:
        return self.request

    def is_success(self, response: bytearray) -> bool:
        return parse_status(response) == self.expected


class Rotation:
    """The same request by several users in turn: one alone may use only their share of the server."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.port = targets[0].port
        self._expected, self._turns = targets[0].expected, itertools.cycle([each.request for each in targets])

    def next_request(self) -> bytes:
        return next(self._turns)

    def is_success(self, response: bytearray) -> bool:
        return parse_status(response) == self._expected


@dataclass
class Load:
    """Results of clients: latencies of expected responses, number of errors, and duration."""

    ms: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0

    def add(self, other: "Load") -> None:
        self.ms += other.ms
        self.errors += other.errors
        self.seconds += other.seconds

    @property
    def requests_per_second(self) -> float:
        return len(self.ms) / self.seconds if self.seconds else 0.0


async def send_requests(
    requests: Requests, *, connections: int, seconds: float, patience_s: float = PATIENCE_S
) -> Load:
    """Send requests on each connection for `seconds`, then wait for the last responses."""
    load = Load()
    started_at = time.perf_counter()
    clients = [_Client(requests, load, started_at + seconds) for _ in range(connections)]
    await asyncio.gather(*(client.open() for client in clients))
    await asyncio.wait([client.done for client in clients], timeout=seconds + patience_s)
    load.seconds = time.perf_counter() - started_at
    for client in clients:
        client.close()
    return load


class _Client(asyncio.Protocol):
    """One connection, reopened when the server closes it."""

    def __init__(self, requests: Requests, load: Load, deadline: float) -> None:
        self._requests, self._load, self._deadline = requests, load, deadline
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._opening: asyncio.Task[None] | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._requests.port)
        except OSError:
            self._load.errors += 1
            self.close()

    def close(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._send_request()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_complete(self._received):
            return
        now = time.perf_counter()
        if self._requests.is_success(self._received):
            self._load.ms.append((now - self._sent_at) * 1000)
        else:
            self._load.errors += 1
        if now < self._deadline:
            self._send_request()
        else:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done() and time.perf_counter() < self._deadline:
            self._opening = asyncio.ensure_future(self.open())
        else:
            self.close()

    def _send_request(self) -> None:
        assert self._transport  # noqa: S101
        request = self._requests.next_request()
        if request is None:
            self.close()
            return
        self._received.clear()
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def parse_status(response: bytearray) -> int:
    return int(response[9:12])


def _is_complete(received: bytearray) -> bool:
    """Return whether the response has arrived: its head, and the body that it declares or its last chunk."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return False
    head = bytes(received[:end]).lower()
    if b"transfer-encoding: chunked" in head:
        return received.endswith(LAST_CHUNK)
    _, separator, rest = head.partition(b"content-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if separator else 0
    return len(received) >= end + len(END_OF_HEAD) + length


@contextlib.asynccontextmanager
async def run_slow_clients(port: int, count: int) -> AsyncIterator[None]:
    """Run clients of which half send their head and half their body at one byte per second."""
    tasks = [asyncio.create_task(_send_slowly(port, sends_body=bool(index % 2))) for index in range(count)]
    await asyncio.sleep(2 * SLOW_PAUSE_S)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_slowly(port: int, *, sends_body: bool) -> None:
    head = b"POST /memories/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    while True:  # reopened when the server closes it
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(head + b"\r\n" if sends_body else head)
                for byte in b"X-Slow: " + b"a" * 900:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(SLOW_PAUSE_S)
            finally:
                writer.close()


@dataclass(frozen=True)
class UploadResult:
    """Result of an oversized upload; status is 0 without a response."""

    status: int
    sent: int


def send_upload(port: int, total_bytes: int, *, chunked: bool) -> UploadResult:
    """Send up to `total_bytes` until the server closes the connection, then read its response."""
    length_header = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {total_bytes}"
    chunk = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK) if chunked else CHUNK
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=UPLOAD_TIMEOUT_S) as raw:
        try:
            raw.sendall(
                f"POST /memories/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\n{length_header}\r\n\r\n".encode()
            )
            while sent < total_bytes:
                raw.sendall(chunk)
                sent += len(CHUNK)
        except OSError:
            pass  # expected: the server closed the connection
        with contextlib.suppress(OSError):
            return UploadResult(int(raw.recv(65_536)[9:12] or 0), sent)
    return UploadResult(0, sent)
