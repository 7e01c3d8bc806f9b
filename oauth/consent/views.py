"""Consent and connected apps: pages of the user's own session."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actor import Actor, Channel
from accounts.consent import chat as chat_consent
from accounts.fields import DecryptError
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit
from core.client_ip import get_client_network
from core.http import render_rate_limited
from oauth import rate_limits
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent import authorization_request, notifications
from oauth.consent.forms import GrantOptionsForm
from oauth.consent.resource_server import (
    ClientActivity,
    ClientUsage,
    StoredMemory,
    get_resource_server,
)
from oauth.diagnostics import client_errors
from oauth.models import AppGrant
from oauth.registration import manual as manual_registration
from oauth.registration import metadata_documents
from oauth.toolkit.scopes import get_scope_descriptions

EXAMPLES = 3
EXCERPT_CHARACTERS = 160

# --- Consent ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def authorize_app(request: HttpRequest) -> HttpResponseBase:
    """Authorization endpoint (RFC 6749 4.1.1). The request stays in the URL; the form has only the user's choices."""
    try:
        actor = actor_from_request(request, Channel.WEB)
        if actor.user is None and metadata_documents.is_metadata_url(request.GET.get("client_id", "")):
            return redirect_to_login(request.get_full_path())
        auth_request = authorization_request.parse_authorization_request(request, actor.user)
        if actor.user is None:
            return redirect_to_login(request.get_full_path())
        return _handle_consent(request, actor, auth_request)
    except (authorization_request.InvalidAuthorizationRequest, authorization_request.RedirectError) as error:
        return _reject_invalid_request(request, error)


def _reject_invalid_request(
    request: HttpRequest,
    error: authorization_request.InvalidAuthorizationRequest | authorization_request.RedirectError,
) -> HttpResponse:
    """Report the error on a page or to the client. Enforce the rate limit before recording it for the developer."""
    try:
        enforce_rate_limit(rate_limits.INVALID_AUTHORIZATION_REQUESTS, get_client_network(request))
    except RateLimitExceeded as exceeded:
        return render_rate_limited(request, exceeded.retry_after_s)
    if isinstance(error, authorization_request.RedirectError):
        client_errors.record_authorization_error(request, error.error.error, error.error.description)
        return authorization_request.redirect_with_error(request, error)
    client_errors.record_authorization_error(request, error.code, error.description)
    return render(request, "oauth/bad_request.html", {"problem": error}, status=400)


def _handle_consent(
    request: HttpRequest, actor: Actor, auth_request: authorization_request.AuthorizationRequest
) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    if data is not None and data.get("answer") != "allow":
        return authorization_request.redirect_with_denial(request, auth_request)
    grant = grants.find_grant(actor.person, auth_request.application)
    form = GrantOptionsForm(
        data, scopes=auth_request.scopes, tags=_get_tag_choices(actor), grant=grant, is_asked=True
    )
    if form.is_valid():
        return _approve_request(request, actor, auth_request, form.build_options())
    context = {"auth_request": auth_request, "form": form, **_preview_access(actor, auth_request)}
    context["is_unverified"] = auth_request.is_unverified_for(actor.person)
    context["model_host"] = _get_chat_model_host(actor, auth_request)
    response = render(request, "oauth/consent.html", context, status=200 if data is None else 422)
    response._csp_update = {"form-action": [auth_request.form_action]}  # type: ignore[attr-defined]
    return response


def _approve_request(
    request: HttpRequest,
    actor: Actor,
    auth_request: authorization_request.AuthorizationRequest,
    options: grants.GrantOptions,
) -> HttpResponse:
    try:
        with transaction.atomic():
            is_new = grants.grant_access(actor.person, auth_request.application, options)
            response = authorization_request.redirect_with_code(request, auth_request, sorted(options.scopes))
    except grants.SessionEnded:
        return redirect_to_login(request.get_full_path())
    if is_new:
        notifications.send_app_connected_email(
            AppGrant.objects.get(user=actor.person, application=auth_request.application)
        )
        text = _("%(app)s is connected. You can change or revoke its access under Connected apps.")
        messages.info(request, text % {"app": auth_request.application})
    return response


def _preview_access(actor: Actor, auth_request: authorization_request.AuthorizationRequest) -> dict[str, Any]:
    """Return the number of memories that the client could read, and the newest as examples."""
    as_app = grants.build_app_actor(
        actor.person, auth_request.application, grants.GrantOptions(frozenset(auth_request.scopes))
    )
    preview = get_resource_server().preview_access(actor, as_app, examples=EXAMPLES)
    if preview is None:
        return {"readable_count": None}
    return {
        "readable_count": preview.count,
        "examples": [_build_excerpt(memory) for memory in preview.examples],
    }


def _get_chat_model_host(actor: Actor, auth_request: authorization_request.AuthorizationRequest) -> str:
    """Return the remote host that would generate persona answers for the client, empty if there is none."""
    can_query = get_resource_server().can_query_personas(auth_request.scopes)
    is_remote = chat_consent.is_consent_required() and chat_consent.has_consented(actor.person)
    return chat_consent.get_provider_host() if can_query and is_remote else ""


def _get_tag_choices(actor: Actor) -> list[tuple[str, str]]:
    server = get_resource_server()
    counts = server.memories_per_tag(actor)
    return [(str(tag), f"{name} ({counts.get(tag, 0)})") for tag, name in server.tag_names(actor).items()]


def _build_excerpt(memory: StoredMemory) -> str:
    try:
        text = memory.text
    except DecryptError:
        return _("(cannot be decrypted)")
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"


# --- Connected apps -----------------------------------------------------------------------------------------


def app_grant_required(
    view: Callable[[HttpRequest, Actor, AppGrant], HttpResponseBase],
) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    """Decorate a view of a connected app: log-in required, never cached, called with the actor and their grant."""

    @login_required
    @never_cache
    @wraps(view)
    def page(request: HttpRequest, grant_id: UUID) -> HttpResponseBase:
        actor = actor_from_request(request, Channel.WEB)
        try:
            return view(request, actor, grants.get_grant(actor, grant_id))
        except grants.AppNotFound:
            raise Http404 from None

    return page


@login_required
@never_cache
@require_safe
def list_apps(request: HttpRequest) -> HttpResponseBase:
    actor = actor_from_request(request, Channel.WEB)
    usage = get_resource_server().usage_by_client(actor)
    connected = [_describe_grant(actor, grant, usage) for grant in grants.list_grants(actor)]
    return render(request, "oauth/apps.html", {"apps": connected})


@login_required
@never_cache
@require_safe
def list_activity(request: HttpRequest) -> HttpResponseBase:
    """Show the activity of all apps, including disconnected ones."""
    actor = actor_from_request(request, Channel.WEB)
    activity, next_cursor = get_resource_server().list_activity(actor, None, before=_parse_cursor(request))
    return render(
        request, "oauth/activity.html", {"activity": _build_activity_rows(activity), "next": next_cursor}
    )


@require_safe
@app_grant_required
def show_app(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    form = GrantOptionsForm(scopes=grant.scopes, tags=_get_tag_choices(actor), grant=grant)
    return render(request, "oauth/app.html", _build_app_context(request, actor, grant, form))


@require_POST
@app_grant_required
def update_app_access(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    form = GrantOptionsForm(request.POST, scopes=grant.scopes, tags=_get_tag_choices(actor), grant=grant)
    if not form.is_valid():
        return render(request, "oauth/app.html", _build_app_context(request, actor, grant, form), status=422)
    grants.update_grant(grant, form.build_options())
    messages.success(request, _("Saved. The change applies immediately."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def pause_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    """Pause or resume, as the button says. Not a toggle, because the page may be outdated."""
    if request.POST.get("state") == "on":
        grants.resume_grant(grant)
        messages.success(request, _("App resumed."))
    else:
        grants.pause_grant(grant)
        messages.success(request, _("App paused. It has no access until you resume it."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def disconnect_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    grants.revoke_grant(grant)
    messages.success(request, _("%(app)s was disconnected.") % {"app": grant.application})
    return redirect("oauth:apps")


@require_POST
@app_grant_required
def trash_app_memories(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    count = get_resource_server().trash_memories_written_by(actor, grant.application.client_id)
    text = ngettext("Moved %(n)d memory to trash.", "Moved %(n)d memories to trash.", count)
    messages.success(request, text % {"n": count})
    return redirect("oauth:app", grant.pk)


def _describe_grant(actor: Actor, grant: AppGrant, usage: Mapping[str, ClientUsage]) -> dict[str, Any]:
    names = get_resource_server().tag_names(actor) if grant.only_tags is not None else {}
    descriptions = get_scope_descriptions()
    return {
        "grant": grant,
        "app": grant.application,
        "permissions": [descriptions.get(scope, scope) for scope in grant.scopes],
        "tags": [names.get(tag, _("(a tag no longer used)")) for tag in grant.only_tags or ()],
        "usage": usage.get(grant.application.client_id, ClientUsage()),
    }


def _build_app_context(
    request: HttpRequest, actor: Actor, grant: AppGrant, form: GrantOptionsForm
) -> dict[str, Any]:
    server = get_resource_server()
    activity, next_cursor = server.list_activity(
        actor, grant.application.client_id, before=_parse_cursor(request)
    )
    described = _describe_grant(actor, grant, server.usage_by_client(actor))
    return {
        "connection": described,
        "form": form,
        "activity": _build_activity_rows(activity),
        "next": next_cursor,
    }


def _build_activity_rows(activity: Sequence[ClientActivity]) -> list[dict[str, Any]]:
    """Return rows with the name of the app and an excerpt of each memory."""
    names = manual_registration.get_app_names({item.event.client_id for item in activity})
    return [
        {
            "item": item,
            "app": names.get(item.event.client_id, _("(an app that is no longer registered)")),
            "memories": [(memory.pk, _build_excerpt(memory)) for memory in item.memories],
        }
        for item in activity
    ]


def _parse_cursor(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None
