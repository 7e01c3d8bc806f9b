"""Pages with a conversation: its exchanges and the form for the next question, whole or as a stream of events.

The form carries the conversation, encrypted. With JavaScript (static/js/ask.js), only the new exchange is sent.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.models import User
from core import deferred_responses
from memories.models import Memory
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.persona.answers import Answer
from memories.persona.conversation import (
    Conversation,
    ReadExchange,
    UnreadableConversation,
    build_turns,
    get_seal,
    read_exchanges,
)
from memories.persona.retrieval import PreparedAnswer
from memories.web.exchanges import ShownExchange
from memories.web.forms import QuestionForm

# In the page; replaced by the new exchange and the conversation with it, for browsers without JavaScript.
EXCHANGE_PLACEHOLDER = "<!-- the new exchange -->"
CONVERSATION_PLACEHOLDER = f"conversation-{secrets.token_hex(16)}"  # in no text


@dataclass(frozen=True)
class ConversationPage:
    """A page with a conversation about one user. context: what its template needs besides."""

    request: HttpRequest
    actor: Actor
    about: User
    form: QuestionForm
    template: str
    context: dict[str, Any]
    conversation: Conversation
    earlier: list[ReadExchange]
    is_interrupted: bool = False  # the conversation that the form carried cannot be read
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)  # fields of ShownExchange, by its number

    @property
    def wants_events(self) -> bool:
        return deferred_responses.EVENT_STREAM_TYPE in self.request.headers.get("Accept", "")

    def find_answer(self, number: int) -> Answer | None:
        """Return the answer of an earlier exchange, None if it is not there or withheld."""
        found = (each for each in self.earlier if each.number == number and not each.is_withheld)
        return next((each.answer for each in found), None)

    def show(self, each: ReadExchange) -> ShownExchange:
        shown = self.show_answer(each.number, each.question, each.answer)
        return replace(shown, is_withheld=each.is_withheld, **self.changes.get(each.number, {}))

    def show_answer(self, number: int, question: str, answer: Answer) -> ShownExchange:
        user = self.actor.user
        is_own = user is not None and user.pk == self.about.pk
        return ShownExchange(number, question, answer, self.about, is_own, can_save=user is not None)

    def render(self, *new: ShownExchange, status: int = 200, **more: Any) -> HttpResponse:
        """Return the whole page, with a form for the next question unless this one has errors."""
        conversation = more.pop("conversation", self.conversation)
        exchanges = [*map(self.show, self.earlier), *new]
        context = {"form": self.form, "exchanges": exchanges, "about": self.about, **self.context, **more}
        context.setdefault("sealed", get_seal(self.actor).close(conversation) if exchanges else "")
        context["is_interrupted"] = self.is_interrupted
        return render(self.request, self.template, context, status=status)


def start_page(
    request: HttpRequest, actor: Actor, about: User, form: QuestionForm, template: str, **context: Any
) -> ConversationPage:
    """Return the page without a conversation."""
    return ConversationPage(request, actor, about, form, template, context, Conversation(about.pk), [])


def open_page(
    request: HttpRequest, actor: Actor, about: User, form: QuestionForm, template: str, **context: Any
) -> ConversationPage:
    """Return the page with the conversation that the form carries, whose sources are read again."""
    is_interrupted = False
    try:
        conversation = get_seal(actor).open(form.cleaned_data["conversation"], about)
    except UnreadableConversation:
        conversation, is_interrupted = Conversation(about.pk), True
    earlier = read_exchanges(actor, about, conversation)
    return ConversationPage(
        request, actor, about, form, template, context, conversation, earlier, is_interrupted
    )


def answer_question(page: ConversationPage, question: str) -> HttpResponse:
    """Return the answer, as events if they were requested. Raises ValidationError."""
    prepared = persona_retrieval.prepare_answer(page.actor, page.about, question, build_turns(page.earlier))
    rendering = _prepare_rendering(page, prepared)
    if page.wants_events:
        return _stream_response(page.request, partial(_stream_events, prepared, rendering))
    next_form = type(page.form)(initial=page.form.cleaned_data | {"question": ""})
    page = replace(page, form=next_form)
    if not prepared.may_generate:
        shown = page.show_answer(page.conversation.next_number, prepared.question, prepared.quoted)
        return page.render(shown, conversation=page.conversation.add(prepared.question, prepared.quoted))
    html = page.render(is_streamed=True, sealed=CONVERSATION_PLACEHOLDER).content.decode()
    body = partial(_stream_page, html.split(EXCHANGE_PLACEHOLDER), prepared, rendering)
    return _stream_response(page.request, body, "text/html; charset=utf-8")


def respond_with_saved(page: ConversationPage, number: int, memory: Memory) -> HttpResponse:
    """Say that a memory was saved for this exchange; with events, also where its index state is."""
    page = replace(page, changes={number: {"saved": memory, "typed": ""}})
    if not page.wants_events:
        form = type(page.form)(initial=page.form.cleaned_data)
        return replace(page, form=form).render()
    [exchange] = [page.show(each) for each in page.earlier if each.number == number]
    event = {
        "html": render_to_string("memories/_exchange_saved.html", {"exchange": exchange}),
        "state": reverse("memories:state", args=[memory.pk]),
    }
    return _respond_with_event("saved", event)


def respond_with_error(page: ConversationPage, error: ValidationError | None = None) -> HttpResponse:
    """Return the page with the errors of its form, or an event with their texts."""
    if not page.wants_events:
        return page.render(status=422)
    texts = error.messages if error else [text for texts in page.form.errors.values() for text in texts]
    return _respond_with_event("error", {"text": " ".join(map(str, texts))}, status=422)


def respond_with_missing_error(
    page: ConversationPage, number: int, typed: str, error: ValidationError
) -> HttpResponse:
    """Say why the missing memory of this exchange was not saved; what was typed stays."""
    changes = {number: {"typed": typed, "error": " ".join(error.messages)}}
    return respond_with_error(replace(page, changes=changes), error)


def get_lost_answer_error() -> ValidationError:
    return ValidationError(_("This answer is no longer in the conversation. Ask again."), code="lost")


def _respond_with_event(name: str, data: object, status: int = 200) -> HttpResponse:
    content_type = deferred_responses.EVENT_STREAM_TYPE
    return HttpResponse(deferred_responses.format_event(name, data), content_type=content_type, status=status)


def _stream_response(
    request: HttpRequest,
    body: deferred_responses.Body,
    content_type: str = deferred_responses.EVENT_STREAM_TYPE,
) -> HttpResponse:
    content = deferred_responses.defer_response(request.META, body)
    return HttpResponse(content, content_type=content_type, headers=deferred_responses.STREAM_HEADERS)


@dataclass(frozen=True)
class _Rendering:
    """What a stream needs after the request: its time zone and language were reset, and it must not use the database.

    render: an exchange with this answer, and whether the page scrolls to it. close: the conversation with it.
    """

    render: Callable[[Answer, bool], str]
    close: Callable[[Answer], str]


def _prepare_rendering(page: ConversationPage, prepared: PreparedAnswer) -> _Rendering:
    zone, language = timezone.get_current_timezone(), translation.get_language()
    seal, number = get_seal(page.actor), page.conversation.next_number

    def render_exchange(answer: Answer, is_latest: bool) -> str:
        exchange = page.show_answer(number, prepared.question, answer)
        with timezone.override(zone), translation.override(language):
            return render_to_string("memories/_exchange.html", {"exchange": exchange, "is_latest": is_latest})

    return _Rendering(
        render_exchange, lambda answer: seal.close(page.conversation.add(prepared.question, answer))
    )


async def _stream_page(
    parts: list[str], prepared: PreparedAnswer, rendering: _Rendering
) -> AsyncIterator[bytes]:
    yield parts[0].encode()
    answer = await persona_generation.generate_answer(prepared)
    yield rendering.render(answer, True).encode()
    yield "".join(parts[1:]).replace(CONVERSATION_PLACEHOLDER, rendering.close(answer)).encode()


async def _stream_events(prepared: PreparedAnswer, rendering: _Rendering) -> AsyncIterator[bytes]:
    """Yield a `text` event for each piece, then one `answer` event with the exchange that replaces them."""
    async with aclosing(persona_generation.stream_answer(prepared)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            if isinstance(piece, str):
                yield deferred_responses.format_event("text", {"text": piece})
            else:
                event = {"html": rendering.render(piece, False), "conversation": rendering.close(piece)}
                yield deferred_responses.format_event("answer", event)
