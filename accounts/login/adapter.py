"""Adapter for django-allauth: who can sign up, links in e-mails, messages."""

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
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.login import pending_signup, watched_email
from accounts.login.pending_signup import INVITATION_KEY
from accounts.mail import addresses, emails
from accounts.models import Invitation, User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is open, by invitation only, or closed (settings.SIGNUP)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.SIGNUP == "open":
            return True
        return settings.SIGNUP == "invite" and get_session_invitation(request) is not None

    def clean_email(self, email: str) -> str:
        invitation = get_session_invitation(self.request) if self._is_signing_up() else None
        if invitation is not None and invitation.email not in ("", email.lower()):
            raise ValidationError(_("This invitation is for another e-mail address."), code="other_address")
        return email

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """Save the user, their language, their keys and the used invitation in one transaction."""
        user.language = pending_signup.get_browser_language(request)
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
            with (
                suppress(IntegrityError),
                transaction.atomic(),
            ):  # another account confirmed it at the same moment
                addresses.release_address(email_address.email, to=email_address.user)
                return bool(super().confirm_email(request, email_address))
        messages.error(
            request, _("This address could not be added. Remove another address first, or log in with it.")
        )
        return False

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "accounts.login.stages.RestoreStage"]

    def set_password(self, user: User, password: str) -> None:
        # Only this column: other changes since the row was read, such as a closed account, must not be undone.
        user.set_password(password)
        user.save(update_fields=["password"])

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it with links that start with PUBLIC_URL instead of the Host header, which the client controls."""
        links = {name: _to_public_url(value) for name, value in context.items() if name.endswith("_url")}
        message = self.render_mail(template_prefix, email, {**context, **links, "site": settings.PUBLIC_URL})
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

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: object) -> str:
        # Without the Host header: a client could vary its port to get a new count.
        return str(credentials.get("email", "")).casefold()

    def _is_signing_up(self) -> bool:
        match = getattr(self.request, "resolver_match", None)
        return match is not None and match.url_name == "account_signup"


def _to_public_url(address: str) -> str:
    return f"{settings.PUBLIC_URL}{urlsplit(address)._replace(scheme='', netloc='').geturl()}"


def get_session_invitation(request: HttpRequest) -> Invitation | None:
    """Return the invitation in this session, None if it cannot be used."""
    secret = request.session.get(INVITATION_KEY)
    return invitations.find_invitation(secret) if secret and settings.SIGNUP == "invite" else None
