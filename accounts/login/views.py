"""Sign-up by invitation, the page that asks for the code sent to an address, and stricter views of django-allauth."""

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.signup import complete_signup
from allauth.account.internal.stagekit import get_pending_stage
from allauth.account.utils import passthrough_next_redirect_url
from allauth.account.views import email_verification_sent, password_set
from allauth.mfa import app_settings
from allauth.mfa.webauthn.views import login_webauthn, remove_webauthn
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import invitations
from accounts.login import pending_signup, watched_email
from accounts.login.pending_signup import INVITATION_KEY, PendingSignup
from accounts.login.signup_form import SignupCodeForm
from accounts.models import User
from accounts.openid import connections
from accounts.rate_limits import RateLimit, enforce_rate_limit
from core.client_ip import get_client_network

CODE_PAGE = "account_email_verification_sent"
# Each challenge is stored in a session, which anybody can start.
CHALLENGES = RateLimit("passkey", 60)


@never_cache
@require_safe
def accept_invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Store the link's secret in the session. The sign-up page tells whether it can be used."""
    if invitations.find_invitation(secret) is not None:
        request.session[INVITATION_KEY] = secret
    return redirect("account_signup")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_address(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code that was sent to an address: of a sign-up here, else of an account by django-allauth's view."""
    pending = pending_signup.get_pending_signup(request)
    if pending is None or request.user.is_authenticated or get_pending_stage(request) is not None:
        response: HttpResponseBase = email_verification_sent(request)
        return response
    if not get_adapter().is_open_for_signup(request):
        return render(request, "account/signup_closed.html")
    if request.POST.get("action") == "resend":
        pending_signup.resend_code(request, pending)
        return redirect(passthrough_next_redirect_url(request, reverse(CODE_PAGE), "next"))
    form = SignupCodeForm(request.POST or None, code=pending.code)
    if form.is_valid():
        return _finish_signup(request, pending)
    if form.is_bound and not pending_signup.count_wrong_guess(request, pending):
        messages.error(request, _("Too many wrong codes. Sign up again to get a new one."))
        return redirect("account_signup")
    context = {"verify_form": form, "email": pending.email, "can_resend": pending.can_resend}
    return render(request, "account/confirm_email_verification_code.html", context)


@never_cache
@require_safe
def show_email_state(request: HttpRequest) -> HttpResponse:
    """Say what became of the e-mail that this session waits for. The page asks again until it is sent or failed."""
    return render(request, "account/_email_state.html", {"email_state": watched_email.get_state(request)})


@require_safe
def show_outdated_link(request: HttpRequest, **_: str) -> HttpResponse:
    """Explain links that earlier versions sent to confirm an address."""
    return render(request, "account/email_confirm.html", status=404)


def _finish_signup(request: HttpRequest, pending: PendingSignup) -> HttpResponseBase:
    """Create the account and log in. The code was right, so its owner may know whether the address has an account."""
    pending_signup.drop_signup(request)
    try:
        person = pending_signup.create_account(request, pending, by_invitation=settings.SIGNUP == "invite")
    except invitations.InvalidInvitation:
        return render(request, "account/signup_closed.html")
    except (pending_signup.AddressHasAccount, IntegrityError):
        messages.info(request, _("This address has an account. Log in."))
        return redirect("account_login")
    request.session.pop(INVITATION_KEY, None)
    response: HttpResponseBase = complete_signup(request, user=person, redirect_url=pending.next_url or None)
    return response


def log_in_with_passkey(request: HttpRequest) -> HttpResponseBase:
    """django-allauth's view, whose challenges are limited by network."""
    if not app_settings.PASSKEY_LOGIN_ENABLED:
        raise Http404
    enforce_rate_limit(CHALLENGES, get_client_network(request))
    response: HttpResponseBase = login_webauthn(request)
    return response


@login_required
def remove_passkey(request: HttpRequest, pk: int) -> HttpResponseBase:
    """django-allauth's view, but the only way to log in is not removed."""
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    with transaction.atomic():
        # Locked, so that two ways in are not removed at once.
        person = User.objects.select_for_update().get(pk=request.user.pk)
        if request.method == "POST" and not connections.has_way_in(person, without_passkey=pk):
            messages.error(request, _("This passkey is your only way to log in. Set a password first."))
            return redirect("mfa_list_webauthn")
        response: HttpResponseBase = remove_webauthn(request, pk=pk)
    return response


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def set_password(request: HttpRequest) -> HttpResponseBase:
    """django-allauth's view, but a session alone cannot give itself a password."""
    response: HttpResponseBase = password_set(request)
    return response
