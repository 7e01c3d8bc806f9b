"""Connected apps: pages of the user's own session."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
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
from oauth.access.app_names import get_app_names
from oauth.access.request_actor import actor_from_request
from oauth.consent.connections import describe_grant, find_revoked_tokens, load_usage
from oauth.consent.forms import GrantOptionsForm
from oauth.consent.memory_choices import build_excerpt, list_tag_choices
from oauth.consent.resource_server import ClientActivity, get_resource_server
from oauth.models import AppGrant


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
    usage = load_usage(actor)
    apps = grants.list_grants(actor).filter(application__is_personal_token=False)
    connected = [describe_grant(actor, grant, usage) for grant in apps]
    return render(request, "oauth/apps.html", {"apps": connected, "has_tokens": settings.PERSONAL_TOKENS})


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
    try:
        grants.update_grant(grant, form.build_options())
    except ValidationError as error:
        form.add_error(None, error.messages)
        return render(request, "oauth/app.html", _build_app_context(request, actor, grant, form), status=422)
    messages.success(request, _("Saved. The change applies immediately."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def pause_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    """Pause or resume, as the button says. Not a toggle, because the page may be outdated."""
    is_token = grant.application.is_personal_token
    if request.POST.get("state") == "on":
        grants.resume_grant(grant)
        messages.success(request, _("Token resumed.") if is_token else _("App resumed."))
    else:
        grants.pause_grant(grant)
        paused = _("Token paused. It has no access until you resume it.")
        messages.success(
            request, paused if is_token else _("App paused. It has no access until you resume it.")
        )
    return redirect("oauth:app", grant.pk)


@require_POST
@app_grant_required
def disconnect_app(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    grants.revoke_grant(grant)
    if grant.application.is_personal_token:
        messages.success(request, _("The token %(name)s was revoked.") % {"name": grant.name})
        return redirect("oauth:tokens")
    messages.success(request, _("%(app)s was disconnected.") % {"app": grant.name})
    return redirect("oauth:apps")


@require_POST
@app_grant_required
def trash_app_memories(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    count = get_resource_server().trash_memories_written_by(actor, grant.application.client_id)
    text = ngettext("Moved %(n)d memory to trash.", "Moved %(n)d memories to trash.", count)
    messages.success(request, text % {"n": count})
    return redirect("oauth:app", grant.pk)


def _load_activity(
    request: HttpRequest, actor: Actor, client_id: str
) -> tuple[list[dict[str, Any]] | None, UUID | None]:
    """Return rows of the app's activity and the cursor of the next page; None as `load_usage`."""
    try:
        events, next_cursor = get_resource_server().list_activity(
            actor, client_id, before=_parse_cursor(request)
        )
    except OperationalError:
        return None, None
    return _build_activity_rows(actor, events), next_cursor


def _build_app_context(
    request: HttpRequest, actor: Actor, grant: AppGrant, form: GrantOptionsForm
) -> dict[str, Any]:
    activity, next_cursor = _load_activity(request, actor, grant.application.client_id)
    return {
        "connection": describe_grant(
            actor, grant, load_usage(actor), is_revoked=grant.pk in find_revoked_tokens([grant])
        ),
        "form": form,
        "activity": activity,
        "next": next_cursor,
    }


def _build_activity_rows(actor: Actor, activity: Sequence[ClientActivity]) -> list[dict[str, Any]]:
    """Return rows with the name of the app and an excerpt of each memory."""
    names = get_app_names(actor.person.pk, {item.event.client_id for item in activity})
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
