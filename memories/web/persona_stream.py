"""The answer on the Ask page: at once where memories are quoted; as it comes where a chat model words it."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import tzinfo
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone, translation

from accounts.actor import Actor
from core import streaming
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.persona.retrieval import Answer, Prepared
from memories.providers import chat
from memories.web.citations import cited
from memories.web.forms import AskForm

Html = Callable[[Answer], str]

TO_COME = "<!-- the answer -->"  # in ask.html, where a browser without scripts shows it when it is there


def who_words(actor: Actor) -> dict[str, object]:
    """For the page: which model words answers, and whether it may read the person's private memories."""
    return {
        "model": chat.provider_name(),
        "is_hosted": chat.is_hosted(),
        "model_may_read": persona_retrieval.may_read(actor),
    }


def respond(request: HttpRequest, actor: Actor, form: AskForm, prepared: Prepared) -> HttpResponse:
    is_own = prepared.about.pk == actor.person.pk
    # What is sent later is rendered when this request's zone and language are not the thread's any more.
    html = partial(_html, timezone.get_current_timezone(), translation.get_language(), prepared, is_own)
    if streaming.EVENTS in request.headers.get("Accept", ""):
        return _later(request, partial(_events, prepared, html), streaming.EVENTS)
    context = {"form": form, **who_words(actor)}
    if not prepared.sources:
        return render(request, "memories/ask.html", context | _shown(prepared, prepared.quoted, is_own))
    page = render(request, "memories/ask.html", context | {"is_to_come": True}).content.decode()
    return _later(request, partial(_page, page.split(TO_COME), prepared, html), "text/html; charset=utf-8")


def _later(request: HttpRequest, body: streaming.Body, content_type: str) -> HttpResponse:
    content = streaming.put_off(request.META, body)
    return HttpResponse(content, content_type=content_type, headers=streaming.HEADERS)


async def _page(parts: list[str], prepared: Prepared, html: Html) -> AsyncIterator[bytes]:
    yield parts[0].encode()
    yield html(await persona_generation.answer(prepared)).encode()
    yield "".join(parts[1:]).encode()


async def _events(prepared: Prepared, html: Html) -> AsyncIterator[bytes]:
    """`text` as often as words come, then `answer`: the HTML of the whole, which takes their place."""
    async with aclosing(persona_generation.stream(prepared)) as said:  # type: ignore[type-var]
        async for each in said:
            if isinstance(each, str):
                yield streaming.event("text", {"text": each})
            else:
                yield streaming.event("answer", {"html": html(each)})


def _html(zone: tzinfo, language: str | None, prepared: Prepared, is_own: bool, answer: Answer) -> str:
    with timezone.override(zone), translation.override(language):
        return render_to_string("memories/_answer.html", _shown(prepared, answer, is_own))


def _shown(prepared: Prepared, answer: Answer, is_own: bool) -> dict[str, object]:
    return {
        "answer": answer,
        "worded": cited(answer),
        "about": prepared.about,
        "is_own": is_own,
        "question": prepared.question,
    }
