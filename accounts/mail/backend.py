"""Django's e-mail backend that queues all messages. The worker delivers them by settings.MAIL_TRANSPORT."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from accounts.mail import outbox
from accounts.models import QueuedEmail


class QueueBackend(BaseEmailBackend):
    """Queues text messages with their alternatives. Raises ValueError for attachments, which Picard never sends."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            outbox.enqueue_email(QueuedEmail.Kind.MESSAGE, encode_message(message))
        return len(email_messages)


def encode_message(message: EmailMessage) -> dict[str, Any]:
    if message.attachments:
        raise ValueError("e-mails with attachments cannot be queued")
    alternatives = getattr(message, "alternatives", [])
    return {
        "subject": str(message.subject),
        "body": str(message.body),
        "content_subtype": message.content_subtype,
        "from_email": message.from_email,
        "headers": message.extra_headers,
        "alternatives": [[str(part[0]), str(part[1])] for part in alternatives],
        **{name: list(getattr(message, name)) for name in ("to", "cc", "bcc", "reply_to")},
    }


def decode_message(content: dict[str, Any]) -> EmailMessage:
    names = ("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "headers")
    message = EmailMultiAlternatives(**{name: content[name] for name in names})
    message.content_subtype = content["content_subtype"]
    for text, media_type in content["alternatives"]:
        message.attach_alternative(text, media_type)
    return message
