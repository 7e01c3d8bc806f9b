"""An answer of a persona over HTTP: as one JSON document, or as events while it is worded."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from core import deferred_responses
from memories.api.parsers import dump_json
from memories.api.representations import serialize_answer, serialize_citation
from memories.persona import generation as persona_generation
from memories.persona.retrieval import PreparedAnswer


def respond_with_answer(request: Request, prepared: PreparedAnswer) -> HttpResponseBase:
    """Events where they are asked for. No thread waits for a model."""
    wants_events = deferred_responses.EVENT_STREAM_TYPE in request.headers.get("Accept", "")
    if not wants_events and not prepared.sources:
        return Response(serialize_answer(prepared.quoted))
    body = partial(_stream_events if wants_events else _stream_document, prepared)
    content = deferred_responses.defer_response(request._request.META, body)
    content_type = deferred_responses.EVENT_STREAM_TYPE if wants_events else "application/json"
    return HttpResponse(content, content_type=content_type, headers=deferred_responses.STREAM_HEADERS)


async def _stream_document(prepared: PreparedAnswer) -> AsyncIterator[bytes]:
    yield dump_json(serialize_answer(await persona_generation.generate_answer(prepared)))


async def _stream_events(prepared: PreparedAnswer) -> AsyncIterator[bytes]:
    """`sources`, `text` as often as words come, and `answer`, which stands for all that came before it."""
    sources = prepared.sources or prepared.quoted.citations
    yield deferred_responses.format_event("sources", [serialize_citation(source) for source in sources])
    async with aclosing(persona_generation.stream_answer(prepared)) as said:  # type: ignore[type-var]
        async for each in said:
            if isinstance(each, str):
                yield deferred_responses.format_event("text", {"text": each})
            else:
                yield deferred_responses.format_event("answer", serialize_answer(each))
