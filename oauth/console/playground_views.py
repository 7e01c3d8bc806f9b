"""The page where a developer tests their app, step by step."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from oauth.console import playground
from oauth.console.forms import PlaygroundCallForm, PlaygroundScopesForm, PlaygroundSecretForm
from oauth.console.in_process import Exchange
from oauth.console.playground import PlaygroundRun
from oauth.console.views import own_app_required
from oauth.models import Application
from oauth.registration import manual as manual_registration
from oauth.toolkit.scopes import ClientScopes

Step = Callable[[HttpRequest, Application], HttpResponseBase]


@require_safe
@own_app_required
def show_playground(request: HttpRequest, application: Application) -> HttpResponseBase:
    """Show the playground. It is also the redirect URI: store the received code, then redirect to remove it."""
    if not {"code", "error"} & request.GET.keys():
        return _render_playground(request, application)
    try:
        run = playground.handle_callback(request, playground.load_run(request, application))
    except playground.InvalidCallback as error:
        messages.error(request, str(error))
        run = PlaygroundRun()
    playground.save_run(request, application, run)
    return redirect("oauth:try", application.client_id)


@require_POST
def run_step(request: HttpRequest, client_id: str, act: str) -> HttpResponseBase:
    if act not in STEPS:
        raise Http404
    return own_app_required(STEPS[act])(request, client_id)


def _add_redirect_uri(request: HttpRequest, application: Application) -> HttpResponseBase:
    """Add the URL of the playground to the app's redirect URIs."""
    uris = [*application.redirect_uris.split(), playground.get_callback_url(request, application)]
    try:
        manual_registration.update_app(
            application,
            name=application.name,
            redirect_uris=dict.fromkeys(uris),
            device_flow=application.device_flow,
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("oauth:try", application.client_id)


def _start_authorization(request: HttpRequest, application: Application) -> HttpResponseBase:
    form = _build_scopes_form(application, request.POST)
    if not form.is_valid():
        return _render_playground(request, application, scopes_form=form)
    run, url = playground.start_run(request, application, form.cleaned_data["scopes"])
    playground.save_run(request, application, run)
    return redirect(url)


def _run_with_secret(
    step: Callable[[HttpRequest, Application, PlaygroundRun, str], tuple[PlaygroundRun, Exchange]],
) -> Step:
    def view(request: HttpRequest, application: Application) -> HttpResponseBase:
        form = PlaygroundSecretForm(request.POST)
        secret = form.cleaned_data["client_secret"] if form.is_valid() else ""
        run, exchange = step(request, application, playground.load_run(request, application), secret)
        playground.save_run(request, application, run)
        return _render_playground(request, application, exchange=exchange)

    return view


def _call_api(request: HttpRequest, application: Application) -> HttpResponseBase:
    form = PlaygroundCallForm(request.POST)
    if not form.is_valid():
        return _render_playground(request, application, call_form=form)
    exchange = playground.call_api(
        request, playground.load_run(request, application), **_get_call_arguments(form)
    )
    return _render_playground(request, application, exchange=exchange, call_form=form)


def _get_call_arguments(form: PlaygroundCallForm) -> dict[str, str]:
    return {"name": form.cleaned_data["call"], "text": form.cleaned_data["text"]}


def _reset_run(request: HttpRequest, application: Application) -> HttpResponseBase:
    playground.save_run(request, application, PlaygroundRun())
    return redirect("oauth:try", application.client_id)


STEPS: dict[str, Step] = {
    "allow": _add_redirect_uri,
    "ask": _start_authorization,
    "redeem": _run_with_secret(playground.redeem_code),
    "refresh": _run_with_secret(playground.refresh_tokens),
    "give-back": _run_with_secret(playground.revoke_tokens),
    "call": _call_api,
    "over": _reset_run,
}


def _render_playground(request: HttpRequest, application: Application, **context: Any) -> HttpResponse:
    run = playground.load_run(request, application)
    url = playground.get_callback_url(request, application)
    context = {
        "app": application,
        "run": run,
        "address": url,
        "is_registered": application.redirect_uri_allowed(url),
        "authorization_url": playground.build_authorization_url(
            request, application, run.scope or "memories:read"
        ),
        "scopes_form": _build_scopes_form(application),
        "secret_form": None if application.is_public else PlaygroundSecretForm(),
        "call_form": PlaygroundCallForm(),
    } | context
    if "exchange" not in context and any(getattr(form, "errors", None) for form in context.values()):
        return render(request, "oauth/test_app.html", context, status=422)
    return render(request, "oauth/test_app.html", context)


def _build_scopes_form(application: Application, data: Any = None) -> PlaygroundScopesForm:
    scopes = ClientScopes().get_available_scopes(application)
    return PlaygroundScopesForm(data, scopes=scopes, initial=scopes[:1])
