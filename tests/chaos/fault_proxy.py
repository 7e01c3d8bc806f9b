"""A proxy on the way to a provider that spoils its answers, as networks and load balancers do."""

import os
import socket
import struct
import threading
import time
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RETRY_AFTER_S = 3
PIECE, PAUSE_S = 64, 0.2  # an answer that trickles takes half a minute, and no read of it times out
RESET_AT_CLOSE = struct.pack(
    "ii", 1, 0
)  # SO_LINGER: what was not sent is thrown away, the other side is reset


class Fault(Enum):
    """What becomes of an answer on its way."""

    NONE = "none"
    RESET = "reset in the middle"
    TRUNCATED = "ended in the middle"
    SILENT = "closed without a byte"
    TRICKLING = "a few bytes at a time"
    LIMITED = "429 with Retry-After"
    GARBAGE = "bytes that are no HTTP"
    HALF_JSON = "half of the JSON, as if it were whole"
    HTML = "a page instead"


class FaultProxy(ThreadingHTTPServer):
    """Serves as long as the block, on the way to the port of a server on this machine; `spoiled` counts."""

    daemon_threads = True
    fault = Fault.NONE

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = port
        self.spoiled = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that did not wait is no news."""


class Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.fault
        if fault is not Fault.NONE:
            self.server.spoiled += 1
            self.close_connection = True
        if fault is Fault.LIMITED:
            self._send(whole(429, b'{"error": {"message": "Too many."}}', f"Retry-After: {RETRY_AFTER_S}"))
        elif fault is Fault.HTML:
            self._send(whole(200, b"<!doctype html><title>Log in to this network</title>"))
        else:
            self._spoil(fault, *self._ask(asked))

    def _ask(self, asked: bytes) -> tuple[int, bytes, list[str]]:
        """Status, body, and the one header that matters besides."""
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        upstream.request("POST", self.path, asked, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        wait = answer.getheader("Retry-After")
        return answer.status, body, [f"Retry-After: {wait}"] if wait else []

    def _spoil(self, fault: Fault, status: int, body: bytes, headers: list[str]) -> None:
        answer = whole(status, body, *headers)
        match fault:
            case Fault.NONE:
                self._send(answer)
            case Fault.RESET:
                self._send(answer[: len(answer) // 2])
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                self.connection.close()
            case Fault.TRUNCATED:
                self._send(answer[: len(answer) // 2])
            case Fault.TRICKLING:
                self._trickle(answer)
            case Fault.GARBAGE:
                self._send(os.urandom(2_000))
            case Fault.HALF_JSON:
                self._send(whole(status, body[: len(body) // 2]))

    def _trickle(self, answer: bytes) -> None:
        for start in range(0, len(answer), PIECE):
            self._send(answer[start : start + PIECE])
            time.sleep(PAUSE_S)

    def _send(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def whole(status: int, body: bytes, *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    head = [
        f"HTTP/1.1 {status} .",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
