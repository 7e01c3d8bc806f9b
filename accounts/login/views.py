"""Sign-up by invitation, and the rate limit of passkeys."""

from allauth.mfa import app_settings
from allauth.mfa.webauthn.views import login_webauthn
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import invitations
from accounts.login.adapter import SESSION_KEY
from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit
from core.client_ip import get_client_network
from core.http import render_rate_limited

# Each challenge is stored in a session, which anybody can start.
CHALLENGES = RateLimit("passkey", 60)


@never_cache
@require_safe
def accept_invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Store the link's secret in the session. The sign-up page tells whether it can be used."""
    if invitations.find_invitation(secret) is not None:
        request.session[SESSION_KEY] = secret
    return redirect("account_signup")


def log_in_with_passkey(request: HttpRequest) -> HttpResponseBase:
    """django-allauth's view, whose challenges are limited by network."""
    if not app_settings.PASSKEY_LOGIN_ENABLED:
        raise Http404
    try:
        enforce_rate_limit(CHALLENGES, get_client_network(request))
    except RateLimitExceeded as error:
        return render_rate_limited(request, error.retry_after_s)
    response: HttpResponseBase = login_webauthn(request)
    return response
