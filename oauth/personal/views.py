"""Pages of a user's personal access tokens. Each token's own page is that of a connected app (oauth/consent/views.py).

A token is shown once, in the response to the form, and only to somebody who has just confirmed who they are.
"""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows import reauthentication
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actor import Actor, Channel
from accounts.login import security_notices
from core.hosts import get_base_url
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent.connections import describe_grant, find_revoked_tokens, load_usage
from oauth.consent.memory_choices import list_tag_choices
from oauth.personal import service
from oauth.personal.forms import RegenerateForm, TokenForm
from oauth.toolkit.scopes import get_scope_descriptions

Page = Callable[..., HttpResponseBase]


def issues_token(view: Page) -> Page:
    """Decorate a page that issues a token: recent authentication required, never cached, 404 if tokens are off."""

    @login_required
    @reauthentication_required  # type: ignore[untyped-decorator]
    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def page(request: HttpRequest, **ids: UUID) -> HttpResponseBase:
        if not settings.PERSONAL_TOKENS:
            raise Http404
        if not _can_confirm(request):
            messages.error(
                request, _("Set a password or add a passkey first. You confirm new tokens with it.")
            )
            return redirect("oauth:tokens")
        try:
            return view(request, actor_from_request(request, Channel.WEB), **ids)
        except grants.AppNotFound:
            raise Http404 from None
        except grants.SessionEnded:
            return redirect_to_login(request.get_full_path())

    typed: Page = page
    return typed


@login_required
@never_cache
@require_safe
def list_tokens(request: HttpRequest) -> HttpResponseBase:
    actor = actor_from_request(request, Channel.WEB)
    listed, usage = list(service.list_token_grants(actor)), load_usage(actor)
    revoked = find_revoked_tokens(listed)
    tokens = [describe_grant(actor, grant, usage, is_revoked=grant.pk in revoked) for grant in listed]
    return render(request, "oauth/tokens.html", {"tokens": tokens, "is_on": settings.PERSONAL_TOKENS})


@issues_token
def create_token(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    data = request.POST if request.method == "POST" else None
    form = TokenForm(data, tags=list_tag_choices(actor, None, data))
    issued = _create_token(request, actor, form) if form.is_valid() else None
    if issued is None:
        return render(request, "oauth/token_new.html", {"form": form}, status=200 if data is None else 422)
    return issued


@issues_token
def regenerate_token(request: HttpRequest, actor: Actor, grant_id: UUID) -> HttpResponseBase:
    grant = grants.get_grant(actor, grant_id)
    if not grant.application.is_personal_token:
        raise Http404
    form = RegenerateForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "grant": grant}
        return render(request, "oauth/token_regenerate.html", context, status=422 if form.is_bound else 200)
    issued = service.regenerate_token(actor.person, grant, form.compute_end())
    return _render_token_once(request, actor, issued, _("An access token was regenerated"))


def _can_confirm(request: HttpRequest) -> bool:
    """Return whether the user can authenticate again; django-allauth lets everybody pass who cannot."""
    return bool(reauthentication.get_reauthentication_flows(request.user))


def _create_token(request: HttpRequest, actor: Actor, form: TokenForm) -> HttpResponseBase | None:
    """Return the page with the token; None if the form has errors."""
    data = form.cleaned_data
    try:
        issued = service.create_token(
            actor.person, data["name"], form.build_options(), form_id=data["form_id"]
        )
    except service.TokenExists:
        messages.info(request, _("This token was already created. If you did not copy it, regenerate it."))
        return redirect("oauth:tokens")
    except grants.TooManyApps:
        message = _("You can have at most %(n)d apps and tokens. Revoke one first.")
        form.add_error(None, message % {"n": grants.MAX_APPS})
        return None
    except ValidationError as error:
        form.add_error("name", error.messages)
        return None
    return _render_token_once(request, actor, issued, _("An access token was created"))


def _render_token_once(
    request: HttpRequest, actor: Actor, issued: service.IssuedToken, what: str
) -> HttpResponse:
    """Render instead of redirecting, because the token exists only in this response; and notify the user by e-mail."""
    descriptions, address = get_scope_descriptions(), reverse("oauth:app", args=[issued.grant.pk])
    lines = [issued.grant.name, *(f"- {descriptions[scope]}" for scope in issued.grant.scopes)]
    lines.append(f"{settings.PUBLIC_URL}{address}")
    security_notices.send_notice(request, actor.person, what, detail="\n".join(lines))
    context = {"grant": issued.grant, "token": issued.secret, "site": get_base_url(request)}
    response = render(request, "oauth/token_issued.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response
