"""A proxy in front of a provider that corrupts its responses, as networks and load balancers do."""

import os
import socket
import struct
import threading
import time
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RETRY_AFTER_S = 3
PIECE, PAUSE_S = 64, 0.2  # a trickled response takes half a minute without a read timeout
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: discard unsent data and reset the connection


class Fault(Enum):
    """A fault applied to responses."""

    NONE = "none"
    RESET = "reset in the middle"
    TRUNCATED = "ended in the middle"
    SILENT = "closed without a byte"
    TRICKLING = "a few bytes at a time"
    LIMITED = "429 with Retry-After"
    GARBAGE = "bytes that are not HTTP"
    HALF_JSON = "truncated JSON with a matching Content-Length"
    HTML = "an HTML page"


WHOLE_RESPONSES = (Fault.NONE, Fault.LIMITED, Fault.HTML, Fault.HALF_JSON)


class FaultProxy(ThreadingHTTPServer):
    """A proxy to a local port that serves during the block. `spoiled` counts the corrupted responses."""

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
        """Ignore clients that disconnect."""


class Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.fault
        if fault is not Fault.NONE:
            self.server.spoiled += 1
        # After a whole response, the connection stays open as it promises: the client may already use it again.
        self.close_connection = fault not in WHOLE_RESPONSES
        if fault is Fault.LIMITED:
            self._send(
                build_response(
                    429, b'{"error": {"message": "Too many requests."}}', f"Retry-After: {RETRY_AFTER_S}"
                )
            )
        elif fault is Fault.HTML:
            self._send(build_response(200, b"<!doctype html><title>Log in to this network</title>"))
        else:
            self._send_with_fault(fault, *self._forward(body))

    def _forward(self, body: bytes) -> tuple[int, bytes, list[str]]:
        """Return status, body and the Retry-After header of the upstream response."""
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        upstream.request("POST", self.path, body, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        wait = answer.getheader("Retry-After")
        return answer.status, content, [f"Retry-After: {wait}"] if wait else []

    def _send_with_fault(self, fault: Fault, status: int, body: bytes, headers: list[str]) -> None:
        answer = build_response(status, body, *headers)
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
                self._send_slowly(answer)
            case Fault.GARBAGE:
                self._send(os.urandom(2_000))
            case Fault.HALF_JSON:
                self._send(build_response(status, body[: len(body) // 2]))

    def _send_slowly(self, answer: bytes) -> None:
        for start in range(0, len(answer), PIECE):
            self._send(answer[start : start + PIECE])
            time.sleep(PAUSE_S)

    def _send(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def build_response(status: int, body: bytes, *headers: str) -> bytes:
    """Return the bytes of an HTTP response."""
    head = [
        f"HTTP/1.1 {status} .",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
