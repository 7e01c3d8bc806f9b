"""Connected apps: pages of the user's own session."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import OperationalError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.actor import Actor, Channel
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent.forms import GrantOptionsForm
from oauth.consent.memory_choices import build_excerpt, list_tag_choices
from oauth.consent.resource_server import ClientActivity, ClientUsage, get_resource_server
from oauth.models import AppGrant
from oauth.toolkit.scopes import get_scope_descriptions


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
    usage = _load_usage(actor)
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
        request,
        "oauth/activity.html",
        {"activity": _build_activity_rows(actor, activity), "next": next_cursor},
    )


@require_safe
@app_grant_required
def show_app(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    form = GrantOptionsForm(scopes=grant.scopes, tags=list_tag_choices(actor, grant), grant=grant)
    return render(request, "oauth/app.html", _build_app_context(request, actor, grant, form))


@require_POST
@app_grant_required
def update_app_access(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    tags = list_tag_choices(actor, grant, request.POST)
    form = GrantOptionsForm(request.POST, scopes=grant.scopes, tags=tags, grant=grant)
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
    messages.success(request, _("%(app)s was disconnected.") % {"app": grant.name})
    return redirect("oauth:apps")


@require_POST
@app_grant_required
def trash_app_memories(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    count = get_resource_server().trash_memories_written_by(actor, grant.application.client_id)
    text = ngettext("Moved %(n)d memory to trash.", "Moved %(n)d memories to trash.", count)
    messages.success(request, text % {"n": count})
    return redirect("oauth:app", grant.pk)


def _load_usage(actor: Actor) -> Mapping[str, ClientUsage] | None:
    """Return the usage by client id; None if the query fails or takes too long: figures never hide the off switch."""
    try:
        return get_resource_server().usage_by_client(actor)
    except OperationalError:
        return None


def _load_activity(
    request: HttpRequest, actor: Actor, client_id: str
) -> tuple[list[dict[str, Any]] | None, UUID | None]:
    """Return rows of the app's activity and the cursor of the next page; None as `_load_usage`."""
    try:
        events, next_cursor = get_resource_server().list_activity(
            actor, client_id, before=_parse_cursor(request)
        )
    except OperationalError:
        return None, None
    return _build_activity_rows(actor, events), next_cursor


def _describe_grant(actor: Actor, grant: AppGrant, usage: Mapping[str, ClientUsage] | None) -> dict[str, Any]:
    names = get_resource_server().tag_names(actor, grant.only_tags) if grant.only_tags else {}
    descriptions = get_scope_descriptions()
    return {
        "grant": grant,
        "app": grant.application,
        "name": grant.name,
        "new_name": grant.new_name,
        "permissions": [descriptions.get(scope, scope) for scope in grant.scopes],
        "tags": [names.get(tag, _("(a tag no longer used)")) for tag in grant.only_tags or ()],
        "usage": usage.get(grant.application.client_id, ClientUsage()) if usage is not None else None,
    }


def _build_app_context(
    request: HttpRequest, actor: Actor, grant: AppGrant, form: GrantOptionsForm
) -> dict[str, Any]:
    activity, next_cursor = _load_activity(request, actor, grant.application.client_id)
    return {
        "connection": _describe_grant(actor, grant, _load_usage(actor)),
        "form": form,
        "activity": activity,
        "next": next_cursor,
    }


def _build_activity_rows(actor: Actor, activity: Sequence[ClientActivity]) -> list[dict[str, Any]]:
    """Return rows with the name of the app and an excerpt of each memory."""
    names = grants.get_app_names(actor.person.pk, {item.event.client_id for item in activity})
    return [
        {
            "item": item,
            "app": names.get(item.event.client_id, _("(an app that is no longer registered)")),
            "memories": [(memory.pk, build_excerpt(memory)) for memory in item.memories],
        }
        for item in activity
    ]


def _parse_cursor(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None
