"""The queue of e-mails in the database: written in the transaction of what they tell about, sent by the worker.

Nothing but a row is written while somebody waits for a page, whether the mail server answers or not, and whether an
address has an account or not: the worker finds that out.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone, translation

from accounts.ids import new_id
from accounts.keys import get_server_key
from accounts.models import QueuedEmail
from core.crypto import seal_bytes, unseal_bytes

BACKEND = "accounts.mail.backend.QueueBackend"
VALID = timedelta(days=3)
KEEP_FAILED = timedelta(days=14)
SOON = timedelta(seconds=15)  # within which an e-mail is sent, if nothing is wrong


class EmailState(StrEnum):
    """What became of a queued e-mail. DELAYED: it will be tried again. FAILED: it never will."""

    SENDING = "sending"
    DELAYED = "delayed"
    FAILED = "failed"
    SENT = "sent"


@dataclass(frozen=True)
class QueueStatus:
    """Numbers of the queue. oldest_s: the age of the oldest waiting e-mail in seconds; error: of the last attempt."""

    waiting: int
    oldest_s: float
    failed: int
    error: str


def is_used() -> bool:
    """Return whether e-mails are queued. Without EMAIL_URL they are written to files at once."""
    return bool(settings.EMAIL_BACKEND == BACKEND)


def enqueue_email(kind: QueuedEmail.Kind, content: dict[str, Any], *, valid: timedelta = VALID) -> UUID:
    """Queue an e-mail. content: what accounts/mail/delivery.py needs to write it. Raises DatabaseError."""
    email_id = new_id()
    text = json.dumps({"language": translation.get_language(), **content})
    sealed = seal_bytes(get_server_key().mail_cipher, text.encode(), _get_associated_data(email_id, kind))
    QueuedEmail.objects.create(id=email_id, kind=kind, content=sealed, expires_at=timezone.now() + valid)
    return email_id


def decrypt_content(email: QueuedEmail) -> dict[str, Any]:
    """Return the content. Raises InvalidTag or ValueError if it was changed or copied from another row."""
    bound_to = _get_associated_data(email.pk, email.kind)
    content: dict[str, Any] = json.loads(
        unseal_bytes(get_server_key().mail_cipher, bytes(email.content), bound_to)
    )
    return content


def get_email_state(email_id: UUID) -> EmailState:
    """Return the state of an e-mail that was queued."""
    found = QueuedEmail.objects.filter(pk=email_id).annotate(age=Now() - F("created_at"))
    row = found.values("failed_at", "error", "age").first()
    if row is None:
        return EmailState.SENT
    if row["failed_at"] is not None:
        return EmailState.FAILED
    return EmailState.DELAYED if row["error"] or row["age"] > SOON else EmailState.SENDING


def get_queue_status() -> QueueStatus:
    """Return the numbers that doctor and the metrics show."""
    waiting = QueuedEmail.objects.filter(failed_at__isnull=True)
    oldest = waiting.annotate(age=Now() - F("created_at")).order_by("created_at").values("age").first()
    errors = waiting.exclude(error="").order_by("-due_at").values_list("error", flat=True)
    return QueueStatus(
        waiting=waiting.count(),
        oldest_s=oldest["age"].total_seconds() if oldest else 0.0,
        failed=QueuedEmail.objects.filter(failed_at__isnull=False).count(),
        error=errors.first() or "",
    )


def purge_failed_emails() -> int:
    """Delete what failed long ago, and what expired while no worker ran."""
    failed = QueuedEmail.objects.filter(failed_at__lt=Now() - KEEP_FAILED).delete()[0]
    return failed + QueuedEmail.objects.filter(expires_at__lt=Now() - KEEP_FAILED).delete()[0]


def _get_associated_data(email_id: UUID, kind: str) -> bytes:
    return f"accounts_queuedemail:{email_id}:{kind}".encode()
