"""The e-mails that Picard sends. With EMAIL_URL they are queued (accounts/mail/outbox.py), else written to files."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import addresses, outbox
from accounts.mail.backend import encode_message
from accounts.models import QueuedEmail, User
from core.web.page_language import speak

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

logger = logging.getLogger(__name__)

SIGNUP_VALID = timedelta(days=1)  # of a sign-up that waits for its code


def send_email(person: User, subject: "StrOrPromise", template: str, context: dict[str, object]) -> None:
    """Send an e-mail to the user's confirmed addresses, in their language (a lazy subject, too).

    template: a file in templates/emails, without extension.
    """
    for message in _build_messages(person, subject, template, context):
        _send(message)


def send_email_on_commit(
    person: User, subject: "StrOrPromise", template: str, context: dict[str, object]
) -> None:
    """Send an e-mail if the current transaction commits. The text is rendered immediately."""
    for message in _build_messages(person, subject, template, context):
        if outbox.is_used():
            message.send()  # a row of this transaction
        else:
            transaction.on_commit(lambda message=message: _send(message))  # type: ignore[misc]


def send_security_notice(
    person: User, subject: "StrOrPromise", context: dict[str, object], *, also_to: Iterable[str] = ()
) -> None:
    """Send the notice to the user's confirmed addresses, and to those that were just taken away."""
    context = {**context, "address": _build_url("account_reset_password")}
    with speak(person.mail_language):
        for email in dict.fromkeys([*addresses.list_notified_addresses(person), *also_to]):
            _send(_build(email, subject, "security_notice", context))


def send_signup_code(email: str, code: str) -> UUID | None:
    """Send the code that completes a sign-up. Return the id of the e-mail if it is queued."""
    if outbox.is_used():
        content = {"email": email, "code": code}
        return outbox.enqueue_email(QueuedEmail.Kind.SIGNUP_CODE, content, valid=SIGNUP_VALID)
    _send(build_signup_code(email, code))
    return None


def send_password_reset(email: str) -> UUID | None:
    """Send a link to reset the password. Return the id of the e-mail if it is queued."""
    if outbox.is_used():
        return outbox.enqueue_email(QueuedEmail.Kind.PASSWORD_RESET, {"email": email})
    _send(build_password_reset(email))
    return None


def send_message(message: EmailMessage) -> UUID | None:
    """Send a message. Return its id if it is queued."""
    if outbox.is_used():
        return outbox.enqueue_email(QueuedEmail.Kind.MESSAGE, encode_message(message))
    _send(message)
    return None


def build_signup_code(email: str, code: str) -> EmailMessage:
    """Write the e-mail with the code, or the one that tells the owner of the address that it has an account."""
    person = addresses.find_account(email)
    if person is not None:
        context: dict[str, object] = {"address": _build_url("account_reset_password")}
        with speak(person.mail_language):
            return _build(email, _("You already have an account"), "account_exists", context)
    context = {"code": code, "is_held": addresses.find_holder(email) is not None}
    return _build(email, _("Confirm your e-mail address"), "signup_code", context)


def build_password_reset(email: str) -> EmailMessage:
    """Write the e-mail with the link, or the one that says that there is no account to reset the password of."""
    person = addresses.find_account(email)
    if person is None or not person.is_active:
        context: dict[str, object] = {"is_held": person is None and addresses.find_holder(email) is not None}
        return _build(email, _("No account found"), "no_account", context)
    from allauth.account.forms import default_token_generator  # imported late: it loads all forms
    from allauth.account.utils import user_pk_to_url_str

    key = {"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)}
    context = {"address": _build_url("account_reset_password_from_key", **key)}
    with speak(person.mail_language):
        return _build(email, _("Reset your password"), "password_reset", context)


def _build_url(name: str, **kwargs: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, kwargs=kwargs)}"


def _build_messages(
    person: User, subject: "StrOrPromise", template: str, context: dict[str, object]
) -> list[EmailMessage]:
    with speak(person.mail_language):
        return [
            _build(email, subject, template, context) for email in addresses.list_notified_addresses(person)
        ]


def _build(email: str, subject: "StrOrPromise", template: str, context: dict[str, object]) -> EmailMessage:
    text = render_to_string(f"emails/{template}.txt", {"site": settings.PUBLIC_URL, **context})
    return EmailMessage(" ".join(str(subject).split()), text, to=[email])


def _send(message: EmailMessage) -> None:
    """Queue or write the message. A file that cannot be written is logged."""
    try:
        message.send()
    except OSError:
        logger.exception("an e-mail could not be written")
