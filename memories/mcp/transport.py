"""Pass one request to the SDK: convert the Django request to ASGI messages and back to a Django response.

There is no second application, no session and no state beyond the request. Under ASGI the response may be an event
stream; under WSGI it is always a JSON body.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from memories.mcp.context import SCOPE_KEY, CallContext

Message = MutableMapping[str, Any]
RECOMPUTED_HEADERS = {"content-length", "connection"}  # set by Django and the web server
EVENT_STREAM = b"text/event-stream"


async def dispatch_to_sdk(server: Server[Any], call: CallContext, body: bytes) -> HttpResponseBase:
    """Return the response of the SDK. If the client disconnects during a stream, the work is cancelled."""
    out: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=1)  # the SDK waits for the socket
    task = asyncio.create_task(_run_sdk(server, call, body, out))
    try:
        start = await out.get()
        if start is None:
            await task  # raises its exception
            raise RuntimeError("the MCP SDK sent no response")
        if _is_stream(start):
            return _copy_status_and_headers(StreamingHttpResponse(_stream_events(task, out)), start)
        content = b"".join([message.get("body", b"") async for message in _iter_messages(out)])
        await task
    except asyncio.CancelledError:
        task.cancel()
        raise
    return _copy_status_and_headers(HttpResponse(content), start)


async def _run_sdk(
    server: Server[Any], call: CallContext, body: bytes, out: "asyncio.Queue[Message | None]"
) -> None:
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        await asyncio.Event().wait()  # a disconnected client cancels this task instead
        raise AssertionError

    try:
        manager = StreamableHTTPSessionManager(
            app=server,
            stateless=True,
            json_response=not isinstance(call.request, ASGIRequest),
            max_request_body_size=max(len(body), 1),  # the view has checked the size
        )
        async with manager.run():
            await manager.handle_request(_build_scope(call), receive, out.put)
    finally:
        if not _is_cancelled():
            await out.put(None)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _iter_messages(out: "asyncio.Queue[Message | None]") -> AsyncIterator[Message]:
    while (message := await out.get()) is not None:
        yield message


async def _stream_events(
    task: "asyncio.Task[None]", out: "asyncio.Queue[Message | None]"
) -> AsyncIterator[bytes]:
    try:
        async for message in _iter_messages(out):
            if body := message.get("body"):
                yield body
    finally:
        task.cancel()


def _build_scope(call: CallContext) -> Message:
    request = call.request
    # RFC 9110 8.3.1: media types are case-insensitive, but the SDK compares them exactly.
    normalized = {**request.headers, "Content-Type": request.content_type or ""}
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in normalized.items()
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name, value) for name, value in headers if name != b"cookie"],
        "client": None,
        "server": None,
        SCOPE_KEY: call,
    }


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(EVENT_STREAM) for name, value in start["headers"]
    )


def _copy_status_and_headers(response: HttpResponseBase, start: Message) -> HttpResponseBase:
    response.status_code = start["status"]
    del response["Content-Type"]
    for name, value in start["headers"]:
        if name.decode("latin-1").lower() not in RECOMPUTED_HEADERS:
            response[name.decode("latin-1")] = value.decode("latin-1")
    return response
