"""An answer of a persona over HTTP: as one JSON document, or as events while it is worded."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from core import streaming
from memories.api.parsers import dumps
from memories.api.representations import answer_json, citation_json
from memories.persona import generation as persona_generation
from memories.persona.retrieval import Prepared


def answered(request: Request, prepared: Prepared) -> HttpResponseBase:
    """Events where they are asked for. No thread waits for a model."""
    wants_events = streaming.EVENTS in request.headers.get("Accept", "")
    if not wants_events and not prepared.sources:
        return Response(answer_json(prepared.quoted))
    body = partial(_events if wants_events else _document, prepared)
    content = streaming.put_off(request._request.META, body)
    content_type = streaming.EVENTS if wants_events else "application/json"
    return HttpResponse(content, content_type=content_type, headers=streaming.HEADERS)


async def _document(prepared: Prepared) -> AsyncIterator[bytes]:
    yield dumps(answer_json(await persona_generation.answer(prepared)))


async def _events(prepared: Prepared) -> AsyncIterator[bytes]:
    """`sources`, `text` as often as words come, and `answer`, which stands for all that came before it."""
    sources = prepared.sources or prepared.quoted.citations
    yield streaming.event("sources", [citation_json(source) for source in sources])
    async with aclosing(persona_generation.stream(prepared)) as said:  # type: ignore[type-var]
        async for each in said:
            if isinstance(each, str):
                yield streaming.event("text", {"text": each})
            else:
                yield streaming.event("answer", answer_json(each))
