"""A sign-up whose address is not confirmed yet. It is stored in the session only: there is no account until then.

So whoever enters another person's address gets nothing and leaves nothing behind. Both the code and the session are
needed: the address is confirmed by the person who chose the password, not by one who opens an unexpected link.
"""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from allauth.account.internal.stagekit import clear_login
from allauth.account.models import EmailAddress
from allauth.account.utils import get_next_redirect_url, passthrough_next_redirect_url
from allauth.core.internal.cryptokit import generate_user_code
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language

from accounts import invitations
from accounts.login import watched_email
from accounts.mail import addresses, emails
from accounts.models import User
from accounts.openid import connections
from accounts.openid.code_flow import Identity
from accounts.rate_limits import RateLimit, enforce_rate_limit
from core import languages
from core.client_ip import get_client_network
from core.web import page_language

SESSION_KEY = "pending_signup"
INVITATION_KEY = "invitation"  # the secret of the invitation link
# Codes to one address, by network: a stranger must not keep its owner from signing up elsewhere.
EMAIL_LIMITS = (RateLimit("sign_up_emails", 10, 3_600.0), RateLimit("sign_up_emails_day", 20, 86_400.0))
MAX_GUESSES = 5
MAX_EMAILS = 5


class AddressHasAccount(Exception):
    """Another account confirmed the address in the meantime, or the identity logs in to one."""


@dataclass(frozen=True)
class PendingSignup:
    """What the form said, and the code that was sent. `password` is hashed; `next_url` is the page to return to.

    `identity`: the fields of the identity at the OpenID provider that logs in instead of a password.
    """

    email: str
    password: str
    code: str
    started_at: float
    next_url: str = ""
    guesses: int = 0
    emails: int = 1
    display_name: str = ""
    identity: dict[str, Any] | None = None

    @property
    def can_resend(self) -> bool:
        return self.emails < MAX_EMAILS


def start_signup(
    request: HttpRequest,
    *,
    email: str,
    password: str = "",
    display_name: str = "",
    identity: dict[str, Any] | None = None,
) -> HttpResponse:
    """Store the sign-up in the session and send the code. Both are the same if the address has an account already.

    One of password and identity is given.

    Raises RateLimitExceeded.
    """
    _count_email(request, email)
    clear_login(request)
    pending = PendingSignup(
        email,
        make_password(password or None),  # None: no password is right
        generate_user_code(),
        time.time(),
        get_next_redirect_url(request) or "",
        display_name=display_name,
        identity=identity,
    )
    _store(request, pending)
    request.session.set_expiry(int(emails.SIGNUP_VALID.total_seconds()))
    watched_email.watch_email(request, emails.send_signup_code(pending.email, pending.code))
    page = reverse("account_email_verification_sent")
    return redirect(passthrough_next_redirect_url(request, page, "next"))


def get_pending_signup(request: HttpRequest) -> PendingSignup | None:
    """Return the sign-up of this session, None if there is none or it has expired."""
    stored: dict[str, Any] | None = request.session.get(SESSION_KEY)
    if stored is None:
        return None
    pending = PendingSignup(**stored)
    if time.time() - pending.started_at > emails.SIGNUP_VALID.total_seconds():
        drop_signup(request)
        return None
    return pending


def resend_code(request: HttpRequest, pending: PendingSignup) -> None:
    """Send the same code again, so that it does not matter which of the e-mails arrives first.

    Raises RateLimitExceeded.
    """
    if pending.can_resend:
        _count_email(request, pending.email)
        watched_email.watch_email(request, emails.send_signup_code(pending.email, pending.code))
        _store(request, replace(pending, emails=pending.emails + 1))


def count_wrong_guess(request: HttpRequest, pending: PendingSignup) -> bool:
    """Return whether another guess is allowed. If not, the sign-up is dropped."""
    if pending.guesses + 1 >= MAX_GUESSES:
        drop_signup(request)
        return False
    _store(request, replace(pending, guesses=pending.guesses + 1))
    return True


def drop_signup(request: HttpRequest) -> None:
    if request.session.pop(SESSION_KEY, None) is not None:
        request.session.set_expiry(None)  # the usual one, for the log-in


@transaction.atomic
def create_account(
    request: HttpRequest, pending: PendingSignup, *, by_invitation: bool, is_confirmed: bool = True
) -> User:
    """Create the account with its address, which is confirmed unless no address can be (no EMAIL_URL).

    Raises AddressHasAccount, InvalidInvitation, and IntegrityError if it was confirmed elsewhere at the same moment.
    """
    if addresses.find_account(pending.email) is not None:
        raise AddressHasAccount
    addresses.release_address(pending.email)
    person = User(
        email=pending.email,
        password=pending.password,
        display_name=pending.display_name,
        **get_languages(request),
    )
    person.save()
    EmailAddress.objects.create(user=person, email=person.email, verified=is_confirmed, primary=True)
    if pending.identity is not None:
        try:
            connections.add_connection(person, Identity(**pending.identity))
        except connections.ConnectedElsewhere:
            raise AddressHasAccount from None
    if by_invitation:
        invitations.redeem_invitation(request.session.get(INVITATION_KEY, ""), person)
    return person


def get_languages(request: HttpRequest) -> dict[str, str]:
    """Return the languages of a new account: that of the page, and of memories the browser's, which may be another.

    A language that was chosen for the pages holds for the memories, too.
    """
    shown = get_language() or languages.ENGLISH
    if page_language.is_chosen_by_cookie(request):
        spoken = languages.match_accept_language(shown)
    else:
        spoken = languages.match_accept_language(request.headers.get("Accept-Language", ""))
    return {"page_language": shown, "language": spoken}


def _count_email(request: HttpRequest, email: str) -> None:
    sender = f"{get_client_network(request)}|{email}"
    for limit in EMAIL_LIMITS:
        enforce_rate_limit(limit, salted_hmac("sign-up", sender).hexdigest())


def _store(request: HttpRequest, pending: PendingSignup) -> None:
    request.session[SESSION_KEY] = asdict(pending)
