"""The form of a response: one JSON document, or an event stream that begins with what is reported before the result."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import MediaType
from mcp.server.lowlevel import Server
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from core.deferred_responses import DEFERRED_KEY, EVENT_STREAM_TYPE, STREAM_HEADERS, defer_response
from core.work_meter import get_meter, start_meter
from memories.mcp.context import CallContext, MustWait
from memories.mcp.dispatch import Outcome, Report, handle_request, run_in_this_thread
from memories.mcp.errors import InvalidMessage
from memories.mcp.messages import Message

JSON, EVENT_STREAM = "application/json", EVENT_STREAM_TYPE
PING_S = 15.0  # between comments in a stream that waits, so that no proxy closes it
PING = b": ping\n\n"


class Form(Enum):
    """The form of a response. EITHER: an event stream if something is reported before the result."""

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


def respond(
    server: Server[Any], call: CallContext, message: Message, revision: str | None, form: Form
) -> HttpResponse:
    """Return the response to a message. Raises InvalidMessage.

    If its result has to be awaited, the body is sent later, without a thread; if the client disconnects meanwhile, the
    work is cancelled.
    """
    if "method" not in message and revision in MODERN_PROTOCOL_VERSIONS:
        raise InvalidMessage("Send a request or a notification. This server awaits no responses.")
    if "method" not in message or "id" not in message:  # no handler needs to learn of it
        accepted = HttpResponse(status=202)
        del accepted["Content-Type"]
        return accepted
    reports: list[bytes] = []
    try:
        outcome = run_in_this_thread(handle_request(server, call, message, revision, reports.append))
    except MustWait as error:
        waiting = replace(call, prepared=error.deferred)
        return _defer(call.request, partial(handle_request, server, waiting, message, revision), form)
    if form == Form.JSON or (form == Form.EITHER and not reports) or outcome.status != 200:
        return HttpResponse(outcome.content, content_type=JSON, status=outcome.status)
    events = b"".join(map(_format_event, (*reports, outcome.content)))
    return HttpResponse(events, content_type=EVENT_STREAM)


def _defer(request: HttpRequest, handle: "_Handler", form: Form) -> HttpResponse:
    # Where the whole body is collected before it is sent, nothing has to be kept open.
    is_json = form == Form.JSON or (form == Form.EITHER and DEFERRED_KEY not in request.META)
    meter = get_meter()

    async def handle_measured(report: Report) -> Outcome:
        start_meter().charge = (
            meter.charge if meter else None
        )  # whoever is charged for the request pays for this, too
        return await handle(report)

    body = partial(_stream_document if is_json else _stream_events, handle_measured)
    return HttpResponse(
        defer_response(request.META, body),
        content_type=JSON if is_json else EVENT_STREAM,
        headers=STREAM_HEADERS,
    )


async def _stream_document(handle: "_Handler") -> AsyncIterator[bytes]:
    outcome = await handle(lambda _: None)
    yield outcome.content


async def _stream_events(handle: "_Handler") -> AsyncIterator[bytes]:
    events: asyncio.Queue[bytes | None] = asyncio.Queue()
    task = asyncio.create_task(handle(lambda report: events.put_nowait(_format_event(report))))
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await _get_event(events)) is not None:
            yield event
        yield _format_event((await task).content)
    finally:
        task.cancel()


async def _get_event(events: "asyncio.Queue[bytes | None]") -> bytes | None:
    try:
        async with asyncio.timeout(PING_S):
            return await events.get()
    except TimeoutError:
        return PING


def _format_event(content: bytes) -> bytes:
    """Return a server-sent event. JSON of the SDK's types has no line breaks."""
    return b"event: message\ndata: " + content + b"\n\n"


_Handler = Callable[[Report], Coroutine[Any, Any, Outcome]]
