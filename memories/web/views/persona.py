"""Pages to ask a persona: the Ask page of logged-in users, and public persona pages."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actor import ANONYMOUS, Actor
from accounts.rate_limits import (
    enforce_rate_limit,
    get_api_limit,
    get_public_persona_limit,
)
from accounts.work_budget import require_visitors_budget
from core.client_ip import get_client_network
from memories.errors import PersonaNotFound
from memories.models import Memory
from memories.persona import retrieval as persona_retrieval
from memories.persona.answers import AnswerMode, remove_citations
from memories.persona.example_questions import suggest_questions
from memories.providers import chat
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate
from memories.web.conversation_page import (
    ConversationPage,
    answer_question,
    get_lost_answer_error,
    open_page,
    respond_with_error,
    respond_with_missing_error,
    respond_with_saved,
    start_page,
)
from memories.web.decorators import Request, add_form_errors, memory_view
from memories.web.forms import AskForm, QuestionForm, parse_version

ASK_TEMPLATE, PUBLIC_TEMPLATE = "memories/ask.html", "memories/persona.html"


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def ask_persona(request: Request, actor: Actor) -> HttpResponseBase:
    form = AskForm(request.POST if request.method == "POST" else None)
    context = _get_model_context(actor)
    if not form.is_valid():
        context["examples"] = suggest_questions(actor)
        return start_page(request, actor, actor.person, form, ASK_TEMPLATE, **context).render()
    enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
    try:
        about = persona_retrieval.find_persona(actor, form.handle)
    except PersonaNotFound:
        form.add_error("whom", _("No persona has this handle."))
        context["sealed"] = form.cleaned_data["conversation"]
        return respond_with_error(start_page(request, actor, actor.person, form, ASK_TEMPLATE, **context))
    page = open_page(request, actor, about, form, ASK_TEMPLATE, **context)
    if number := parse_version(request.POST.get("save", "")):
        return _save_answer(page, number)
    if number := parse_version(request.POST.get("add", "")):
        return _add_missing_memory(page, number, request.POST.get(f"missing-{number}", ""))
    return _answer_question(page)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def public_page(request: HttpRequest, handle: str) -> HttpResponseBase:
    """Answer as an anonymous user would be answered, even if the user is logged in."""
    enforce_rate_limit(get_public_persona_limit(), get_client_network(request))
    try:
        about = persona_retrieval.find_persona(ANONYMOUS, handle)
        if request.method == "POST" and not request.user.is_authenticated:
            require_visitors_budget(about.pk)
    except PersonaNotFound:
        # 404 also for a user without a public page: their existence is private.
        raise Http404 from None
    form = QuestionForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return start_page(request, ANONYMOUS, about, form, PUBLIC_TEMPLATE).render()
    return _answer_question(open_page(request, ANONYMOUS, about, form, PUBLIC_TEMPLATE))


@require_safe
def redirect_to_public_page(request: HttpRequest, handle: str) -> HttpResponse:  # noqa: ARG001
    """Redirect handles with capitals or a trailing slash, whether the page exists or not."""
    return redirect("persona", handle=handle.lower(), permanent=True)


def _answer_question(page: ConversationPage) -> HttpResponse:
    try:
        return answer_question(page, page.form.asked)
    except ValidationError as error:
        add_form_errors(page.form, error)
        return respond_with_error(page)


def _save_answer(page: ConversationPage, number: int) -> HttpResponse:
    """Save a generated answer as a private memory. Its text comes from the sealed conversation."""
    answer = page.find_answer(number)
    try:
        if answer is None or answer.mode != AnswerMode.WORDED:
            raise get_lost_answer_error()
        memory = _create_memory(page.actor, remove_citations(answer.text))
    except ValidationError as error:
        page.form.add_error(None, error.messages)
        return respond_with_error(page, error)
    return respond_with_saved(page, number, memory)


def _add_missing_memory(page: ConversationPage, number: int, text: str) -> HttpResponse:
    try:
        memory = _create_memory(page.actor, text)
    except ValidationError as error:
        return respond_with_missing_error(page, number, text, error)
    return respond_with_saved(page, number, memory)


def _create_memory(actor: Actor, text: str) -> Memory:
    memory, __ = create_unless_duplicate(actor, text=text, on_duplicate=OnDuplicate.RETURN)
    return memory


def _get_model_context(actor: Actor) -> dict[str, Any]:
    """Return which model generates answers, and whether private memories may be sent to it."""
    return {
        "model": chat.get_provider_name(),
        "is_hosted": chat.is_hosted(),
        "model_may_read": persona_retrieval.can_send_to_model(actor),
    }
