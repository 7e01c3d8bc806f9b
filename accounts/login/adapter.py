"""Our word in django-allauth's flows: who may sign up, and how its mail is called."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
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
from accounts.models import Invitation, User

SESSION_KEY = "invitation"  # the secret of the link that brought the visitor here


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is open, by invitation, or closed (settings.SIGNUP)."""

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
        """The person, with their keys, and the invitation that let them in, in one transaction."""
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
                if settings.SIGNUP == "invite":
                    invitations.redeem_invitation(request.session.get(SESSION_KEY, ""), saved)
        except invitations.InvalidInvitation:
            raise ImmediateHttpResponse(render(request, "account/signup_closed.html")) from None
        except IntegrityError:
            # The same form, sent twice at once: the other one made the account.
            messages.info(request, _("This account exists now. Log in."))
            raise ImmediateHttpResponse(redirect("account_login")) from None
        request.session.pop(SESSION_KEY, None)
        return saved

    def pre_login(self, request: HttpRequest, user: User, **how: object) -> HttpResponse | None:
        if user.delete_at is not None:
            return (
                None  # after all other steps they are asked whether to come back (accounts/login/stages.py)
            )
        answer: HttpResponse | None = super().pre_login(request, user, **how)
        return answer

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "accounts.login.stages.RestoreStage"]

    def set_password(self, user: User, password: str) -> None:
        # This column alone: what else changed since the row was read, as that the account is closed, stays so.
        user.set_password(password)
        user.save(update_fields=["password"])

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Links lead to PUBLIC_URL, whatever host the request named: who asks for a letter has no say in it."""
        links = {name: _to_public_url(value) for name, value in context.items() if name.endswith("_url")}
        super().send_mail(template_prefix, email, {**context, **links, "site": settings.PUBLIC_URL})

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/accounts/"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *args: object, **kwargs: object
    ) -> None:
        # That one is logged in, or out, the page shows.
        if not message_template.endswith(("/logged_in.txt", "/logged_out.txt")):
            super().add_message(request, level, message_template, *args, **kwargs)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: object) -> str:
        # Without the Host, of which anybody may say another port, and so begin to be counted anew.
        return str(credentials.get("email", "")).casefold()

    def _is_signing_up(self) -> bool:
        match = getattr(self.request, "resolver_match", None)
        return match is not None and match.url_name == "account_signup"


def _to_public_url(address: str) -> str:
    return f"{settings.PUBLIC_URL}{urlsplit(address)._replace(scheme='', netloc='').geturl()}"


def get_session_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation that the visitor of this session came with, if it can still be used."""
    secret = request.session.get(SESSION_KEY)
    return invitations.find_invitation(secret) if secret and settings.SIGNUP == "invite" else None
