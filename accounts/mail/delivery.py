"""Delivery of queued e-mails, in a thread of each worker.

An e-mail is claimed for LEASE_S by one statement; if the worker dies meanwhile, another one sends it afterwards. So it
may arrive twice in that case, but is never lost.
"""

import logging
import random
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import close_old_connections, connection
from django.db.models.functions import Now
from django.utils import translation

from accounts.mail import emails, outbox
from accounts.mail.backend import decode_message
from accounts.models import QueuedEmail
from core.db.errors import DATABASE_UNAVAILABLE
from core.process_signals import pause

logger = logging.getLogger(__name__)

POLL_S = 1.0
LEASE_S = 120  # longer than an SMTP dialog of which each step takes EMAIL_TIMEOUT
BATCH = 50
FIRST_WAIT_S, MAX_WAIT_S = 5.0, 600.0  # of one e-mail that the server defers, as greylisting does
MAX_PAUSE_S = 60.0  # of all e-mails while the server cannot be used

CLAIM = """
update accounts_queuedemail set attempts = attempts + 1, due_at = statement_timestamp() + %s * interval '1 second'
where id = (
  select id from accounts_queuedemail where failed_at is null and due_at <= statement_timestamp()
  order by due_at limit 1 for update skip locked)
returning id
"""

BUILDERS: dict[str, Callable[[dict[str, Any]], EmailMessage]] = {
    QueuedEmail.Kind.MESSAGE: decode_message,
    QueuedEmail.Kind.SIGNUP_CODE: lambda content: emails.build_signup_code(content["email"], content["code"]),
    QueuedEmail.Kind.PASSWORD_RESET: lambda content: emails.build_password_reset(content["email"]),
}


class ServerUnusable(Exception):
    """No e-mail can be sent now. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def running_sender(should_stop: Callable[[], bool]) -> Iterator[None]:
    """Deliver e-mails in a thread, if EMAIL_URL is set."""
    ended = threading.Event()
    thread = threading.Thread(
        target=run_sender, args=(lambda: ended.is_set() or should_stop(),), name="mail", daemon=True
    )
    if outbox.is_used():
        thread.start()
    else:
        _warn_of_waiting_emails()
    try:
        yield
    finally:
        ended.set()
        if thread.is_alive():
            thread.join(timeout=1)


def run_sender(should_stop: Callable[[], bool]) -> None:
    """Deliver what is due until `should_stop()`. No error ends it."""
    pause_s = 0.0
    while not should_stop():
        try:
            close_old_connections()
            deliver_due_emails(pause_s=pause_s or FIRST_WAIT_S)
            pause_s = 0.0
        except ServerUnusable as error:
            pause_s = min(MAX_PAUSE_S, pause_s * 2 or FIRST_WAIT_S)
            logger.warning("e-mail cannot be sent: %s. Next attempt in %d s.", error.code, pause_s)
        except DATABASE_UNAVAILABLE:
            connection.close()
        except Exception:
            logger.exception("delivery of e-mail failed")
            pause_s = MAX_PAUSE_S
        pause(pause_s or POLL_S, should_stop)
    connection.close()


def deliver_due_emails(*, pause_s: float = FIRST_WAIT_S) -> int:
    """Send up to BATCH e-mails over one connection; return how many. Raises ServerUnusable."""
    email = _claim_email()
    if email is None:
        return 0
    sent = 0
    transport = get_connection(settings.MAIL_TRANSPORT)
    try:
        while email is not None:
            sent += _deliver_email(transport, email, pause_s)
            email = _claim_email() if sent < BATCH else None
    finally:
        _close(transport)
    return sent


def _claim_email() -> QueuedEmail | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [LEASE_S])
        row = cursor.fetchone()
    return QueuedEmail.objects.filter(pk=row[0]).first() if row else None


def _deliver_email(transport: BaseEmailBackend, email: QueuedEmail, pause_s: float) -> bool:
    """Send one e-mail and delete it. Return False if it must wait or failed. Raises ServerUnusable."""
    if _is_expired(email):
        return _give_up(email, "expired")
    try:
        content = outbox.decrypt_content(email)
        with translation.override(content.pop("language", None)):
            message = BUILDERS[email.kind](content)
        message.connection = transport
    except (InvalidTag, ValueError, KeyError, TypeError):
        return _give_up(email, "unreadable")
    try:
        transport.open()
    except Exception as error:  # noqa: BLE001  (any error of a mail library; it concerns every e-mail)
        code = classify_error(error)
        _defer(email, code, pause_s)
        raise ServerUnusable(code) from None
    try:
        message.send()
    except Exception as error:  # noqa: BLE001  (may concern this e-mail only, so that others must not wait for it)
        _close(transport)
        if is_final(error):
            return _give_up(email, classify_error(error))
        wait_s = min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** min(email.attempts - 1, 10))
        _defer(email, classify_error(error), wait_s * random.uniform(0.8, 1.2))  # noqa: S311  (not a secret)
        return False
    email.delete()
    return True


# The first class that fits. Codes for the operator, in docs/configuration.md.
ERROR_CODES: tuple[tuple[type[Exception], str], ...] = (
    (smtplib.SMTPAuthenticationError, "log_in_refused"),
    (smtplib.SMTPRecipientsRefused, "recipient_refused"),
    (smtplib.SMTPSenderRefused, "sender_refused"),
    (smtplib.SMTPDataError, "message_refused"),
    (smtplib.SMTPServerDisconnected, "unreachable"),
    (smtplib.SMTPConnectError, "unreachable"),
    (smtplib.SMTPNotSupportedError, "not_supported"),
    (smtplib.SMTPException, "server_error"),
    (TimeoutError, "timeout"),
    (ssl.SSLError, "tls_failed"),
    (OSError, "unreachable"),
    (ValueError, "invalid"),
)


def classify_error(error: Exception) -> str:
    return next((code for kind, code in ERROR_CODES if isinstance(error, kind)), "server_error")


def is_final(error: Exception) -> bool:
    """Return whether the server refuses this very e-mail for good (a 5xx reply), or it cannot be written at all."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= reply[0] < 600 for reply in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return 500 <= error.smtp_code < 600
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def _warn_of_waiting_emails() -> None:
    with suppress(*DATABASE_UNAVAILABLE):
        if QueuedEmail.objects.filter(failed_at__isnull=True).exists():
            logger.warning("e-mails are waiting, but EMAIL_URL is not set for this worker")


def _is_expired(email: QueuedEmail) -> bool:
    return QueuedEmail.objects.filter(pk=email.pk, expires_at__lt=Now()).exists()


def _defer(email: QueuedEmail, code: str, wait_s: float) -> None:
    QueuedEmail.objects.filter(pk=email.pk).update(due_at=Now() + timedelta(seconds=wait_s), error=code)


def _give_up(email: QueuedEmail, code: str) -> bool:
    """Keep only that it failed and why, for the operator."""
    QueuedEmail.objects.filter(pk=email.pk).update(failed_at=Now(), error=code, content=b"")
    logger.error("an e-mail was given up after %d attempts: %s", email.attempts, code)
    return False


def _close(transport: BaseEmailBackend) -> None:
    try:
        transport.close()
    except Exception:  # noqa: BLE001  (the connection is gone already)
        logger.debug("the connection to the mail server was lost")
