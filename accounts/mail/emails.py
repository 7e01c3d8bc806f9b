"""The e-mails that Picard sends. A failure is only logged, because the page shows the same information."""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import addresses
from accounts.models import User

logger = logging.getLogger(__name__)


def send_email(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail to the user's confirmed addresses. template: a file in templates/emails, without extension."""
    _deliver_to_person(person, subject, _render(template, context))


def send_email_on_commit(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail after the current transaction commits. The text is rendered immediately."""
    text = _render(template, context)
    transaction.on_commit(lambda: _deliver_to_person(person, subject, text))


def send_signup_code(email: str, code: str) -> None:
    """Send the code that completes a sign-up, or tell the owner of the address that it has an account."""
    if addresses.find_account(email) is not None:
        context: dict[str, object] = {"address": _build_url("account_reset_password")}
        _deliver(email, _("You already have an account"), _render("account_exists", context))
        return
    context = {"code": code, "is_held": addresses.find_holder(email) is not None}
    _deliver(email, _("Confirm your e-mail address"), _render("signup_code", context))


def send_password_reset(email: str) -> None:
    """Send a link to reset the password, or say that the address has no account that it could be reset for."""
    person = addresses.find_account(email)
    if person is None or not person.is_active:
        context: dict[str, object] = {"is_held": person is None and addresses.find_holder(email) is not None}
        _deliver(email, _("No account found"), _render("no_account", context))
        return
    from allauth.account.forms import default_token_generator  # imported late: it loads all forms
    from allauth.account.utils import user_pk_to_url_str

    key = {"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)}
    context = {"address": _build_url("account_reset_password_from_key", **key)}
    _deliver(email, _("Reset your password"), _render("password_reset", context))


def _build_url(name: str, **kwargs: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, kwargs=kwargs)}"


def _render(template: str, context: dict[str, object]) -> str:
    return render_to_string(f"emails/{template}.txt", {"site": settings.PUBLIC_URL, **context})


def _deliver_to_person(person: User, subject: str, text: str) -> None:
    for email in addresses.list_notified_addresses(person):
        _deliver(email, subject, text)


def _deliver(email: str, subject: str, text: str) -> None:
    try:
        send_mail(" ".join(subject.split()), text, None, [email])
    except OSError:  # includes SMTPException
        logger.exception("an e-mail could not be sent")
