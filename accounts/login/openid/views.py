"""Pages of the log-in by an OpenID provider: to the provider and back, sign-up, and the user's connections."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    resume_request,
)
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.internal import flows, statekit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.login import security_notices
from accounts.login.openid import signup
from accounts.login.openid.adapter import IdentityLogin
from accounts.login.openid.signup import AddressForm
from accounts.models import User
from accounts.openid import connections
from accounts.openid.code_flow import (
    Challenge,
    Identity,
    build_authorization_url,
    read_code,
    redeem_code,
)
from accounts.openid.connections import PROVIDER_ID
from accounts.openid.errors import LoginRefused, OpenIDError, ProviderUnreachable
from accounts.openid.provider import get_provider
from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit
from core.client_ip import get_client_network
from core.http import leave_site, render_rate_limited

logger = logging.getLogger(__name__)

# Per network: each start is stored in a session, and each response is a request to the provider.
REQUESTS = RateLimit("openid", 60)
LOGIN, CONNECT, REAUTHENTICATE = "login", "connect", "reauthenticate"
CONNECTION_ID = re.compile(r"[0-9]{1,18}")  # fits a bigint
UNREACHABLE_STATUS, FAILED_STATUS = 503, 400

View = Callable[..., HttpResponseBase]


def openid_view(view: View) -> View:
    """Answer 404 if no provider is configured, limit requests by network, and show what fails."""

    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not settings.OPENID.issuer:
            raise Http404
        try:
            enforce_rate_limit(REQUESTS, get_client_network(request))
            return view(request, *args, **kwargs)
        except RateLimitExceeded as error:
            return render_rate_limited(request, error.retry_after_s)
        except OpenIDError as error:
            return _render_error(request, error)

    return checked


@require_POST
@openid_view
def start_login(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return redirect(get_next_redirect_url(request) or settings.LOGIN_REDIRECT_URL)
    return _leave_to_provider(request, LOGIN)


@login_required
@require_POST
@openid_view
@reauthentication_required  # type: ignore[untyped-decorator]
def start_connection(request: HttpRequest) -> HttpResponseBase:
    return _leave_to_provider(request, CONNECT)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@openid_view
def reauthenticate(request: HttpRequest) -> HttpResponseBase:
    """Confirm who one is by logging in at the provider again."""
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    if not connections.can_confirm(request.user):
        raise Http404
    if request.method == "POST":
        return _leave_to_provider(request, REAUTHENTICATE)
    context = {"next_url": get_next_redirect_url(request) or ""}
    return render(request, "accounts/openid_reauthenticate.html", context)


@require_safe
@openid_view
def finish(request: HttpRequest) -> HttpResponseBase:
    """The redirect URI: check the provider's response, and do what it was requested for."""
    parameters = dict(request.GET.lists())
    state_id = parameters.get("state", [""])[0]
    state: dict[str, Any] | None = statekit.unstash_state(request, provider_id=PROVIDER_ID, state_id=state_id)
    if state is None:  # unknown in this session, used before, or older than ten minutes
        raise OpenIDError("unknown_state")
    purpose, next_url = state["purpose"], state["next"]
    if purpose != LOGIN and state["user"] != _get_user_id(request):
        raise OpenIDError("unknown_state")
    provider = get_provider(settings.OPENID)
    try:
        code = read_code(parameters, provider)
    except LoginRefused as error:
        return _return_refused(request, error, purpose, next_url)
    identity = redeem_code(provider, Challenge(**state["challenge"]), code, _get_redirect_uri())
    if purpose == LOGIN:
        return _log_in(request, identity, next_url)
    assert isinstance(request.user, User)  # noqa: S101  (compared above)
    if purpose == CONNECT:
        return _connect(request, request.user, identity)
    return _confirm(request, request.user, identity, next_url)


@require_http_methods(["GET", "HEAD", "POST"])
@openid_view
def sign_up(request: HttpRequest) -> HttpResponseBase:
    """Ask for the address of a new user, if the provider did not verify one."""
    found = signup.get_identity(request)
    if found is None or request.user.is_authenticated:
        return redirect("account_login")
    identity, next_url = found
    form = AddressForm(request.POST or None, request=request, initial={"email": identity.email})
    if not form.is_valid():
        context = {"form": form, "next_url": next_url}
        return render(request, "accounts/openid_signup.html", context, status=422 if form.is_bound else 200)
    return signup.register_address(request, identity, form.cleaned_data["email"], next_url)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def manage_connections(request: HttpRequest) -> HttpResponseBase:
    """List the identities that log in to the account, and disconnect one."""
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    if request.method == "POST":
        response: HttpResponseBase = _disconnect(request)
        return response
    context = {"connections": connections.list_connections(request.user)}
    return render(request, "accounts/connections.html", context)


# --- Private ------------------------------------------------------------------------------------------


def _leave_to_provider(request: HttpRequest, purpose: str) -> HttpResponse:
    metadata = get_provider(settings.OPENID).get_metadata()
    challenge = Challenge(must_reauthenticate=purpose == REAUTHENTICATE)
    state = {
        "purpose": purpose,
        "next": get_next_redirect_url(request) or "",
        "user": _get_user_id(request),
        "challenge": challenge.as_dict(),
    }
    state_id = statekit.stash_state(request, provider_id=PROVIDER_ID, state=state)
    location = build_authorization_url(
        metadata, settings.OPENID, challenge, state=state_id, redirect_uri=_get_redirect_uri()
    )
    return leave_site(request, location, "accounts/openid_redirect.html", {})


def _log_in(request: HttpRequest, identity: Identity, next_url: str) -> HttpResponseBase:
    """Log in to the account of the identity, with its second factor, or sign up."""
    response: HttpResponseBase = flows.login.complete_login(
        request, IdentityLogin(request, identity, next_url)
    )
    return response


def _connect(request: HttpRequest, person: User, identity: Identity) -> HttpResponseBase:
    name = settings.OPENID.label
    if not did_recently_reauthenticate(request):
        messages.error(request, _("That took too long. Try again."))
        return redirect("accounts:connections")
    try:
        if connections.add_connection(person, identity):
            security_notices.notify_identity_connected(request, person, name, identity.email)
        messages.success(request, _("You can now log in with %(provider)s.") % {"provider": name})
    except connections.ConnectedElsewhere:
        text = _("This log-in with %(provider)s belongs to another account. Disconnect it there first.")
        messages.error(request, text % {"provider": name})
    except connections.TooManyConnections:
        messages.error(request, _("Your account has too many log-ins. Disconnect one first."))
    return redirect("accounts:connections")


def _confirm(request: HttpRequest, person: User, identity: Identity, next_url: str) -> HttpResponseBase:
    row = connections.find_account(identity)
    if row is None or row.user_id != person.pk:
        text = _("You logged in with a different %(provider)s account. Try again.")
        messages.error(request, text % {"provider": settings.OPENID.label})
        return redirect(_build_page_url("accounts:openid_reauthenticate", next_url))
    record_authentication(request, person, "socialaccount", reauthenticated=True)
    # django-allauth reads from the request which page, or form, waits for this.
    waits_for = QueryDict(mutable=True)
    waits_for["next"] = next_url
    request.GET = waits_for  # type: ignore[assignment]
    response: HttpResponseBase | None = resume_request(request)
    return response or redirect("accounts:overview")


@reauthentication_required  # type: ignore[untyped-decorator]
def _disconnect(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    given = request.POST.get("connection", "")
    try:
        if connections.remove_connection(request.user, int(given) if CONNECTION_ID.fullmatch(given) else 0):
            security_notices.notify_identity_disconnected(request, request.user, settings.OPENID.label)
            messages.success(request, _("Disconnected."))
    except connections.LastWayIn:
        messages.error(request, _("This is your only way to log in. Set a password or add a passkey first."))
    return redirect("accounts:connections")


def _return_refused(
    request: HttpRequest, error: LoginRefused, purpose: str, next_url: str
) -> HttpResponseBase:
    if error.code != "cancelled":
        raise error
    messages.info(request, _("Log-in with %(provider)s was cancelled.") % {"provider": settings.OPENID.label})
    if purpose == LOGIN:
        return redirect(_build_page_url("account_login", next_url))
    return redirect("accounts:connections" if purpose == CONNECT else "accounts:overview")


def _render_error(request: HttpRequest, error: OpenIDError) -> HttpResponse:
    is_unreachable = isinstance(error, ProviderUnreachable)
    # What was received is not logged: it may be chosen by a stranger.
    logger.warning("a log-in by the OpenID provider failed: %s", error.code)
    context = {
        "code": error.code,
        "is_unreachable": is_unreachable,
        "is_expired": error.code == "unknown_state",
    }
    status = UNREACHABLE_STATUS if is_unreachable else FAILED_STATUS
    return render(request, "accounts/openid_error.html", context, status=status)


def _get_redirect_uri() -> str:
    # Not from the request: it is registered at the provider, and the client controls the Host header.
    return f"{settings.PUBLIC_URL}{reverse('accounts:openid_callback')}"


def _get_user_id(request: HttpRequest) -> str:
    return str(request.user.pk) if request.user.is_authenticated else ""


def _build_page_url(name: str, next_url: str) -> str:
    query = QueryDict(mutable=True)
    query["next"] = next_url
    return f"{reverse(name)}?{query.urlencode()}" if next_url else reverse(name)
