"""A slow or failing line: an HTTP proxy in front of the server under test, which tests make slow, cut or refuse."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Line(ThreadingHTTPServer):
    """Forwards to `site`.

    delay_s: of requests whose method and path contain `slow`. status: the answer to every POST instead of the site's.
    cut: every POST reaches the site, but its answer is lost.
    """

    daemon_threads = True

    def __init__(self, site: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repair()

    def repair(self) -> None:
        self.delay_s, self.slow, self.status, self.is_cut = 0.0, "POST ", 0, False

    def handle_error(self, request: object, client_address: object) -> None:
        """The browser closed the connection, as it does when it leaves a page."""


@contextmanager
def line_to(site: str) -> Iterator[Line]:
    with Line(site) as line:
        thread = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield line
        finally:
            line.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Line

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def _forward(self) -> None:
        line = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if line.slow in f"{self.command} {self.path}":
            time.sleep(line.delay_s)
        if self.command == "POST" and line.status:
            self._answer(line.status, [], b"")
            return
        host = urlsplit(line.site).netloc
        client = http.client.HTTPConnection(host, timeout=30)
        try:
            sent = {name: value.replace(line.url, line.site) for name, value in self.headers.items()}
            client.request(self.command, self.path, body, sent | {"Host": host, "Connection": "close"})
            response = client.getresponse()
            content = response.read()
        finally:
            client.close()
        if self.command == "POST" and line.is_cut:
            self.close_connection = True
            return
        self._answer(response.status, response.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value.replace(self.server.site, self.server.url))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
