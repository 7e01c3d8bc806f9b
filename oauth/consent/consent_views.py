"""The authorization endpoint: a page of the user's own session on which they allow or decline an app's request."""

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor, Channel
from accounts.rate_limits import enforce_rate_limit
from core.client_ip import get_client_network
from oauth import rate_limits
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent import authorization_response, notifications
from oauth.consent.authorization_request import (
    AuthorizationRequest,
    InvalidAuthorizationRequest,
    RedirectError,
    parse_authorization_request,
)
from oauth.consent.choices import ConsentChoices
from oauth.diagnostics import client_errors
from oauth.error_hints import get_error_hint
from oauth.models import AppGrant
from oauth.registration import metadata_documents


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def authorize_app(request: HttpRequest) -> HttpResponseBase:
    """Authorization endpoint (RFC 6749 4.1.1). The request stays in the URL; the form has only the user's choices."""
    try:
        actor = actor_from_request(request, Channel.WEB)
        if actor.user is None and metadata_documents.is_metadata_url(request.GET.get("client_id", "")):
            return redirect_to_login(request.get_full_path())
        auth_request = parse_authorization_request(request, actor.user)
        if actor.user is None:
            return redirect_to_login(request.get_full_path())
        return _handle_consent(request, actor, auth_request)
    except (InvalidAuthorizationRequest, RedirectError) as error:
        return _reject_invalid_request(request, error)


def _reject_invalid_request(
    request: HttpRequest,
    error: InvalidAuthorizationRequest | RedirectError,
) -> HttpResponse:
    """Report the error on a page or to the client. Enforce the rate limit before recording it for the developer."""
    enforce_rate_limit(rate_limits.INVALID_AUTHORIZATION_REQUESTS, get_client_network(request))
    if isinstance(error, RedirectError):
        client_errors.record_authorization_error(request, error.error.error, error.error.description)
        return authorization_response.return_error(request, error)
    kind = client_errors.record_authorization_error(request, error.code, error.description)
    context = {"problem": error, "hint": get_error_hint(kind)}
    return render(request, "oauth/bad_request.html", context, status=400)


def _handle_consent(request: HttpRequest, actor: Actor, auth_request: AuthorizationRequest) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    if data is not None and data.get("answer") != "allow":
        return authorization_response.return_denial(request, auth_request)
    choices = ConsentChoices.load(actor, auth_request.application, auth_request.scopes, data)
    if choices.form.is_valid():
        try:
            return _approve_request(request, actor, auth_request, choices.form.build_options())
        except grants.TooManyApps:
            choices.add_too_many_apps_error()
    context = {"auth_request": auth_request, **choices.build_context(actor)}
    return render(request, "oauth/consent.html", context, status=200 if data is None else 422)


def _approve_request(
    request: HttpRequest,
    actor: Actor,
    auth_request: AuthorizationRequest,
    options: grants.GrantOptions,
) -> HttpResponse:
    try:
        with transaction.atomic():
            is_new = grants.grant_access(
                actor.person, auth_request.application, options, requested=auth_request.scopes
            )
            response = authorization_response.return_code(request, auth_request, sorted(options.scopes))
    except grants.SessionEnded:
        return redirect_to_login(request.get_full_path())
    if is_new:
        notifications.send_app_connected_email(
            AppGrant.objects.get(user=actor.person, application=auth_request.application)
        )
    return response
