"""Sign-up by an identity at the OpenID provider: the rules are those of every sign-up (settings.SIGNUP).

An address counts if the provider says that it is verified. Otherwise its owner confirms it by a code. It never leads
into an account that exists: whoever has one logs in first, and connects the identity on their page.
"""

import time
from dataclasses import asdict
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.signup import complete_signup
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from accounts import invitations
from accounts.login import pending_signup
from accounts.login.pending_signup import AddressHasAccount, PendingSignup
from accounts.mail import addresses
from accounts.openid.code_flow import Identity

SESSION_KEY = "openid_signup"
VALID_S = 3_600
NO_ACCOUNT_PAGE = "accounts/openid_no_account.html"


class AddressForm(forms.Form):
    """Asks a new user for the address that the provider did not verify."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_email(self) -> str:
        email: str = get_adapter(self.request).clean_email(self.cleaned_data["email"].lower())
        if not addresses.is_confirmation_required() and addresses.find_account(email) is not None:
            raise ValidationError(_("This address has an account. Log in to it first."), code="taken")
        return email


def start_signup(request: HttpRequest, identity: Identity, next_url: str) -> HttpResponse:
    """Create the account of a new identity, or ask for what is missing, or say why there is none."""
    drop_identity(request)
    if not get_adapter(request).is_open_for_signup(request):
        return _render_no_account(request, "invite" if settings.SIGNUP == "invite" else "closed")
    if not identity.is_email_verified:
        request.session[SESSION_KEY] = {
            "identity": asdict(identity), "next_url": next_url, "started_at": time.time()
        }  # fmt: skip
        return redirect("accounts:openid_signup")
    form = AddressForm({"email": identity.email}, request=request)
    if addresses.find_account(identity.email) is not None:
        return _render_no_account(request, "has_account", email=identity.email)
    if not form.is_valid():  # such as an invitation for another address
        return _render_no_account(request, "address", errors=form.errors["email"])
    return create_account(request, identity, form.cleaned_data["email"], next_url, is_confirmed=True)


def get_identity(request: HttpRequest) -> tuple[Identity, str] | None:
    """Return the identity whose sign-up waits for an address, and the page to return to; None if there is none."""
    stored: dict[str, Any] | None = request.session.get(SESSION_KEY)
    if stored is None or time.time() - stored["started_at"] > VALID_S:
        drop_identity(request)
        return None
    return Identity(**stored["identity"]), stored["next_url"]


def drop_identity(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


def register_address(request: HttpRequest, identity: Identity, email: str, next_url: str) -> HttpResponse:
    """Go on with the address that the user entered: confirm it, if this server can. Raises RateLimitExceeded."""
    if not get_adapter(request).is_open_for_signup(request):
        return _render_no_account(request, "invite" if settings.SIGNUP == "invite" else "closed")
    if addresses.is_confirmation_required():
        response: HttpResponse = pending_signup.start_signup(
            request, email=email, display_name=identity.name, identity=asdict(identity)
        )
    else:
        response = create_account(request, identity, email, next_url, is_confirmed=False)
    drop_identity(request)
    return response


def create_account(
    request: HttpRequest, identity: Identity, email: str, next_url: str, *, is_confirmed: bool
) -> HttpResponse:
    """Create an account without password that the identity logs in to, and log in."""
    pending = PendingSignup(
        email,
        make_password(None),
        "",
        time.time(),
        next_url,
        display_name=identity.name,
        identity=asdict(identity),
    )
    by_invitation = settings.SIGNUP == "invite"
    try:
        person = pending_signup.create_account(
            request, pending, by_invitation=by_invitation, is_confirmed=is_confirmed
        )
    except invitations.InvalidInvitation:
        return _render_no_account(request, "invite")
    except AddressHasAccount:
        return _render_no_account(request, "has_account", email=email)
    except IntegrityError:  # the same log-in at the same moment
        return redirect("account_login")
    request.session.pop(pending_signup.INVITATION_KEY, None)
    record_authentication(request, person, "socialaccount")
    response: HttpResponse = complete_signup(request, user=person, redirect_url=next_url or None)
    return response


def _render_no_account(request: HttpRequest, reason: str, **context: object) -> HttpResponse:
    return render(request, NO_ACCOUNT_PAGE, {"reason": reason, **context}, status=403)
