"""Deferred response bodies: sent without holding a thread, as the answer of a chat model needs.

The gateway (picard/server/gateway.py) puts a list into the request's environ; whatever the view appends to it becomes
the body. Elsewhere, as under plain WSGI, the view collects the whole body.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django.utils.translation import get_language

from core.db.principal import get_principal, keep_principal_async
from core.web.page_language import keep_language_async

DEFERRED_KEY = "picard.later"
EVENT_STREAM_TYPE = "text/event-stream"
STREAM_HEADERS = {"X-Accel-Buffering": "no"}  # nginx would otherwise buffer the stream

Body = Callable[[], AsyncIterator[bytes]]


class AccessEnded(Exception):
    """Whoever asked may no longer read the rest of the response. Where none of it was sent yet, it becomes a 403."""


def defer_response(environ: dict[str, Any], body: Body) -> bytes:
    """Return the content for the view's response: empty if the gateway sends the body later, else the whole body."""
    deferred: list[Body] | None = environ.get(DEFERRED_KEY)
    if deferred is None:
        return async_to_sync(_collect_body)(body)  # database work comes back to this thread
    principal, language = get_principal(), get_language()
    deferred.append(lambda: keep_language_async(language, keep_principal_async(principal, body())))
    return b""


def format_event(name: str, data: object) -> bytes:
    """Return a server-sent event (WHATWG HTML, 9.2) with JSON data."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data, option=orjson.OPT_UTC_Z))


async def _collect_body(body: Body) -> bytes:
    async with aclosing(body()) as chunks:  # type: ignore[type-var]
        return b"".join([chunk async for chunk in chunks])
