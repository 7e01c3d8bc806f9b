"""The nginx configuration of docs/deployment.md in front of a server: headers, buffering, limits and logs."""

import http.client
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.urls import get_resolver, reverse

from picard.config.log_config import SECRET_PARTS
from picard.config.paths import PROJECT
from tests.processes import end_with_parent, free_port, wait_until

HOST = "memory.example.org"
FIRST = b"the start of a long file"
nginx_needed = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing")
NGINX_CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""


class Upstream(ThreadingHTTPServer):
    """A stand-in for Picard that returns the request headers.

    /stream comes in two pieces, the second after `may_finish` is set. /broken gets no response. A POST gets the first
    bytes of its body back.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), UpstreamHandler)
        self.may_finish = Event()


class UpstreamHandler(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        if self.path.startswith("/broken"):
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/stream":
            self.wfile.write(b"first")
            self.wfile.flush()
            self.server.may_finish.wait(30)
            self.wfile.write(b"second")
        else:
            self.wfile.write(str(self.headers).encode())

    def do_POST(self) -> None:
        first = self.rfile.read(len(FIRST))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(first)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@dataclass
class Proxy:
    """A running nginx: its ports and the folder of its logs."""

    plain: int
    tls: int
    folder: Path
    upstream: Upstream

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def post_first_bytes(self, path: str, length: int) -> tuple[int, bytes]:
        """Send the first bytes of a body and no more; return status and body of the response."""
        insecure = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection("127.0.0.1", self.tls, timeout=10, context=insecure)
        with closing(connection):
            connection.request("POST", path, FIRST, {"Host": HOST, "Content-Length": str(length)})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def read_logs(self) -> str:
        """Return the contents of all logs, after the log has the last request."""
        last = f"/{token_hex()}/"
        self.get(last)
        wait_until(lambda: last in (self.folder / "picard.log").read_text())
        return "".join(log.read_text() for log in self.folder.glob("*.log"))

    def client(self) -> httpx.Client:
        address = f"https://127.0.0.1:{self.tls}"
        return httpx.Client(base_url=address, verify=False, headers={"Host": HOST})  # noqa: S501


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.may_finish.set()
        server.shutdown()


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The documented site with other ports, certificate and log folder."""
    folder, plain, tls = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    create_certificate(folder)
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
    (folder / "nginx.conf").write_text(NGINX_CONFIG.format(folder=folder, site=site))
    with run_nginx(folder):
        wait_until(lambda: is_running(plain))
        yield Proxy(plain, tls, folder, upstream)


@contextmanager
def run_nginx(folder: Path) -> Iterator[None]:
    command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent) as process:
        yield
        process.terminate()


def create_certificate(folder: Path) -> None:
    names = ["-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem", "-subj", f"/CN={HOST}"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *kind, *names], check=True, capture_output=True)


def is_running(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": HOST}).status_code == 301
    except httpx.TransportError:
        return False


@nginx_needed
def test_nginx_forwards_host_protocol_and_client_address(proxy: Proxy) -> None:
    headers = proxy.get("/").text
    assert f"Host: {HOST}" in headers
    assert "X-Forwarded-Proto: https" in headers
    assert "X-Forwarded-For: 127.0.0.1" in headers


@nginx_needed
def test_nginx_redirects_to_https(proxy: Proxy) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxy.plain}/memories/", headers={"Host": HOST})
    assert answer.headers["Location"] == f"https://{HOST}/memories/"


@nginx_needed
def test_nginx_does_not_buffer_streamed_responses(proxy: Proxy) -> None:
    with proxy.client() as client, client.stream("GET", "/stream") as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"first"
        proxy.upstream.may_finish.set()
        assert b"".join(pieces) == b"second"


@nginx_needed
@pytest.mark.parametrize("name", ["memories:bring", "api:imports"])
def test_nginx_does_not_buffer_uploads(proxy: Proxy, name: str) -> None:
    assert proxy.post_first_bytes(reverse(name), settings.MAX_IMPORT_BYTES) == (200, FIRST)


@nginx_needed
@pytest.mark.parametrize("path", ["/memories/new/", "/api/v1/memories/", "/memories/import/x/", "/mcp"])
def test_nginx_limits_the_body_size_elsewhere(proxy: Proxy, path: str) -> None:
    assert proxy.post_first_bytes(path, 2 * settings.MAX_BODY_BYTES)[0] == 413


@nginx_needed
@pytest.mark.parametrize("path", ["/memories/?q=walrus", "/broken/?q=walrus"])
def test_nginx_logs_no_query_strings(proxy: Proxy, path: str) -> None:
    proxy.get(path)
    httpx.get(f"http://127.0.0.1:{proxy.plain}{path}", headers={"Host": HOST})
    assert "walrus" not in proxy.read_logs()


@nginx_needed
def test_nginx_masks_secrets_in_logged_paths(proxy: Proxy) -> None:
    for number, path in enumerate(get_secret_paths("walrus")):
        proxy.get(path)
        assert proxy.read_logs().count("<secret>") == number + 1
    assert "walrus" not in proxy.read_logs()


def get_secret_paths(secret: str) -> list[str]:
    """Return a path of each page with a secret in its path."""
    secrets = "|".join(SECRET_PARTS)
    patterns = [
        pattern for pattern in get_patterns(get_resolver()) if re.search(rf"<(\w+:)?({secrets})>", pattern)
    ]
    assert len(patterns) >= 4
    return [
        "/" + re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]*>|[$^]", lambda part: secret if "<" in part[0] else "", each)
        for each in patterns
    ]


def get_patterns(resolver: Any, before: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        whole = f"{before}{each.pattern}"
        yield from get_patterns(each, whole) if hasattr(each, "url_patterns") else [whole]
