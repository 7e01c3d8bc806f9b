"""Letters to people. One that cannot be sent stops nothing: the page says the same."""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User

logger = logging.getLogger(__name__)


def send_email(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """`template` is one of templates/emails, without its ending."""
    _deliver_email(person, subject, _render_email(template, context))


def send_email_on_commit(person: User, subject: str, template: str, context: dict[str, object]) -> None:
    """The same, once what it tells of is so. The text is made now."""
    text = _render_email(template, context)
    transaction.on_commit(lambda: _deliver_email(person, subject, text))


def _render_email(template: str, context: dict[str, object]) -> str:
    return render_to_string(f"emails/{template}.txt", {"site": settings.PUBLIC_URL, **context})


def _deliver_email(person: User, subject: str, text: str) -> None:
    try:
        send_mail(" ".join(subject.split()), text, None, [person.email])
    except OSError:  # of SMTP too
        logger.exception("a letter was not sent")
