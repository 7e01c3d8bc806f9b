"""Answers whose body is yet to come: sent while no thread waits for it, as a chat model's words must be.

The front (picard/server/gateway.py) lends a list in the request's environ; what lies in it when the view has answered
is the
body. Elsewhere, as under plain WSGI, the whole body is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import orjson

DEFERRED_KEY = "picard.later"
EVENT_STREAM_TYPE = "text/event-stream"
STREAM_HEADERS = {"X-Accel-Buffering": "no"}  # of such an answer: nginx would keep its pieces back

Body = Callable[[], AsyncIterator[bytes]]


def defer_response(environ: dict[str, Any], body: Body) -> bytes:
    """What the view is to answer with now: nothing where the front sends the body, else all of it."""
    lent: list[Body] | None = environ.get(DEFERRED_KEY)
    if lent is None:
        return asyncio.run(_collect_body(body))
    lent.append(body)
    return b""


def format_event(name: str, data: object) -> bytes:
    """A server-sent event (WHATWG HTML, 9.2), its data as JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data, option=orjson.OPT_UTC_Z))


async def _collect_body(body: Body) -> bytes:
    async with aclosing(body()) as chunks:  # type: ignore[type-var]
        return b"".join([chunk async for chunk in chunks])
