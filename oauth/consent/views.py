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

from accounts.actor import Actor, Door
from accounts.consent import chat as chat_consent
from accounts.fields import DecryptError
from accounts.rate_limits import LimitReached, hit
from core.client_ip import client_network
from core.http import too_many
from oauth import rate_limits
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent import authorization_request, notifications
from oauth.consent.forms import NarrowingForm
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
from oauth.toolkit.scopes import descriptions

EXAMPLES = 3
EXCERPT_CHARACTERS = 160

# --- Consent ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def authorize(request: HttpRequest) -> HttpResponseBase:
    """RFC 6749 4.1.1. The request stands in the address all along; the form holds only the person's choices."""
    try:
        actor = actor_from_request(request, Door.WEB)
        if actor.user is None and metadata_documents.is_address(request.GET.get("client_id", "")):
            return redirect_to_login(request.get_full_path())
        asked = authorization_request.read(request, actor.user)
        if actor.user is None:
            return redirect_to_login(request.get_full_path())
        return _consent(request, actor, asked)
    except (authorization_request.BadRequest, authorization_request.Declined) as wrong:
        return _answer_wrong(request, wrong)


def _answer_wrong(
    request: HttpRequest, wrong: authorization_request.BadRequest | authorization_request.Declined
) -> HttpResponse:
    """By a page, or to the app. Anybody may ask wrongly: it is counted before it is noted for the developer."""
    try:
        hit(rate_limits.WRONG_QUESTIONS, client_network(request))
    except LimitReached as reached:
        return too_many(request, reached.retry_after_s)
    if isinstance(wrong, authorization_request.Declined):
        client_errors.note_question(request, wrong.error.error, wrong.error.description)
        return authorization_request.decline(wrong)
    client_errors.note_question(request, wrong.code, wrong.description)
    return render(request, "oauth/bad_request.html", {"problem": wrong}, status=400)


def _consent(request: HttpRequest, actor: Actor, asked: authorization_request.Asked) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    if data is not None and data.get("answer") != "allow":
        return authorization_request.refusal(asked)
    known = grants.known_of(actor.person, asked.application)
    form = NarrowingForm(data, scopes=asked.scopes, tags=_tags(actor), grant=known, is_asked=True)
    if form.is_valid():
        return _allow(request, actor, asked, form.narrowing())
    context = {"asked": asked, "form": form, **_what_it_would_see(actor, asked)}
    context["is_unchecked"] = asked.is_unchecked_for(actor.person)
    context["model_host"] = _model_that_would_read(actor, asked)
    response = render(request, "oauth/consent.html", context, status=200 if data is None else 422)
    response._csp_update = {"form-action": [asked.form_action]}  # type: ignore[attr-defined]
    return response


def _allow(
    request: HttpRequest, actor: Actor, asked: authorization_request.Asked, chosen: grants.Narrowing
) -> HttpResponse:
    try:
        with transaction.atomic():
            is_new = grants.allow(actor.person, asked.application, chosen)
            response = authorization_request.code_for(request, asked, sorted(chosen.scopes))
    except grants.SignedOut:
        return redirect_to_login(request.get_full_path())
    if is_new:
        notifications.app_connected(AppGrant.objects.get(user=actor.person, application=asked.application))
        said = _("%(app)s is connected. You can change or end that under Connected apps.")
        messages.info(request, said % {"app": asked.application})
    return response


def _what_it_would_see(actor: Actor, asked: authorization_request.Asked) -> dict[str, Any]:
    """How many memories, and the newest few of them."""
    as_app = grants.actor_of(actor.person, asked.application, grants.Narrowing(frozenset(asked.scopes)))
    preview = get_resource_server().preview_access(actor, as_app, examples=EXAMPLES)
    if preview is None:
        return {"sees": None}
    return {"sees": preview.count, "examples": [_excerpt(memory) for memory in preview.examples]}


def _model_that_would_read(actor: Actor, asked: authorization_request.Asked) -> str:
    """The host elsewhere that would word the answers the app gets of personas, as the person has allowed it to."""
    asks_personas = get_resource_server().can_query_personas(asked.scopes)
    sends = chat_consent.is_needed() and chat_consent.has_said_yes(actor.person)
    return chat_consent.host() if asks_personas and sends else ""


def _tags(actor: Actor) -> list[tuple[str, str]]:
    server = get_resource_server()
    counts = server.memories_per_tag(actor)
    return [(str(tag), f"{name} ({counts.get(tag, 0)})") for tag, name in server.tag_names(actor).items()]


def _excerpt(memory: StoredMemory) -> str:
    try:
        text = memory.text
    except DecryptError:
        return _("(does not open)")
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"


# --- Connected apps -----------------------------------------------------------------------------------------


def app_page(
    view: Callable[[HttpRequest, Actor, AppGrant], HttpResponseBase],
) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    """A page about one connected app: called with the person and their grant, kept in no cache."""

    @login_required
    @never_cache
    @wraps(view)
    def page(request: HttpRequest, grant_id: UUID) -> HttpResponseBase:
        actor = actor_from_request(request, Door.WEB)
        try:
            return view(request, actor, grants.one_of(actor, grant_id))
        except grants.AppNotFound:
            raise Http404 from None

    return page


@login_required
@never_cache
@require_safe
def apps(request: HttpRequest) -> HttpResponseBase:
    actor = actor_from_request(request, Door.WEB)
    use = get_resource_server().usage_by_client(actor)
    connected = [_described(actor, grant, use) for grant in grants.connected(actor)]
    return render(request, "oauth/apps.html", {"apps": connected})


@login_required
@never_cache
@require_safe
def activity(request: HttpRequest) -> HttpResponseBase:
    """What all apps did and what was done to them, those that are disconnected included."""
    actor = actor_from_request(request, Door.WEB)
    acts, following = get_resource_server().list_activity(actor, None, before=_cursor(request))
    return render(request, "oauth/activity.html", {"acts": _lines(acts), "next": following})


@require_safe
@app_page
def app(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    form = NarrowingForm(scopes=grant.scopes, tags=_tags(actor), grant=grant)
    return render(request, "oauth/app.html", _app_context(request, actor, grant, form))


@require_POST
@app_page
def narrow(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    form = NarrowingForm(request.POST, scopes=grant.scopes, tags=_tags(actor), grant=grant)
    if not form.is_valid():
        return render(request, "oauth/app.html", _app_context(request, actor, grant, form), status=422)
    grants.narrow(grant, form.narrowing())
    messages.success(request, _("Saved. It counts from now on."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_page
def pause(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    """What the button said, however often it was pressed: a page may be older than the pause."""
    if request.POST.get("state") == "on":
        grants.resume(grant)
        messages.success(request, _("It may go on."))
    else:
        grants.pause(grant)
        messages.success(request, _("Paused. It reaches nothing until you let it go on."))
    return redirect("oauth:app", grant.pk)


@require_POST
@app_page
def revoke(request: HttpRequest, _actor: Actor, grant: AppGrant) -> HttpResponseBase:
    grants.revoke(grant)
    messages.success(request, _("%(app)s is disconnected.") % {"app": grant.application})
    return redirect("oauth:apps")


@require_POST
@app_page
def forget(request: HttpRequest, actor: Actor, grant: AppGrant) -> HttpResponseBase:
    count = get_resource_server().trash_memories_written_by(actor, grant.application.client_id)
    said = ngettext("%(n)d memory is in the trash.", "%(n)d memories are in the trash.", count)
    messages.success(request, said % {"n": count})
    return redirect("oauth:app", grant.pk)


def _described(actor: Actor, grant: AppGrant, use: Mapping[str, ClientUsage]) -> dict[str, Any]:
    names = get_resource_server().tag_names(actor) if grant.only_tags is not None else {}
    words = descriptions()
    return {
        "grant": grant,
        "app": grant.application,
        "may": [words.get(scope, scope) for scope in grant.scopes],
        "tags": [names.get(tag, _("(a tag no longer used)")) for tag in grant.only_tags or ()],
        "use": use.get(grant.application.client_id, ClientUsage()),
    }


def _app_context(request: HttpRequest, actor: Actor, grant: AppGrant, form: NarrowingForm) -> dict[str, Any]:
    server = get_resource_server()
    acts, following = server.list_activity(actor, grant.application.client_id, before=_cursor(request))
    described = _described(actor, grant, server.usage_by_client(actor))
    return {"each": described, "form": form, "acts": _lines(acts), "next": following}


def _lines(acts: Sequence[ClientActivity]) -> list[dict[str, Any]]:
    """With the name of the app, and of each memory how it begins."""
    names = manual_registration.names_of({act.event.client_id for act in acts})
    return [
        {
            "act": act,
            "app": names.get(act.event.client_id, _("(an app that is no longer registered)")),
            "memories": [(memory.pk, _excerpt(memory)) for memory in act.memories],
        }
        for act in acts
    ]


def _cursor(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None
