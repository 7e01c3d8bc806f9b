"""Answers on the Ask page: extractive ones at once, generated ones as a stream."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import tzinfo
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone, translation

from accounts.actor import Actor
from core import deferred_responses
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.persona.retrieval import Answer, PreparedAnswer
from memories.providers import chat
from memories.web.citations import link_citations
from memories.web.forms import AskForm

AnswerRenderer = Callable[[Answer], str]

# In ask.html; replaced by the answer for browsers without JavaScript.
ANSWER_PLACEHOLDER = "<!-- the answer -->"


def get_model_context(actor: Actor) -> dict[str, object]:
    """Return which model generates answers, and whether private memories may be sent to it."""
    return {
        "model": chat.get_provider_name(),
        "is_hosted": chat.is_hosted(),
        "model_may_read": persona_retrieval.can_send_to_model(actor),
    }


def respond_with_answer(
    request: HttpRequest, actor: Actor, form: AskForm, prepared: PreparedAnswer
) -> HttpResponse:
    is_own = prepared.about.pk == actor.person.pk
    # A streamed answer is rendered after this request's time zone and language were reset.
    html = partial(
        _render_answer, timezone.get_current_timezone(), translation.get_language(), prepared, is_own
    )
    if deferred_responses.EVENT_STREAM_TYPE in request.headers.get("Accept", ""):
        return _stream_response(
            request, partial(_stream_events, prepared, html), deferred_responses.EVENT_STREAM_TYPE
        )
    context = {"form": form, **get_model_context(actor)}
    if not prepared.may_generate:
        return render(
            request, "memories/ask.html", context | _build_answer_context(prepared, prepared.quoted, is_own)
        )
    page = render(request, "memories/ask.html", context | {"is_streamed": True}).content.decode()
    return _stream_response(
        request,
        partial(_stream_page, page.split(ANSWER_PLACEHOLDER), prepared, html),
        "text/html; charset=utf-8",
    )


def _stream_response(request: HttpRequest, body: deferred_responses.Body, content_type: str) -> HttpResponse:
    content = deferred_responses.defer_response(request.META, body)
    return HttpResponse(content, content_type=content_type, headers=deferred_responses.STREAM_HEADERS)


async def _stream_page(
    parts: list[str], prepared: PreparedAnswer, html: AnswerRenderer
) -> AsyncIterator[bytes]:
    yield parts[0].encode()
    yield html(await persona_generation.generate_answer(prepared)).encode()
    yield "".join(parts[1:]).encode()


async def _stream_events(prepared: PreparedAnswer, html: AnswerRenderer) -> AsyncIterator[bytes]:
    """Yield a `text` event for each piece, then one `answer` event with the HTML that replaces them."""
    async with aclosing(persona_generation.stream_answer(prepared)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            if isinstance(piece, str):
                yield deferred_responses.format_event("text", {"text": piece})
            else:
                yield deferred_responses.format_event("answer", {"html": html(piece)})


def _render_answer(
    zone: tzinfo, language: str | None, prepared: PreparedAnswer, is_own: bool, answer: Answer
) -> str:
    with timezone.override(zone), translation.override(language):
        return render_to_string("memories/_answer.html", _build_answer_context(prepared, answer, is_own))


def _build_answer_context(prepared: PreparedAnswer, answer: Answer, is_own: bool) -> dict[str, object]:
    return {
        "answer": answer,
        "generated": link_citations(answer),
        "about": prepared.about,
        "is_own": is_own,
        "question": prepared.question,
    }
