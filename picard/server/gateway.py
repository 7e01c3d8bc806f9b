"""ASGI application in front of Django: a few native paths, all others through one thread pool.

Django's ASGI handler starts a new thread for every request, which costs more than a simple view. A thread pool alone
stalls on slow clients. Here, the body is read before a thread is taken, and the response is sent after the thread is
released. Each thread keeps its database connection.
"""

import asyncio
import io
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import IO, Any

from django.utils import translation
from django.utils.translation import gettext_noop as _

from core import request_threads
from core.web.page_language import read_language
from picard.server.clients import HEALTH_PATHS, ClientDirectory
from picard.server.concurrency import ConcurrencyLimit
from picard.server.request_pool import RequestPool
from picard.server.upload_slots import UploadReplaced, UploadSlot, UploadSlots
from picard.server.wsgi import (
    SPOOL_BYTES,
    Scope,
    WsgiApplication,
    WsgiResponse,
    build_environ,
    build_error_page,
    build_problem,
    run_application,
)

CHUNK_BYTES = 65_536
BODY_TIMEOUT_S = 120  # for a whole request body
UPLOAD_TIMEOUT_S = 3_600  # for a large file from a logged-in user
UPLOAD_PIECE_BYTES, UPLOAD_PIECE_S = 1_000_000, 30  # the least pace: each further piece within this time
UPLOAD_WAIT_S = 60  # for another upload to end
DRAIN_TIMEOUT_S = 5  # for the rest of a rejected upload
NATIVE_GRACE_S = 1.0  # in which the native application ends after its client has disconnected
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 9.2.1
MAX_WAITING = 256  # requests that wait for a thread; further ones get 503, except the first of a client
MAX_WAITING_OF_CLIENT = 128

# Headline and text of the page for a browser. The templates of the other error pages have them, too.
PAGES = {
    HTTPStatus.SERVICE_UNAVAILABLE: (
        _("Too many requests"),
        _("Your changes may not have been saved. Go back, wait a moment, and try again."),
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        _("This took too long"),
        _("The form arrived incomplete. Go back and send it again: what you typed should still be there."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        _("Form too large"),
        _(
            "The text is too long for this form. Go back: what you typed should still be there. "
            "You can import long texts on the import page."
        ),
    ),
}

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Any], Awaitable[None]]


class RequestRejected(Exception):
    """The gateway responds to the request itself, without calling Django."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        self.status, self.detail, self.headers = status, detail, headers

    def build_response(self, scope: Scope) -> WsgiResponse:
        """Return a page for browsers that open one, in their language, otherwise a problem in English."""
        headers = dict(scope["headers"])
        if not headers.get(b"accept", b"").startswith(b"text/html"):
            return build_problem(self.status, self.detail, self.headers)
        language = read_language(headers.get(b"accept-language", b""), headers.get(b"cookie", b""))
        with translation.override(language):
            headline, text = map(translation.gettext, PAGES[self.status])
        return build_error_page(self.status, language, headline, text, self.headers)


class Gateway:
    """Routes `native_paths` to `native`, other requests to `wsgi` in one of `threads` threads.

    Of one client, as many requests run at once as `request_limit` says, and as many uploads as `upload_limit` says;
    further ones wait.
    Responses of `wsgi` are buffered before they are sent, unless a view defers its body (core/deferred_responses.py).
    `on_rejection` is called with method, status and seconds of each request that neither of them handles.
    """

    def __init__(
        self,
        native: AsgiApplication,
        wsgi: WsgiApplication,
        *,
        threads: int,
        clients: ClientDirectory,
        request_limit: ConcurrencyLimit,
        upload_limit: ConcurrencyLimit,
        max_body_bytes: int,
        native_paths: Iterable[str] = (),
        upload_paths: Iterable[str] = (),
        max_upload_bytes: int = 0,
        max_waiting: int = MAX_WAITING,
        on_rejection: Callable[[str, int, float], None] = lambda *_: None,
    ) -> None:
        self._native = native
        self._wsgi = wsgi
        self._max_body_bytes = max_body_bytes
        self._native_paths = frozenset(native_paths)
        self._upload_paths = frozenset(upload_paths)
        self._max_upload_bytes = max_upload_bytes
        self._clients = clients
        self._request_limit, self._upload_limit = request_limit, upload_limit
        self._upload_slots = UploadSlots()
        self._pool = RequestPool(threads, request_limit)
        self._in_flight: Counter[str] = Counter()
        self._max_in_flight = threads + max_waiting
        self._on_rejection = on_rejection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handle_http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._handle_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _handle_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_at = time.perf_counter()
        client = ""
        try:
            if self._is_upload(scope) and await self._can_upload(
                client := await self._identify(scope), scope
            ):
                response = await self._receive_upload(client, scope, receive)
            else:
                body = await read_body(scope, receive, self._max_body_bytes, BODY_TIMEOUT_S)
                client = client or await self._identify(scope)
                if scope["path"] in self._native_paths:
                    with body.file:
                        await self._run_native(scope, body.replay_messages(receive), send)
                    return
                response = await self._run_in_thread(client, scope, body)
        except RequestRejected as rejection:
            response = rejection.build_response(scope)
            self._on_rejection(scope["method"], response.status, time.perf_counter() - started_at)
            with response.body:
                await _send_response(response, send, is_head=scope["method"] == "HEAD")
            if self._is_upload(scope):
                await _drain_body(receive)
            return
        with response.body:
            await _send_response(response, send, is_head=scope["method"] == "HEAD")

    async def _identify(self, scope: Scope) -> str:
        """Return the client of a request, and let code on the event loop use its threads."""
        client, credential = self._clients.find(scope)
        if credential is not None:
            look_up = partial(self._clients.identify, credential)
            # Not behind other requests of the network: many users may share it.
            user = await self._pool.run(f"{client} credentials", look_up, may_write=False)
            if user is not None:
                self._clients.remember(credential, user)
                client = user
        if scope["path"] not in HEALTH_PATHS:  # monitoring is nobody whom a busy client would delay
            self._request_limit.note_request(client)
        request_threads.set_runner(partial(self._pool.run, client, may_write=_may_write(scope)))
        return client

    async def _run_native(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the native application. If the client disconnects, `receive` tells it so, and it ends by itself.

        Django would leave a view running whose handler is cancelled.
        """
        native = asyncio.ensure_future(self._native(scope, receive, send))
        try:
            await asyncio.shield(native)
        except asyncio.CancelledError:
            await asyncio.wait({native}, timeout=NATIVE_GRACE_S)
            native.cancel()
            raise

    def _is_upload(self, scope: Scope) -> bool:
        """Return whether the body exceeds the general limit, at a path that accepts large files."""
        is_upload_path = scope["method"] == "POST" and scope["path"] in self._upload_paths
        return is_upload_path and _get_content_length(scope) > self._max_body_bytes

    async def _can_upload(self, client: str, scope: Scope) -> bool:
        """Return whether the client may access the page, by a HEAD request before any of the body is read."""
        response = await self._run_in_thread(
            client, {**scope, "method": "HEAD"}, RequestBody(io.BytesIO(), 0)
        )
        response.body.close()
        return response.status == HTTPStatus.OK

    async def _receive_upload(self, client: str, scope: Scope, receive: Receive) -> WsgiResponse:
        """Read and handle an upload. Meanwhile, a further one of the client waits, and all if there are too many.

        Then the slowest one gives way (upload_slots.py).
        """
        try:
            async with (
                asyncio.timeout(UPLOAD_WAIT_S) as waiting,
                self._upload_limit.hold(client),
                self._upload_slots.hold() as slot,
            ):
                waiting.reschedule(None)
                async with slot.receiving():
                    body = await read_upload(scope, receive, self._max_upload_bytes, slot)
                return await self._run_in_thread(client, scope, body)
        except (TimeoutError, UploadReplaced):
            headers = {"Retry-After": "10", "Connection": "close"}
            raise RequestRejected(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many concurrent uploads. Try again later.", **headers
            ) from None

    async def _run_in_thread(self, client: str, scope: Scope, body: "RequestBody") -> WsgiResponse:
        if self._has_too_many(client):
            body.file.close()
            raise RequestRejected(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests. Try again later.", **{"Retry-After": "1"}
            )
        self._in_flight[client] += 1
        try:
            return await self._pool.run(
                client,
                lambda: run_application(self._wsgi, build_environ(scope, body.file, body.length)),
                may_write=_may_write(scope),
                on_end=body.file.close,
                on_abandoned=_close_response,
            )
        finally:
            self._in_flight[client] -= 1
            if not self._in_flight[client]:
                del self._in_flight[client]

    def _has_too_many(self, client: str) -> bool:
        own = self._in_flight[client]
        return own >= MAX_WAITING_OF_CLIENT or (own > 0 and self._in_flight.total() >= self._max_in_flight)

    async def _handle_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self._pool.shutdown)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})


@dataclass(frozen=True)
class RequestBody:
    """A complete request body, rewound."""

    file: IO[bytes]
    length: int

    def replay_messages(self, receive: Receive) -> Receive:
        """Return a receive function that replays the body's messages, then continues with `receive`."""
        remaining = self.length
        is_complete = False

        async def receive_again() -> Message:
            nonlocal remaining, is_complete
            if is_complete:
                return await receive()
            chunk = self.file.read(CHUNK_BYTES)
            remaining -= len(chunk)
            is_complete = remaining <= 0
            return {"type": "http.request", "body": chunk, "more_body": not is_complete}

        return receive_again


def _may_write(scope: Scope) -> bool:
    return scope["method"] not in SAFE_METHODS


def _get_content_length(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def read_body(scope: Scope, receive: Receive, max_bytes: int, timeout_s: float) -> RequestBody:
    """Read the whole body. Raises RequestRejected if it is too large or too slow.

    Reading stops at the limit; if Content-Length exceeds the limit, nothing is read.
    """
    if _get_content_length(scope) > max_bytes:
        raise _build_size_error(max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect_body(receive, max_bytes)
    except TimeoutError:
        raise _build_timeout_error() from None


async def read_upload(scope: Scope, receive: Receive, max_bytes: int, slot: UploadSlot) -> RequestBody:
    """Read a large body. Raises RequestRejected if it is too large, too slow, or below the least pace."""
    loop = asyncio.get_running_loop()
    received = 0

    async def receive_piece() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        slot.received += len(message.get("body", b""))
        if received >= UPLOAD_PIECE_BYTES:
            received = 0
            pace.reschedule(loop.time() + UPLOAD_PIECE_S)
        return message

    try:
        async with asyncio.timeout(UPLOAD_PIECE_S) as pace:
            return await read_body(scope, receive_piece, max_bytes, UPLOAD_TIMEOUT_S)
    except TimeoutError:
        raise _build_timeout_error() from None


async def _collect_body(receive: Receive, max_bytes: int) -> RequestBody:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):  # the usual case
        content = message.get("body", b"")
        if len(content) > max_bytes:
            raise _build_size_error(max_bytes)
        return RequestBody(io.BytesIO(content), len(content))
    length = 0
    file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the RequestBody owns it
    try:
        while message["type"] == "http.request":
            length += file.write(message.get("body", b""))
            if length > max_bytes:
                raise _build_size_error(max_bytes)
            if not message.get("more_body"):
                file.seek(0)
                return RequestBody(file, length)
            message = await receive()
        # The client disconnected or gunicorn timed out; gunicorn sends the same message for both.
        raise _build_timeout_error()
    except BaseException:
        file.close()
        raise


# Connection: close, because the rest of the body is not read.
def _build_timeout_error() -> RequestRejected:
    return RequestRejected(
        HTTPStatus.REQUEST_TIMEOUT, "The request body was not received in time.", Connection="close"
    )


def _build_size_error(max_bytes: int) -> RequestRejected:
    detail = f"The request body exceeds {max_bytes:,} bytes."
    return RequestRejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, Connection="close")


async def _drain_body(receive: Receive) -> None:
    """Discard the rest of the body: a proxy that is cut off while sending returns 502 instead of our response."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while (await receive()).get("more_body"):
                pass


async def _send_response(response: WsgiResponse, send: Send, *, is_head: bool) -> None:
    await send({"type": "http.response.start", "status": int(response.status), "headers": response.headers})
    if response.stream is not None:
        await _stream_response(response.stream, send)
        return
    remaining = 0 if is_head else response.length
    while remaining > CHUNK_BYTES:
        chunk = response.body.read(CHUNK_BYTES)
        remaining -= len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": response.body.read(remaining)})


async def _stream_response(body: Callable[[], AsyncIterator[bytes]], send: Send) -> None:
    """Send a deferred body without a thread. If the client disconnects, gunicorn cancels this task and the body."""
    chunks = body()
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    await send({"type": "http.response.body", "body": b""})


def _close_response(response: WsgiResponse) -> None:
    response.body.close()
