"""Pages to ask a persona: the Ask page of logged-in users, and public persona pages."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actor import ANONYMOUS, Actor
from accounts.models import User
from accounts.rate_limits import (
    enforce_rate_limit,
    get_api_limit,
    get_public_persona_limit,
)
from accounts.work_budget import require_visitors_budget
from core.client_ip import get_client_network
from memories.errors import PersonaNotFound
from memories.persona import retrieval as persona_retrieval
from memories.web import persona_stream
from memories.web.decorators import Request, add_form_errors, memory_view
from memories.web.forms import AskForm, QuestionForm


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def ask_persona(request: Request, actor: Actor) -> HttpResponseBase:
    form = AskForm(request.POST if request.method == "POST" else None)
    context: dict[str, object] = {"form": form, **persona_stream.get_model_context(actor)}
    if form.is_valid():
        enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
        if prepared := _prepare_answer(actor, form):
            return persona_stream.respond_with_answer(request, actor, form, prepared)
    return render(request, "memories/ask.html", context, status=422 if form.errors else 200)


def _prepare_answer(actor: Actor, form: AskForm) -> persona_retrieval.PreparedAnswer | None:
    """Return the prepared answer, or None after adding errors to the form."""
    try:
        about = persona_retrieval.find_persona(actor, form.handle)
        return persona_retrieval.prepare_answer(actor, about, form.cleaned_data["question"])
    except PersonaNotFound:
        form.add_error("whom", _("No persona has this handle."))
    except ValidationError as error:
        add_form_errors(form, error)
    return None


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
    context: dict[str, object] = {"form": form, "about": about, "is_own": False}
    if form.is_valid():
        context |= _answer_question(ANONYMOUS, about, form)
    return render(request, "memories/persona.html", context, status=422 if form.errors else 200)


@require_safe
def redirect_to_public_page(request: HttpRequest, handle: str) -> HttpResponse:  # noqa: ARG001
    """Redirect handles with capitals or a trailing slash, whether the page exists or not."""
    return redirect("persona", handle=handle.lower(), permanent=True)


def _answer_question(actor: Actor, about: User, form: QuestionForm) -> dict[str, object]:
    try:
        answer = persona_retrieval.ask_persona(actor, about, form.cleaned_data["question"])
    except ValidationError as error:
        add_form_errors(form, error)
        return {}
    return {"answer": answer, "question": form.cleaned_data["question"].strip()}
