"""HTTP clients for providers. Only here is decided which host receives a text, and on which way.

A client speaks to one origin, that of its base URL, which is what users consented to: any other request, such as one
after a redirect, raises `ForeignOrigin` before it is sent. The libraries' habit of reading the environment is off:

- A proxy is used for https only, which it cannot read, and never for this machine (proxies.py).
- Certificates are those of the system, or of SSL_CERT_FILE or SSL_CERT_DIR. SSLKEYLOGFILE is ignored.

A variable that cannot be used raises ProviderRejected ("misconfigured"), and its message names the variable.

Responses are not compressed, since a small one could unpack to any size, and have at most MAX_RESPONSE_BYTES.
"""

import logging
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, cast

import httpx2

from core.hosts import Origin, is_loopback_host, parse_origin
from core.network.deadlines import Deadline, DeadlineTransport
from memories.providers.embeddings import ProviderRejected
from memories.providers.proxies import find_proxy, read_variable

MAX_RESPONSE_BYTES = 50_000_000  # 256 vectors of 8,192 dimensions as decimal numbers
MAX_REDIRECTS = 3  # within the origin
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# What the openai and langchain libraries read by themselves: other hosts, keys, organizations, headers, and a service
# that receives whole prompts (LangSmith's tracing and its gateway).
LIBRARY_PREFIXES = ("OPENAI_", "AZURE_OPENAI_", "LANGCHAIN_", "LANGSMITH_", "LANGGRAPH_")
LIBRARY_VARIABLES = frozenset({"LC_OUTPUT_VERSION", "SSLKEYLOGFILE"})
# At DEBUG these loggers write whole requests, including texts and URLs.
VERBOSE_LOGGERS = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "langchain_openai")
OWN_VARIABLES = frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL"})  # settings, and given to clients explicitly


class ForeignOrigin(httpx2.RequestError):
    """The request would go to another scheme, host or port than the base URL's. It was not sent."""


class ResponseTooLarge(httpx2.RequestError):
    """The response has more than MAX_RESPONSE_BYTES."""


class ProviderClient(httpx2.Client):
    """Sends requests to the origin of `base_url` only.

    Raises httpx2.TimeoutException `seconds` after the beginning of a request, even while bytes still arrive: httpx's
    timeouts restart with each of them. Creating one raises ProviderRejected.
    """

    def __init__(self, base_url: str, seconds: float) -> None:
        origin = parse_provider_origin(base_url)
        options = _build_options(origin, seconds)
        transport = DeadlineTransport(verify=options["verify"], proxy=options.pop("proxy"), trust_env=False)
        # Not bound methods: without a cycle, connections are closed as soon as the client is dropped.
        check = partial(_check_request, origin=origin, dialled=_get_dialled_host(origin), seconds=seconds)
        super().__init__(
            **options, transport=transport, event_hooks={"request": [check], "response": [_limit_response]}
        )

    def __del__(self) -> None:
        if suppress is not None:  # at interpreter shutdown it is None
            with suppress(Exception):
                self.close()


class AsyncProviderClient(httpx2.AsyncClient):
    """ProviderClient for one event loop, without the deadline: use `asyncio.timeout`. The caller closes it."""

    def __init__(self, base_url: str, seconds: float) -> None:
        origin = parse_provider_origin(base_url)
        check = partial(_check_async_request, origin=origin)
        super().__init__(
            **_build_options(origin, seconds),
            event_hooks={"request": [check], "response": [_limit_async_response]},
        )


def parse_provider_origin(base_url: str) -> Origin:
    """Return the origin that receives the texts. Raises ProviderRejected if the URL has none."""
    try:
        url = httpx2.URL(base_url).copy_with(userinfo=b"", query=None, fragment=None)
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL("")
    origin = parse_origin(str(url))
    if origin is None or origin.scheme not in ("http", "https"):
        raise ProviderRejected("misconfigured", "The base URL is not an http or https URL.")
    return origin


@lru_cache(maxsize=1)
def isolate_libraries() -> None:
    """Make the openai and langchain libraries ignore the environment. Call it before one of them is imported.

    Prompts then go to no tracing service, whatever LANGSMITH_* says, and request logs stay off.
    """
    for name in list(os.environ):
        upper = name.upper()
        if upper in LIBRARY_VARIABLES or (upper.startswith(LIBRARY_PREFIXES) and upper not in OWN_VARIABLES):
            os.environ.pop(name, None)
    with suppress(ImportError):
        import langsmith

        langsmith.configure(enabled=False)  # before its own, cached reading of the environment


def silence_loggers() -> None:
    for name in VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def find_origin_error(error: BaseException | None) -> ForeignOrigin | None:
    """Return the ForeignOrigin that a library's error was raised from, if any."""
    while error is not None and not isinstance(error, ForeignOrigin):
        error = error.__cause__
    return error


# --- Private ------------------------------------------------------------------------------------------


def _build_options(origin: Origin, seconds: float) -> dict[str, Any]:
    context = _build_ssl_context(origin)
    proxy = find_proxy(origin)
    return {
        "timeout": seconds,
        "headers": {"Accept-Encoding": "identity"},
        "trust_env": False,
        "verify": context,
        "proxy": None if proxy is None else _build_proxy(proxy, context),
        "follow_redirects": True,
        "max_redirects": MAX_REDIRECTS,
    }


def _build_proxy(url: str, context: ssl.SSLContext) -> httpx2.Proxy:
    is_encrypted = url.lower().startswith("https:")  # httpx2 allows a context for no other scheme
    return httpx2.Proxy(url, ssl_context=context if is_encrypted else None)


def _get_dialled_host(origin: Origin) -> str:
    """Return the host to connect to: the proxy's, or the origin's."""
    proxy = find_proxy(origin)
    return origin.host if proxy is None else httpx2.URL(proxy).host


def _check_request(request: httpx2.Request, *, origin: Origin, dialled: str, seconds: float) -> None:
    _refuse_foreign_origin(request, origin)
    if not isinstance(request.extensions["timeout"]["read"], Deadline):  # else it is redirected
        request.extensions["timeout"] = Deadline(seconds).as_timeouts()
    if not is_loopback_host(dialled) and not _does_resolve_within(dialled, seconds):
        raise httpx2.ConnectTimeout("the host's name is not resolved in time", request=request)


def _does_resolve_within(host: str, seconds: float) -> bool:
    """Return False if the resolver does not answer in time, which no time limit of httpx or of sockets covers.

    An unknown name is an answer: connecting then fails at once. The thread ends when the resolver gives up.
    """

    def resolve() -> None:
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(host, None)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


async def _check_async_request(request: httpx2.Request, *, origin: Origin) -> None:
    _refuse_foreign_origin(request, origin)


def _refuse_foreign_origin(request: httpx2.Request, origin: Origin) -> None:
    url = request.url
    asked = parse_origin(f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}")
    if asked != origin:
        raise ForeignOrigin("the request leaves the origin of the base URL", request=request)


def _build_ssl_context(origin: Origin) -> ssl.SSLContext:
    if origin.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
    return _load_certificates(*(read_variable(name) or None for name in CERTIFICATE_VARIABLES))


@lru_cache(maxsize=4)
def _load_certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return a context that trusts these certificates (as OpenSSL does instead of the system's), else the system's."""
    if file is None and folder is None:
        return httpx2.create_ssl_context(trust_env=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file, folder)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ProviderRejected(
            "misconfigured", "SSL_CERT_FILE or SSL_CERT_DIR has no readable certificates."
        ) from None
    return context


def _limit_response(response: httpx2.Response) -> None:
    _refuse_compression(response)
    response.stream = _LimitedStream(cast(httpx2.SyncByteStream, response.stream), response.request)


async def _limit_async_response(response: httpx2.Response) -> None:
    _refuse_compression(response)
    response.stream = _AsyncLimitedStream(cast(httpx2.AsyncByteStream, response.stream), response.request)


def _refuse_compression(response: httpx2.Response) -> None:
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise httpx2.DecodingError("the response is compressed", request=response.request)


class _LimitedStream(httpx2.SyncByteStream):
    """A response body that fails with too many bytes."""

    def __init__(self, body: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._body, self._request = body, request

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            size += len(piece)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge("the response is too large", request=self._request)
            yield piece

    def close(self) -> None:
        self._body.close()


class _AsyncLimitedStream(httpx2.AsyncByteStream):
    """A response body that fails with too many bytes."""

    def __init__(self, body: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._body, self._request = body, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._body:
            size += len(piece)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge("the response is too large", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
