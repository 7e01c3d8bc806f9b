"""An answer as server-sent events: `sources`, then `text` as it comes, at last `done` with the whole answer.

Behind the front the answer streams, and neither a thread nor a connection to the database waits for the model. Under
WSGI the events are collected.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.request import Request

from memories import persona
from memories.api.answers import answer_json, citation_json
from memories.api.formats import dumps

EVENTS = "text/event-stream"


def wants_events(request: Request) -> bool:
    return EVENTS in request._request.headers.get("Accept", "")


def answered_in_events(request: HttpRequest, found: persona.Found) -> StreamingHttpResponse:
    """The events of what was found. `error` takes the place of `done` when the server fails amid them."""
    if isinstance(request, ASGIRequest):
        connections.close_all()  # this thread's own: it would be kept until the stream ends
        response = StreamingHttpResponse(_events(found))
    else:
        response = StreamingHttpResponse(_collected(found))
    response["Content-Type"] = EVENTS
    response["X-Accel-Buffering"] = "no"  # nginx would hold the pieces back
    return response


async def _events(found: persona.Found) -> AsyncIterator[bytes]:
    yield _event("sources", {"citations": [citation_json(each) for each in found.citations]})
    try:
        async for said in persona.stream(found):
            if isinstance(said, str):
                yield _event("text", {"text": said})
            else:
                yield _event("done", answer_json(said))
    except Exception:
        yield _event("error", {"code": "server_error"})
        raise


def _collected(found: persona.Found) -> Iterator[bytes]:
    async def collect() -> list[bytes]:
        return [event async for event in _events(found)]

    yield from async_to_sync(collect)()


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dumps(data))
