"""Send the answer of a persona as one JSON document, or as events while it is generated."""

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
    """Return the answer, as an event stream if `Accept` asks for one. No thread blocks on the model."""
    wants_events = deferred_responses.EVENT_STREAM_TYPE in request.headers.get("Accept", "")
    if not wants_events and not prepared.may_generate:
        return Response(serialize_answer(prepared.quoted))
    body = partial(_stream_events if wants_events else _stream_document, prepared)
    content = deferred_responses.defer_response(request._request.META, body)
    content_type = deferred_responses.EVENT_STREAM_TYPE if wants_events else "application/json"
    return HttpResponse(content, content_type=content_type, headers=deferred_responses.STREAM_HEADERS)


async def _stream_document(prepared: PreparedAnswer) -> AsyncIterator[bytes]:
    yield dump_json(serialize_answer(await persona_generation.generate_answer(prepared)))


async def _stream_events(prepared: PreparedAnswer) -> AsyncIterator[bytes]:
    """Yield `sources`, `text` for each part, and `answer`, which replaces everything before it."""
    prepared = await persona_generation.complete_sources(prepared)
    sources = prepared.sources or prepared.quoted.citations
    yield deferred_responses.format_event("sources", [serialize_citation(source) for source in sources])
    async with aclosing(persona_generation.stream_answer(prepared)) as parts:  # type: ignore[type-var]
        async for part in parts:
            if isinstance(part, str):
                yield deferred_responses.format_event("text", {"text": part})
            else:
                yield deferred_responses.format_event("answer", serialize_answer(part))
