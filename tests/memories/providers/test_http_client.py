"""Where the texts go: to the origin that users agreed to, whatever the environment and the servers say."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from socketserver import StreamRequestHandler, ThreadingTCPServer

import httpx2
import pytest
from pytest_django import Settings

from core.hosts import Origin
from memories.providers import http_client
from memories.providers.embeddings import CheckedProvider, ProviderRejected, ProviderUnavailable
from memories.providers.embeddings_openai import OpenAICompatibleEmbeddings
from memories.providers.http_client import AsyncProviderClient, ForeignOrigin, ProviderClient
from memories.providers.proxies import find_proxy
from tests.chaos.report import IS_LONG
from tests.embedding_server import KEY, EmbeddingServer, running_embedding_server

SECRET = "my locker code is 4711"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_PROXY")
ODD_VALUES = ("socks5://127.0.0.1:1", "http://[::1", "ftp://127.0.0.1:1", "::::", "http://user:pass@")


class Recorder(ThreadingHTTPServer):
    """Records the first line and the body of everything that it receives, as a proxy or another host."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.received: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Recording(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.received.append(f"{self.requestline} {body}")
        self.send_error(502)

    do_CONNECT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def other() -> Iterator[Recorder]:
    """Another host: nothing may reach it."""
    with Recorder() as recorder:
        thread = threading.Thread(target=recorder.serve_forever, args=(0.02,))
        thread.start()
        yield recorder
        recorder.shutdown()
        thread.join()


@pytest.fixture
def server(settings: Settings) -> Iterator[EmbeddingServer]:
    with running_embedding_server() as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.url, KEY
        yield server


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        for spelling in (name, name.lower()):
            monkeypatch.delenv(spelling, raising=False)


def post_async(base_url: str, path: str, url: str = "") -> httpx2.Response:
    async def post() -> httpx2.Response:
        async with AsyncProviderClient(base_url, 5) as client:
            return await client.post(url or f"{base_url}{path}", json={"input": SECRET})

    return asyncio.run(post())


def post_sync(base_url: str, path: str, url: str = "") -> httpx2.Response:
    return ProviderClient(base_url, 5).post(url or f"{base_url}{path}", json={"input": SECRET})


Post = Callable[..., httpx2.Response]
both = pytest.mark.parametrize("post", [post_sync, post_async])


# --- Redirects --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_redirect_to_another_origin_is_not_followed(
    server: EmbeddingServer, other: Recorder, post: Post, host: str
) -> None:
    server.location = f"http://{host}:{other.server_port}/v1/embeddings"
    with pytest.raises(ForeignOrigin):
        post(server.url, "/embeddings")
    assert other.received == []


@both
def test_redirect_to_another_scheme_is_not_followed(server: EmbeddingServer, post: Post) -> None:
    server.location = f"https://127.0.0.1:{server.server_port}/v1/embeddings"
    with pytest.raises(ForeignOrigin):
        post(server.url, "/embeddings")


@both
def test_redirect_within_the_origin_is_followed(server: EmbeddingServer, post: Post) -> None:
    server.location = "/v1/elsewhere/"
    with pytest.raises(httpx2.TooManyRedirects):  # it redirects everything
        post(server.url, "/embeddings")
    assert [request.path for request in server.requests] == ["/v1/embeddings"] + 3 * ["/v1/elsewhere/"]


@both
def test_request_to_another_origin_is_not_sent(server: EmbeddingServer, other: Recorder, post: Post) -> None:
    with pytest.raises(ForeignOrigin):
        post(server.url, "", url=other.url)
    assert other.received == []


def test_redirected_embeddings_have_a_code_of_their_own(server: EmbeddingServer, other: Recorder) -> None:
    server.location = f"{other.url}/v1/embeddings"
    with pytest.raises(ProviderRejected) as error_info:
        CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)
    assert error_info.value.code == "redirected"
    assert other.received == []


# --- Proxies and certificates ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PROXIES, *(name.lower() for name in PROXIES)])
def test_this_machine_is_never_asked_through_a_proxy(
    server: EmbeddingServer, other: Recorder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, other.url)
    assert CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)
    assert other.received == []


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("name", PROXIES)
def test_odd_proxy_does_not_keep_this_machine_from_answering(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")]
)
def test_absent_certificates_do_not_keep_this_machine_from_answering(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", value) for value in ODD_VALUES if "socks" not in value or find_spec("socksio") is None]
    + [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_FILE", __file__)],
)
@pytest.mark.parametrize("create", [ProviderClient, AsyncProviderClient])
def test_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, create: type, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ProviderRejected, match=name) as error_info:
        create("https://models.example/v1", 5)
    assert error_info.value.code == "misconfigured"
    assert value not in str(error_info.value)  # it may have a password


@both
def test_plain_http_goes_directly_since_a_proxy_would_read_it(
    other: Recorder, monkeypatch: pytest.MonkeyPatch, post: Post
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, other.url)
    with pytest.raises(httpx2.TransportError):
        post("http://models.invalid/v1", "/embeddings")
    assert other.received == []


@both
def test_https_is_tunnelled_through_the_proxy_unread(
    other: Recorder, monkeypatch: pytest.MonkeyPatch, post: Post
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", other.url.replace("http://", "http://user:pass@"))
    with pytest.raises(httpx2.ProxyError):  # the fake proxy opens no tunnel
        post("https://models.example/v1", "/embeddings")
    assert other.received == ["CONNECT models.example:443 HTTP/1.1 "]


@pytest.mark.parametrize(
    ("exempt", "host", "port"),
    [
        ("*", "models.example", 443),
        ("models.example", "models.example", 443),
        ("example", "models.example", 443),
        (".models.example", "eu.models.example", 443),
        ("*.models.example", "eu.models.example", 443),
        ("other.example, models.example", "models.example", 443),
        ("models.example:8443", "models.example", 8443),
        ("https://models.example", "models.example", 443),
        ("10.0.0.0/8", "10.2.3.4", 443),
        ("10.2.3.4", "10.2.3.4", 443),
        ("10.2.3.4:443", "10.2.3.4", 443),
        ("[fd07:b51a:cc66:f0::5]", "fd07:b51a:cc66:f0::5", 443),
        ("fd07:b51a:cc66:f0::/64", "fd07:b51a:cc66:f0::5", 443),
        ("[fd07:b51a:cc66:f0::5]:443", "fd07:b51a:cc66:f0::5", 443),
        ("", "127.0.0.1", 443),
        ("", "127.8.9.1", 443),
        ("", "localhost", 443),
        ("", "::1", 443),
    ],
)
def test_exempt_hosts_are_asked_directly(
    monkeypatch: pytest.MonkeyPatch, exempt: str, host: str, port: int
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert find_proxy(Origin("https", host, port)) is None


@pytest.mark.parametrize(
    "exempt",
    ["", "models.exampl", "smodels.example", "models.example:80", "[::1]", "::1/128", "fd07::/64", "%,[,:"],
)
def test_other_hosts_are_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert find_proxy(Origin("https", "models.example", 443)) == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "url", ["", "models.example/v1", "ftp://models.example", "http://", "http://[::1", "https://:1"]
)
def test_base_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ProviderRejected) as error_info:
        ProviderClient(url, 5)
    assert error_info.value.code == "misconfigured"


def test_resolver_that_does_not_answer_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: released.wait(60))
    settings.OPENAI_BASE_URL, settings.EMBEDDING_TIMEOUT_S = "https://models.example/v1", 0.1
    settings.OPENAI_API_KEY = KEY
    try:
        with pytest.raises(ProviderUnavailable, match="timeout"):
            CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)
    finally:
        released.set()


def test_password_in_the_base_url_is_sent_to_its_host_only(
    server: EmbeddingServer, settings: Settings
) -> None:
    settings.OPENAI_BASE_URL = server.url.replace("http://", "http://name:password@")
    provider = CheckedProvider(OpenAICompatibleEmbeddings())
    with pytest.raises(ProviderRejected, match="401") as error_info:  # the fake server knows only the key
        provider.embed_query(SECRET)
    assert "password" not in f"{error_info.value} {provider.identity}"
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


def test_endless_response_is_cut(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_RESPONSE_BYTES", 1_000)
    with pytest.raises(Exception, match="bad_answer"):
        CheckedProvider(OpenAICompatibleEmbeddings()).embed_query(SECRET)


@pytest.mark.parametrize("phase", ["status", "header", "continue", "body"])
def test_answer_in_drips_ends_at_the_time_limit(phase: str) -> None:
    begun = {"status": "", "header": "HTTP/1.1 200 OK\r\n", "continue": "", "body": BODY_FOLLOWS}[phase]
    drip = {"status": "H", "header": "x", "continue": "HTTP/1.1 100 Continue\r\n\r\n", "body": " "}[phase]
    with dripping(begun.encode(), drip.encode()) as (url, drips):
        with pytest.raises(httpx2.TimeoutException):
            ProviderClient(url, 0.5).post(url, json={"input": SECRET})
        assert len(drips) < MOST_DRIPS / 2


@both
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_compressed_answer_is_refused_unread(post: Post, encoding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n"
    with dripping(head.encode() + bomb, b"") as (url, _), pytest.raises(httpx2.DecodingError):
        post(url, "")


@both
def test_no_compression_is_asked_for(server: EmbeddingServer, post: Post) -> None:
    post(server.url, "/embeddings")
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


MOST_DRIPS = 600
BODY_FOLLOWS = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def dripping(begun: bytes, drip: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with `begun`, and then with `drip` ten times a second. Yields its URL, and what dripped."""
    drips = list[bytes]()

    class Dripping(StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            with suppress(OSError):
                self.wfile.write(begun)
                for _ in range(MOST_DRIPS if drip else 0):
                    self.wfile.write(drip)
                    drips.append(drip)
                    time.sleep(0.1)

    with ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", drips
        server.shutdown()
        thread.join()


# --- What libraries read by themselves ------------------------------------------------------------


READ_BY_LIBRARIES = {
    "OPENAI_API_BASE": "http://127.0.0.1:9/v1",
    "OPENAI_ORG_ID": "org-of-somebody",
    "OPENAI_PROJECT_ID": "project",
    "OPENAI_CUSTOM_HEADERS": "x-spy: yes",
    "OPENAI_PROXY": "http://127.0.0.1:9",
    "OPENAI_LOG": "debug",
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_API_KEY": "lsv2",
    "LANGSMITH_GATEWAY": "true",
    "LANGCHAIN_TRACING_V2": "true",
    "LANGCHAIN_ENDPOINT": "http://127.0.0.1:9",
}


def test_libraries_read_nothing_from_the_environment() -> None:
    """In a process of its own: nothing of it may have been imported. The long form imports the slow library, too."""
    script = """
import json, os, sys
import django
django.setup()
from memories.providers.http_client import isolate_libraries
isolate_libraries()
from langsmith.utils import tracing_is_enabled
found = {"tracing": tracing_is_enabled(), "variables": [n for n in os.environ if n.startswith(("OPENAI", "LANG"))]}
if "long" in sys.argv:
    import openai
    client = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:1/v1")
    sent = client.default_headers
    found["headers"] = [n for n in sent if n.lower() in ("x-spy", "openai-organization", "openai-project") and sent[n]]
print(json.dumps(found))"""
    variables = {**os.environ, **READ_BY_LIBRARIES, "OPENAI_API_KEY": "kept", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", script, *(["long"] if IS_LONG else [])],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["tracing"] is False
    assert sorted(found["variables"]) == ["LANG", "OPENAI_API_KEY"]
    assert found.get("headers", []) == []
