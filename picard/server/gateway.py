"""The ASGI application in front of Django: a few paths native, all others through one pool of threads.

Django's own ASGI handler gives every request a fresh thread, which costs more than a plain view does. A pool
of threads alone stalls when its clients are slow. Here the body is read before a thread is taken, and the
answer is sent after the thread was given back; a thread's database connection lives as long as the thread.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any

from picard.server.wsgi import (
    SPOOL_BYTES,
    Scope,
    WsgiApplication,
    WsgiResponse,
    build_environ,
    build_problem,
    run_application,
)

CHUNK_BYTES = 65_536
BODY_TIMEOUT_S = 120  # for a whole request body
UPLOAD_TIMEOUT_S = 3_600  # for a long file, from somebody who is signed in
MAX_UPLOADS = 2  # of long files, in each process: each may lie on the disk while it is read
DRAIN_TIMEOUT_S = 5  # what still comes of a long file that is refused
POOL = "picard.pool"  # the extension of a native path's scope by which it finds the threads
MAX_WAITING = 256  # requests that wait for a thread; more are asked to come again

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Any], Awaitable[None]]


class RequestRejected(Exception):
    """The request is answered without asking Django."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        self.answer = build_problem(status, detail, headers)


class Gateway:
    """Routes `native_paths` to `native`, other requests to `wsgi` in one of `threads` threads.

    The answers of `wsgi` are collected before they are sent, unless a view defers its body
    (core/deferred_responses.py).
    `on_rejection` is called with method, status and seconds of each request that is answered without the two.
    """

    def __init__(
        self,
        native: AsgiApplication,
        wsgi: WsgiApplication,
        *,
        threads: int,
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
        self._uploads = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._under_way = 0
        self._max_under_way = threads + max_waiting
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
        try:
            if self._is_upload(scope) and await self._can_upload(scope):
                answer = await self._receive_upload(scope, receive)
            else:
                body = await read_body(scope, receive, self._max_body_bytes, BODY_TIMEOUT_S)
                if scope["path"] in self._native_paths:
                    with body.file:
                        await self._native(self._share_pool(scope), body.replay_messages(receive), send)
                    return
                answer = await self._run_in_thread(scope, body)
        except RequestRejected as refused:
            self._on_rejection(scope["method"], refused.answer.status, time.perf_counter() - started_at)
            with refused.answer.body:
                await _send_response(refused.answer, send, is_head=scope["method"] == "HEAD")
            if self._is_upload(scope):
                await _drain_body(receive)
            return
        with answer.body:
            await _send_response(answer, send, is_head=scope["method"] == "HEAD")

    def _is_upload(self, scope: Scope) -> bool:
        """A body that is too long for elsewhere, at a path that takes such."""
        is_there = scope["method"] == "POST" and scope["path"] in self._upload_paths
        return is_there and _get_content_length(scope) > self._max_body_bytes

    async def _can_upload(self, scope: Scope) -> bool:
        """Whether this caller may so much as look at the page: asked before anything of the body is taken in."""
        asked = await self._run_in_thread({**scope, "method": "HEAD"}, RequestBody(io.BytesIO(), 0))
        asked.body.close()
        return asked.status == HTTPStatus.OK

    async def _receive_upload(self, scope: Scope, receive: Receive) -> WsgiResponse:
        if self._uploads >= MAX_UPLOADS:
            headers = {"Retry-After": "10", "Connection": "close"}
            raise RequestRejected(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many long files come in just now.", **headers
            )
        self._uploads += 1
        try:
            body = await read_body(scope, receive, self._max_upload_bytes, UPLOAD_TIMEOUT_S)
            return await self._run_in_thread(scope, body)
        finally:
            self._uploads -= 1

    def _share_pool(self, scope: Scope) -> Scope:
        """A native path does its blocking work in the same threads, which own their connections."""
        return {**scope, "extensions": {**(scope.get("extensions") or {}), POOL: self._pool}}

    async def _run_in_thread(self, scope: Scope, body: "RequestBody") -> WsgiResponse:
        if self._under_way >= self._max_under_way:
            body.file.close()
            raise RequestRejected(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests wait.", **{"Retry-After": "1"}
            )
        self._under_way += 1
        running = self._pool.submit(run_application, self._wsgi, build_environ(scope, body.file, body.length))
        running.add_done_callback(lambda _: body.file.close())
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:  # the client has gone; what still waited for a thread is not begun
            running.add_done_callback(_close_response)
            raise
        finally:
            self._under_way -= 1

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
    """A request's whole body, rewound."""

    file: IO[bytes]
    length: int

    def replay_messages(self, receive: Receive) -> Receive:
        """The body's messages once more, then what else `receive` has to say."""
        remaining = self.length
        is_over = False

        async def receive_again() -> Message:
            nonlocal remaining, is_over
            if is_over:
                return await receive()
            chunk = self.file.read(CHUNK_BYTES)
            remaining -= len(chunk)
            is_over = remaining <= 0
            return {"type": "http.request", "body": chunk, "more_body": not is_over}

        return receive_again


def _get_content_length(scope: Scope) -> int:
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    return int(announced) if announced.isdigit() else 0


async def read_body(scope: Scope, receive: Receive, max_bytes: int, timeout_s: float) -> RequestBody:
    """The whole body. Raises Refused when it is too large, or does not come in time.

    Nothing more is read of a body that is refused, nor anything of one that announces itself as too large.
    """
    if _get_content_length(scope) > max_bytes:
        raise _build_size_error(max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect_body(receive, max_bytes)
    except TimeoutError:
        raise _build_timeout_error() from None


async def _collect_body(receive: Receive, max_bytes: int) -> RequestBody:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):  # nearly every request
        content = message.get("body", b"")
        if len(content) > max_bytes:
            raise _build_size_error(max_bytes)
        return RequestBody(io.BytesIO(content), len(content))
    length = 0
    file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the body keeps it
    try:
        while message["type"] == "http.request":
            length += file.write(message.get("body", b""))
            if length > max_bytes:
                raise _build_size_error(max_bytes)
            if not message.get("more_body"):
                file.seek(0)
                return RequestBody(file, length)
            message = await receive()
        # The client has gone, or gunicorn has waited for it long enough. It says the same of both.
        raise _build_timeout_error()
    except BaseException:
        file.close()
        raise


# Connection: close, because the rest of the body is not read.
def _build_timeout_error() -> RequestRejected:
    return RequestRejected(
        HTTPStatus.REQUEST_TIMEOUT, "The request's body came too slowly.", Connection="close"
    )


def _build_size_error(max_bytes: int) -> RequestRejected:
    detail = f"A request's body may have {max_bytes:,} bytes."
    return RequestRejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, Connection="close")


async def _drain_body(receive: Receive) -> None:
    """Throws away what still comes. A proxy that is cut off while it sends says 502, not what it was answered."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while (await receive()).get("more_body"):
                pass


async def _send_response(answer: WsgiResponse, send: Send, *, is_head: bool) -> None:
    await send({"type": "http.response.start", "status": int(answer.status), "headers": answer.headers})
    if answer.later is not None:
        await _stream_response(answer.later, send)
        return
    remaining = 0 if is_head else answer.length
    while remaining > CHUNK_BYTES:
        chunk = answer.body.read(CHUNK_BYTES)
        remaining -= len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": answer.body.read(remaining)})


async def _stream_response(body: Callable[[], AsyncIterator[bytes]], send: Send) -> None:
    """No thread waits for it. When the client goes, gunicorn ends this task, and with it what makes the body."""
    chunks = body()
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    await send({"type": "http.response.body", "body": b""})


def _close_response(running: "Future[WsgiResponse]") -> None:
    if not running.cancelled():
        running.result().body.close()
