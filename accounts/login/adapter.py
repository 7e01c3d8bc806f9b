"""Adapter for django-allauth: who can sign up, links in e-mails, messages."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.login import known_browsers, pending_signup, reauthentication, security_notices, watched_email
from accounts.login.pending_signup import INVITATION_KEY
from accounts.mail import addresses, emails
from accounts.models import Invitation, User
from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit, restore_rate_limit
from core.client_ip import get_client_network
from core.web.page_language import speak

# Wrong passwords for one address, of all unknown browsers. Each network has a limit of 5 in five minutes.
GUESS_LIMIT = RateLimit("log_in_guesses", 50, 3_600.0)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is open, by invitation only, or closed (settings.SIGNUP)."""

    _counted_guess = ""  # the key of this log-in in GUESS_LIMIT

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.SIGNUP == "open":
            return True
        return settings.SIGNUP == "invite" and get_session_invitation(request) is not None

    def clean_email(self, email: str) -> str:
        """Return the address that e-mail to this one is sent to, so that a mailbox has one spelling in all forms."""
        email = _normalize_email(email)
        invitation = get_session_invitation(self.request) if self._is_signing_up() else None
        if invitation is not None and invitation.email not in ("", email.lower()):
            raise ValidationError(_("This invitation is for another e-mail address."), code="other_address")
        return email

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """Save the user, their name and languages, their keys and the used invitation in one transaction."""
        for name, language in pending_signup.get_languages(request).items():
            setattr(user, name, language)
        user.display_name = form.cleaned_data["display_name"]
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
                if settings.SIGNUP == "invite":
                    invitations.redeem_invitation(request.session.get(INVITATION_KEY, ""), saved)
        except invitations.InvalidInvitation:
            raise ImmediateHttpResponse(render(request, "account/signup_closed.html")) from None
        except IntegrityError:
            # The form was submitted twice at once, and the other request created the account.
            messages.info(request, _("Your account was created. Log in."))
            raise ImmediateHttpResponse(redirect("account_login")) from None
        request.session.pop(INVITATION_KEY, None)
        return saved

    def pre_login(self, request: HttpRequest, user: User, **how: object) -> HttpResponse | None:
        if user.delete_at is not None:
            return None  # RestoreStage offers to restore the account after all other steps
        response: HttpResponse | None = super().pre_login(request, user, **how)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Mark the address as confirmed, and take it from accounts that never confirmed it."""
        is_new = email_address.pk is None
        if not is_new or EmailAddress.objects.can_add_email(email_address.user):
            # IntegrityError: another account confirmed it at the same moment.
            with suppress(IntegrityError), transaction.atomic():
                addresses.release_address(email_address.email, to=email_address.user)
                is_confirmed = bool(super().confirm_email(request, email_address))
                if is_confirmed and is_new:
                    security_notices.notify_address_added(request, email_address.user, email_address.email)
                return is_confirmed
        messages.error(
            request, _("This address could not be added. Remove another address first, or log in with it.")
        )
        return False

    def post_login(self, request: HttpRequest, user: User, *, signup: bool, **how: Any) -> HttpResponse:
        """Remember the browser, and report a log-in elsewhere."""
        response: HttpResponse = super().post_login(request, user, signup=signup, **how)
        if not signup and not known_browsers.is_known(request, user):
            security_notices.notify_login_elsewhere(request, user)
        known_browsers.remember_browser(request, response, user)
        return response

    def send_notification_mail(
        self, template_prefix: str, user: User, *_args: object, **_kwargs: object
    ) -> None:
        security_notices.notify_event(self.request, user, template_prefix)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        return [*super().get_reauthentication_methods(user), *reauthentication.list_openid_methods(user)]

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "accounts.login.stages.RestoreStage"]

    def set_password(self, user: User, password: str) -> None:
        # Only this column: other changes since the row was read, such as a closed account, must not be undone.
        user.set_password(password)
        user.save(update_fields=["password"])

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it in the user's language, with links that start with PUBLIC_URL, not the Host header of the client."""
        links = {name: _to_public_url(value) for name, value in context.items() if name.endswith("_url")}
        with speak(getattr(context.get("user"), "mail_language", "")):
            message = self.render_mail(
                template_prefix, email, {**context, **links, "site": settings.PUBLIC_URL}
            )
        watched_email.watch_email(self.request, emails.send_message(message))

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/accounts/"

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # of urlparse
            return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *args: object, **kwargs: object
    ) -> None:
        # The page itself shows that the user is logged in or out.
        if not message_template.endswith(("/logged_in.txt", "/logged_out.txt")):
            super().add_message(request, level, message_template, *args, **kwargs)

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Limit guesses: of each network and known browser, and of all other browsers together.

        So nobody can lock a user out of a browser in which they have logged in before, nor for long out of another one.
        """
        super().pre_authenticate(request, **credentials)
        self._counted_guess = "" if _is_known_browser(request, credentials) else _get_guess_key(credentials)
        if self._counted_guess:
            try:
                enforce_rate_limit(GUESS_LIMIT, self._counted_guess)
            except RateLimitExceeded:
                raise self.validation_error("too_many_login_attempts") from None

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._counted_guess:
            restore_rate_limit(GUESS_LIMIT, self._counted_guess)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: object) -> None:
        """Forget all guesses, because the owner of the address has reset the password."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        restore_rate_limit(RateLimit(GUESS_LIMIT.name, 1, GUESS_LIMIT.window_s), _get_guess_key(credentials))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: object) -> str:
        # Without the Host header: a client could vary its port to get a new count.
        is_known = _is_known_browser(request, credentials)
        return f"{_get_email(credentials)}|{'known browser' if is_known else get_client_network(request)}"

    def _is_signing_up(self) -> bool:
        match = getattr(self.request, "resolver_match", None)
        return match is not None and match.url_name in ("account_signup", "openid_signup")


def _normalize_email(email: str) -> str:
    """Return the address with the domain that its mail server has: without invisible characters, "ß" as "ss".

    Mail servers without SMTPUTF8 can send to no other local part than one of ASCII.
    """
    local, _at, domain = email.rpartition("@")
    try:
        domain = domain.encode("idna").decode("idna")
    except UnicodeError:
        domain = ""
    if not local.isascii() or not domain:
        raise ValidationError(_("Enter a valid e-mail address."), code="invalid")
    return f"{local}@{domain}"


def _get_email(credentials: Mapping[str, object]) -> str:
    return str(credentials.get("email", "")).casefold()


def _get_guess_key(credentials: Mapping[str, object]) -> str:
    """Return the key of all guesses for an address, which does not contain it."""
    return salted_hmac("log-in guesses", _get_email(credentials)).hexdigest()


def _is_known_browser(request: HttpRequest, credentials: Mapping[str, object]) -> bool:
    if known_browsers.COOKIE not in request.COOKIES:
        return False
    person = addresses.find_login_account(_get_email(credentials))
    return person is not None and known_browsers.is_known(request, person)


def _to_public_url(address: str) -> str:
    return f"{settings.PUBLIC_URL}{urlsplit(address)._replace(scheme='', netloc='').geturl()}"


def get_session_invitation(request: HttpRequest) -> Invitation | None:
    """Return the invitation in this session, None if it cannot be used."""
    secret = request.session.get(INVITATION_KEY)
    return invitations.find_invitation(secret) if secret and settings.SIGNUP == "invite" else None
