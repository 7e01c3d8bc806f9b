"""Pass one request to the SDK: convert the Django request to ASGI messages and back to a Django response.

There is no second application, no session and no state beyond the request. Under ASGI the response may be an event
stream; under WSGI it is always a JSON body.
"""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from enum import Enum
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.request import MediaType
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from memories.mcp.context import SCOPE_KEY, CallContext
from memories.mcp.errors import InvalidMessage

Message = MutableMapping[str, Any]
RECOMPUTED_HEADERS = {"content-length", "connection"}  # set by Django and the web server
JSON, EVENT_STREAM = "application/json", "text/event-stream"
# Always the same for the SDK, because the view has checked what the client accepts and sends.
SDK_HEADERS = [(b"accept", f"{JSON}, {EVENT_STREAM}".encode()), (b"content-type", JSON.encode())]
REPLACED_HEADERS = {b"accept", b"content-type", b"content-length", b"cookie", b"mcp-protocol-version"}


class Form(Enum):
    """The form of a response. EITHER: an event stream if something is to be reported before the result."""

    JSON = "json"
    STREAM = "stream"
    EITHER = "either"


def choose_form(request: HttpRequest) -> Form:
    """Return the form that the client prefers (RFC 9110 12.5.1). Raises InvalidMessage.

    A client that accepts anything, or says nothing, gets JSON: it may never have heard of event streams.
    """
    if (request.content_type or "").partition(",")[0].strip().lower() != JSON:
        raise InvalidMessage(f"Send the message with Content-Type: {JSON}.", status=415)
    qualities = _parse_accept(request.headers.get("Accept", ""))
    json_quality, stream_quality = _get_quality(qualities, JSON), _get_quality(qualities, EVENT_STREAM)
    if not json_quality and not stream_quality:
        raise InvalidMessage(f"Responses are {JSON} or {EVENT_STREAM}; Accept allows neither.", status=406)
    names_stream = EVENT_STREAM in qualities or "text/*" in qualities
    if json_quality > stream_quality or (json_quality and not names_stream):
        return Form.JSON
    return Form.STREAM if stream_quality > json_quality else Form.EITHER


def _parse_accept(header: str) -> dict[str, float]:
    """Return the quality of each media range; parameters other than `q` do not matter here."""
    ranges = [MediaType(each) for each in (header.strip() or "*/*").split(",") if each.strip()]
    return {f"{each.main_type}/{each.sub_type or '*'}".lower(): float(each.quality) for each in ranges}


def _get_quality(qualities: dict[str, float], media_type: str) -> float:
    """Return the quality of the most specific range."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((qualities[each] for each in ranges if each in qualities), 0.0)


async def dispatch_to_sdk(
    server: Server[Any], call: CallContext, message: dict[str, Any], revision: str | None, form: Form
) -> HttpResponseBase:
    """Return the response of the SDK. If the client disconnects during a stream, the work is cancelled."""
    body = json.dumps(message, ensure_ascii=False).encode()
    is_json = form == Form.JSON or not isinstance(call.request, ASGIRequest)
    out: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=1)  # the SDK waits for the socket
    task = asyncio.create_task(_run_sdk(server, _build_scope(call, revision), body, out, is_json=is_json))
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
    response = HttpResponse(content)
    _copy_status_and_headers(response, start)
    if form == Form.STREAM and response.status_code == 200:  # an event stream with one event
        response.content = b"event: message\ndata: " + content + b"\n\n"
        response["Content-Type"] = EVENT_STREAM
    return response


async def _run_sdk(
    server: Server[Any], scope: Message, body: bytes, out: "asyncio.Queue[Message | None]", *, is_json: bool
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
            json_response=is_json,
            max_request_body_size=len(body),  # the view has checked the size
        )
        async with manager.run():
            await manager.handle_request(scope, receive, out.put)
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


def _build_scope(call: CallContext, revision: str | None) -> Message:
    request = call.request
    # RFC 9110 8.3.1: media types are case-insensitive, but the SDK compares them exactly.
    normalized = {**request.headers, "Content-Type": request.content_type or ""}
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in normalized.items()
    ]
    headers = [*((name, value) for name, value in headers if name not in REPLACED_HEADERS), *SDK_HEADERS]
    if revision is not None:
        headers.append((b"mcp-protocol-version", revision.encode()))
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
        "headers": headers,
        "client": None,
        "server": None,
        SCOPE_KEY: call,
    }


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(EVENT_STREAM.encode())
        for name, value in start["headers"]
    )


def _copy_status_and_headers(response: HttpResponseBase, start: Message) -> HttpResponseBase:
    response.status_code = start["status"]
    del response["Content-Type"]
    for name, value in start["headers"]:
        if name.decode("latin-1").lower() not in RECOMPUTED_HEADERS:
            response[name.decode("latin-1")] = value.decode("latin-1")
    return response
