"""Sign-up by invitation."""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import invitations
from accounts.login.adapter import SESSION_KEY


@never_cache
@require_safe
def accept_invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Store the link's secret in the session. The sign-up page tells whether it can be used."""
    if invitations.find_invitation(secret) is not None:
        request.session[SESSION_KEY] = secret
    return redirect("account_signup")
