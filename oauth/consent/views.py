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
    """RFC 6749 4.1.1. The request stands in the address all along; the form holds only the person's choices."""
    try:
        actor = actor_from_request(request, Channel.WEB)
        if actor.user is None and metadata_documents.is_metadata_url(request.GET.get("client_id", "")):
            return redirect_to_login(request.get_full_path())
        asked = authorization_request.parse_authorization_request(request, actor.user)
        if actor.user is None:
            return redirect_to_login(request.get_full_path())
        return _handle_consent(request, actor, asked)
    except (authorization_request.InvalidAuthorizationRequest, authorization_request.RedirectError) as wrong:
        return _reject_invalid_request(request, wrong)


def _reject_invalid_request(
    request: HttpRequest,
    wrong: authorization_request.InvalidAuthorizationRequest | authorization_request.RedirectError,
) -> HttpResponse:
    """By a page, or to the app. Anybody may ask wrongly: it is counted before it is noted for the developer."""
    try:
        enforce_rate_limit(rate_limits.INVALID_AUTHORIZATION_REQUESTS, get_client_network(request))
    except RateLimitExceeded as reached:
        return render_rate_limited(request, reached.retry_after_s)
    if isinstance(wrong, authorization_request.RedirectError):
        client_errors.record_authorization_error(request, wrong.error.error, wrong.error.description)
        return authorization_request.redirect_with_error(wrong)
    client_errors.record_authorization_error(request, wrong.code, wrong.description)
    return render(request, "oauth/bad_request.html", {"problem": wrong}, status=400)


def _handle_consent(
    request: HttpRequest, actor: Actor, asked: authorization_request.AuthorizationRequest
) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    if data is not None and data.get("answer") != "allow":
        return authorization_request.redirect_with_denial(asked)
    known = grants.find_grant(actor.person, asked.application)
    form = GrantOptionsForm(
        data, scopes=asked.scopes, tags=_get_tag_choices(actor), grant=known, is_asked=True
    )
    if form.is_valid():
        return _approve_request(request, actor, asked, form.build_options())
    context = {"asked": asked, "form": form, **_preview_access(actor, asked)}
    context["is_unchecked"] = asked.is_unverified_for(actor.person)
    context["model_host"] = _get_chat_model_host(actor, asked)
    response = render(request, "oauth/consent.html", context, status=200 if data is None else 422)
    response._csp_update = {"form-action": [asked.form_action]}  # type: ignore[attr-defined]
    return response


def _approve_request(
    request: HttpRequest,
    actor: Actor,
    asked: authorization_request.AuthorizationRequest,
    chosen: grants.GrantOptions,
) -> HttpResponse:
    try:
        with transaction.atomic():
            is_new = grants.grant_access(actor.person, asked.application, chosen)
            response = authorization_request.redirect_with_code(request, asked, sorted(chosen.scopes))
    except grants.SessionEnded:
        return redirect_to_login(request.get_full_path())
    if is_new:
        notifications.send_app_connected_email(
            AppGrant.objects.get(user=actor.person, application=asked.application)
        )
        said = _("%(app)s is connected. You can change or end that under Connected apps.")
        messages.info(request, said % {"app": asked.application})
    return response


def _preview_access(actor: Actor, asked: authorization_request.AuthorizationRequest) -> dict[str, Any]:
    """How many memories, and the newest few of them."""
    as_app = grants.build_app_actor(
        actor.person, asked.application, grants.GrantOptions(frozenset(asked.scopes))
    )
    preview = get_resource_server().preview_access(actor, as_app, examples=EXAMPLES)
    if preview is None:
        return {"sees": None}
    return {"sees": preview.count, "examples": [_build_excerpt(memory) for memory in preview.examples]}


def _get_chat_model_host(actor: Actor, asked: authorization_request.AuthorizationRequest) -> str:
    """The host elsewhere that would word the answers the app gets of personas, as the person has allowed it to."""
    asks_personas = get_resource_server().can_query_personas(asked.scopes)
    sends = chat_consent.is_consent_required() and chat_consent.has_consented(actor.person)
    return chat_consent.get_provider_host() if asks_personas and sends else ""


def _get_tag_choices(actor: Actor) -> list[tuple[str, str]]:
    server = get_resource_server()
    counts = server.memories_per_tag(actor)
    return [(str(tag), f"{name} ({counts.get(tag, 0)})") for tag, name in server.tag_names(actor).items()]


def _build_excerpt(memory: StoredMemory) -> str:
    try:
        text = memory.text
    except DecryptError:
        return _("(does not open)")
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"


# --- Connected apps -----------------------------------------------------------------------------------------


def app_grant_required(
    view: Callable[[HttpRequest, Actor, AppGrant], HttpResponseBase],
) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    """A page about one connected app: called with the person and their grant, kept in no cache."""

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
    use = get_resource_server().usage_by_client(actor)
    connected = [_describe_grant(actor, grant, use) for grant in grants.list_grants(actor)]
    return render(request, "oauth/apps.html", {"apps": connected})


@login_required
@never_cache
@require_safe
def list_activity(request: HttpRequest) -> HttpResponseBase:
    """What all apps did and what was done to them, those that are disconnected included."""
    actor = actor_from_request(request, Channel.WEB)
    acts, following = get_resource_server().list_activity(actor, None, before=_parse_cursor(request))
    return render(request, "oauth/activity.html", {"acts": _build_activity_rows(acts), "next": following})


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
    messages.success(request, _("Saved. It counts from now on."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def pause_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    """What the button said, however often it was pressed: a page may be older than the pause."""
    if request.POST.get("state") == "on":
        grants.resume_grant(grant)
        messages.success(request, _("It may go on."))
    else:
        grants.pause_grant(grant)
        messages.success(request, _("Paused. It reaches nothing until you let it go on."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def disconnect_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    grants.revoke_grant(grant)
    messages.success(request, _("%(app)s is disconnected.") % {"app": grant.application})
    return redirect("oauth:apps")


@require_POST
@app_grant_required
def trash_app_memories(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    count = get_resource_server().trash_memories_written_by(actor, grant.application.client_id)
    said = ngettext("%(n)d memory is in the trash.", "%(n)d memories are in the trash.", count)
    messages.success(request, said % {"n": count})
    return redirect("oauth:app", grant.pk)


def _describe_grant(actor: Actor, grant: AppGrant, use: Mapping[str, ClientUsage]) -> dict[str, Any]:
    names = get_resource_server().tag_names(actor) if grant.only_tags is not None else {}
    words = get_scope_descriptions()
    return {
        "grant": grant,
        "app": grant.application,
        "may": [words.get(scope, scope) for scope in grant.scopes],
        "tags": [names.get(tag, _("(a tag no longer used)")) for tag in grant.only_tags or ()],
        "use": use.get(grant.application.client_id, ClientUsage()),
    }


def _build_app_context(
    request: HttpRequest, actor: Actor, grant: AppGrant, form: GrantOptionsForm
) -> dict[str, Any]:
    server = get_resource_server()
    acts, following = server.list_activity(actor, grant.application.client_id, before=_parse_cursor(request))
    described = _describe_grant(actor, grant, server.usage_by_client(actor))
    return {"each": described, "form": form, "acts": _build_activity_rows(acts), "next": following}


def _build_activity_rows(acts: Sequence[ClientActivity]) -> list[dict[str, Any]]:
    """With the name of the app, and of each memory how it begins."""
    names = manual_registration.get_app_names({act.event.client_id for act in acts})
    return [
        {
            "act": act,
            "app": names.get(act.event.client_id, _("(an app that is no longer registered)")),
            "memories": [(memory.pk, _build_excerpt(memory)) for memory in act.memories],
        }
        for act in acts
    ]


def _parse_cursor(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None
