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
    """Remember the link's secret for the sign-up page; what cannot be used says so there."""
    if invitations.find_invitation(secret) is not None:
        request.session[SESSION_KEY] = secret
    return redirect("account_signup")
