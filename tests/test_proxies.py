"""The proxies of docs/deployment.md in front of a server: what they hand on, what they hold back, what they log."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from picard.home import PROJECT
from tests.processes import free_port, wait_until

HOST = "memory.example.org"
nginx_needed = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing")
WHOLE = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""


class Upstream(ThreadingHTTPServer):
    """Stands for Picard: tells what reached it, and streams /stream in two pieces, the second when it may."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.may_end = Event()


class Told(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        if self.path == "/stream":
            self.wfile.write(b"first")
            self.wfile.flush()
            self.server.may_end.wait(30)
            self.wfile.write(b"second")
        else:
            self.wfile.write(str(self.headers).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class Proxy:
    """nginx as it runs: where it is asked, and its log."""

    plain: int
    tls: int
    log: Path
    upstream: Upstream

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def client(self) -> httpx.Client:
        address = f"https://127.0.0.1:{self.tls}"
        return httpx.Client(base_url=address, verify=False, headers={"Host": HOST})  # noqa: S501


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.may_end.set()
        server.shutdown()


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The documented site, but for its ports, its certificate and where its log lies."""
    folder, plain, tls = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    make_certificate(folder)
    page = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")
    [site] = re.findall(r"`/etc/nginx/conf.d/picard.conf`\):\n\n```\n(.*?)```", page, re.DOTALL)
    for documented, here in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{tls} ",
        f"/etc/letsencrypt/live/{HOST}": str(folder),
        "http://127.0.0.1:8000": f"http://127.0.0.1:{upstream.server_port}",
        "/var/log/nginx": str(folder),
    }.items():
        assert documented in site
        site = site.replace(documented, here)
    (folder / "nginx.conf").write_text(WHOLE.format(folder=folder, site=site))
    with running(folder):
        wait_until(lambda: answers(plain))
        yield Proxy(plain, tls, folder / "picard.log", upstream)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        yield
        process.terminate()


def make_certificate(folder: Path) -> None:
    names = ["-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem", "-subj", f"/CN={HOST}"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *kind, *names], check=True, capture_output=True)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": HOST}).status_code == 301
    except httpx.TransportError:
        return False


@nginx_needed
def test_nginx_tells_who_asked_and_how(proxy: Proxy) -> None:
    headers = proxy.get("/").text
    assert f"Host: {HOST}" in headers
    assert "X-Forwarded-Proto: https" in headers
    assert "X-Forwarded-For: 127.0.0.1" in headers


@nginx_needed
def test_nginx_sends_everybody_to_https(proxy: Proxy) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxy.plain}/memories/", headers={"Host": HOST})
    assert answer.headers["Location"] == f"https://{HOST}/memories/"


@nginx_needed
def test_nginx_lets_a_streamed_answer_through_as_it_comes(proxy: Proxy) -> None:
    with proxy.client() as client, client.stream("GET", "/stream") as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"first"
        proxy.upstream.may_end.set()
        assert b"".join(pieces) == b"second"


@nginx_needed
def test_nginx_logs_no_query(proxy: Proxy) -> None:
    proxy.get("/memories/?q=walrus")
    wait_until(lambda: "GET /memories/" in proxy.log.read_text())
    assert "walrus" not in proxy.log.read_text()
