"""Letters to people about their account. One that cannot be sent stops nothing: the page says the same."""

import logging
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User

logger = logging.getLogger(__name__)


def send_on_commit(person: User, subject: str, template: str, context: dict[str, Any]) -> None:
    """`template` is one of templates/emails, without its ending."""
    text = render_to_string(f"emails/{template}.txt", {"site": settings.PUBLIC_URL, **context})
    transaction.on_commit(lambda: _send(person.email, subject, text))


def _send(address: str, subject: str, text: str) -> None:
    try:
        send_mail(subject, text, None, [address])
    except OSError:  # of SMTP too
        logger.exception("a letter about an account was not sent")
