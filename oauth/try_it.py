"""The page on which a developer tries their own app, step by step."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from oauth import clients, trying
from oauth.client_scopes import ClientScopes
from oauth.console import own_app
from oauth.exchanges import Exchange
from oauth.forms import TrialCallForm, TrialScopesForm, TrialSecretForm
from oauth.models import Application
from oauth.trying import Trial

Step = Callable[[HttpRequest, Application], HttpResponseBase]


@require_safe
@own_app
def page(request: HttpRequest, application: Application) -> HttpResponseBase:
    """Also the redirect address of a trial: what came back is taken out of the address at once."""
    if not {"code", "error"} & request.GET.keys():
        return _page(request, application)
    try:
        trial = trying.answered(trying.of(request, application), request.GET.dict())
    except trying.Unasked as fault:
        messages.error(request, str(fault))
        trial = Trial()
    trying.keep(request, application, trial)
    return redirect("oauth:try", application.client_id)


@require_POST
def act(request: HttpRequest, client_id: str, act: str) -> HttpResponseBase:
    if act not in ACTS:
        raise Http404
    return own_app(ACTS[act])(request, client_id)


def _allow(request: HttpRequest, application: Application) -> HttpResponseBase:
    """The page itself becomes one of the app's redirect addresses."""
    uris = [*application.redirect_uris.split(), trying.address_of(application)]
    try:
        clients.change(application, name=application.name, redirect_uris=dict.fromkeys(uris))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("oauth:try", application.client_id)


def _ask(request: HttpRequest, application: Application) -> HttpResponseBase:
    form = _scopes_form(application, request.POST)
    if not form.is_valid():
        return _page(request, application, scopes_form=form)
    trial, address = trying.begin(application, form.cleaned_data["scopes"])
    trying.keep(request, application, trial)
    return redirect(address)


def _with_secret(
    step: Callable[[HttpRequest, Application, Trial, str], tuple[Trial, Exchange]],
) -> Step:
    def taken(request: HttpRequest, application: Application) -> HttpResponseBase:
        form = TrialSecretForm(request.POST)
        secret = form.cleaned_data["client_secret"] if form.is_valid() else ""
        trial, exchange = step(request, application, trying.of(request, application), secret)
        trying.keep(request, application, trial)
        return _page(request, application, exchange=exchange)

    return taken


def _call(request: HttpRequest, application: Application) -> HttpResponseBase:
    form = TrialCallForm(request.POST)
    if not form.is_valid():
        return _page(request, application, call_form=form)
    exchange = trying.call(request, trying.of(request, application), **_called(form))
    return _page(request, application, exchange=exchange, call_form=form)


def _called(form: TrialCallForm) -> dict[str, str]:
    return {"name": form.cleaned_data["call"], "text": form.cleaned_data["text"]}


def _start_over(request: HttpRequest, application: Application) -> HttpResponseBase:
    trying.keep(request, application, Trial())
    return redirect("oauth:try", application.client_id)


ACTS: dict[str, Step] = {
    "allow": _allow,
    "ask": _ask,
    "redeem": _with_secret(trying.redeem),
    "refresh": _with_secret(trying.refresh),
    "give-back": _with_secret(trying.give_back),
    "call": _call,
    "over": _start_over,
}


def _page(request: HttpRequest, application: Application, **context: Any) -> HttpResponse:
    trial = trying.of(request, application)
    address = trying.address_of(application)
    context = {
        "app": application,
        "trial": trial,
        "address": address,
        "is_registered": application.redirect_uri_allowed(address),
        "question": trying.question(application, trial.scope or "memories:read"),
        "scopes_form": _scopes_form(application),
        "secret_form": None if application.is_public else TrialSecretForm(),
        "call_form": TrialCallForm(),
    } | context
    if "exchange" not in context and any(getattr(form, "errors", None) for form in context.values()):
        return render(request, "oauth/test_app.html", context, status=422)
    return render(request, "oauth/test_app.html", context)


def _scopes_form(application: Application, data: Any = None) -> TrialScopesForm:
    scopes = ClientScopes().get_available_scopes(application)
    return TrialScopesForm(data, scopes=scopes, initial=scopes[:1])
