"""E-mails to users. A failure is only logged, because the page shows the same information."""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User

logger = logging.getLogger(__name__)


def send_email(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail. template: a file in templates/emails, without its extension."""
    _deliver_email(person, subject, _render_email(template, context))


def send_email_on_commit(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail after the current transaction commits. The text is rendered immediately."""
    text = _render_email(template, context)
    transaction.on_commit(lambda: _deliver_email(person, subject, text))


def _render_email(template: str, context: dict[str, object]) -> str:
    return render_to_string(f"emails/{template}.txt", {"site": settings.PUBLIC_URL, **context})


def _deliver_email(person: User, subject: str, text: str) -> None:
    try:
        send_mail(" ".join(subject.split()), text, None, [person.email])
    except OSError:  # includes SMTPException
        logger.exception("an e-mail could not be sent")
