"""E-mails survive a mail server that is away: queued, tried again, shown to the operator."""

import smtplib
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage, get_connection, mail_managers, send_mail
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accounts.deletion import service as deletion
from accounts.mail import delivery, emails, outbox
from accounts.mail.delivery import ServerUnusable, deliver_due_emails
from accounts.mail.outbox import EmailState
from accounts.models import QueuedEmail, User
from picard.config.mail_url import parse_mail_url
from picard.observability import doctor, stats
from picard.observability.doctor import State
from tests.factories import PASSWORD, confirm_address, session
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
NEW = "new@example.org"


@pytest.fixture
def server(settings: Settings, sends_mail: None) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        use_server(settings, server.url)
        yield server


def use_server(settings: Settings, url: str) -> None:
    """Queue e-mails for this server, as EMAIL_URL does."""
    parsed = parse_mail_url(url)
    settings.MAIL_TRANSPORT = parsed.pop("EMAIL_BACKEND")
    for name, value in parsed.items():
        setattr(settings, name, value)
    settings.EMAIL_BACKEND = outbox.BACKEND


def be_due() -> None:
    QueuedEmail.objects.update(due_at=Now())


def test_queued_email_is_sent_and_deleted(server: SmtpServer) -> None:
    send_mail("Grüße", "Line 1\n.\nLine 3", None, [NEW])
    assert server.received == []
    assert deliver_due_emails() == 1
    [email] = server.received
    assert (email.to, email.subject, email.text.strip()) == (NEW, "Grüße", "Line 1\n.\nLine 3")
    assert not QueuedEmail.objects.exists()
    assert deliver_due_emails() == 0


def test_sign_up_and_reset_survive_an_outage(
    client: Client, ada: User, server: SmtpServer, settings: Settings
) -> None:
    confirm_address(ada)
    use_server(settings, "smtp://127.0.0.1:1")
    assert client.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD}).status_code == 302
    page = client.get("/accounts/confirm-email/").content.decode()
    assert "sent you" not in page
    assert "is being sent" in page
    other = Client()
    assert other.post("/accounts/password/reset/", {"email": ada.email}).status_code == 302
    for _ in range(2):
        with pytest.raises(ServerUnusable, match="unreachable"):
            deliver_due_emails()
        be_due()
    assert "E-mail is delayed" in client.get("/accounts/email-state/").content.decode()

    use_server(settings, server.url)
    assert deliver_due_emails() == 2
    assert [email.to for email in server.received] == [NEW, ada.email]
    assert "has taken the e-mail" in client.get("/accounts/email-state/").content.decode()
    code = next(line for line in server.received[0].text.splitlines() if line[4:5] == "-")
    client.post("/accounts/confirm-email/", {"code": code})
    assert User.objects.filter(email=NEW).exists()
    assert "/accounts/password/reset/key/" in server.received[1].text


def test_sign_up_waits_for_its_code_as_long_as_the_code_is_valid(client: Client, server: SmtpServer) -> None:
    """A mail server may be away for hours, and the code is of no use without the session that it was sent for."""
    page = client.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD})
    [email] = QueuedEmail.objects.all()
    [stored] = Session.objects.all()
    assert stored.expire_date >= email.expires_at - timedelta(minutes=1)
    assert (
        page.cookies[django_settings.SESSION_COOKIE_NAME]["max-age"]
        >= emails.SIGNUP_VALID.total_seconds() - 60
    )


def test_content_is_encrypted_and_bound_to_its_row(client: Client, server: SmtpServer) -> None:
    client.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD})
    send_mail("secret subject", "secret text", None, [NEW])
    with connection.cursor() as cursor:
        cursor.execute("select accounts_queuedemail::text, content from accounts_queuedemail")
        rows = cursor.fetchall()
    for text, content in rows:
        assert not any(
            word in text or word.encode() in bytes(content) for word in ("secret", "new@", 'code":')
        )
    first, second = QueuedEmail.objects.order_by("created_at")
    QueuedEmail.objects.filter(pk=second.pk).update(content=first.content)
    deliver_due_emails()
    assert [email.subject for email in server.received] == ["Confirm your e-mail address"]
    assert QueuedEmail.objects.get().error == "unreadable"


def test_refused_recipient_is_given_up_and_does_not_delay_others(server: SmtpServer, client: Client) -> None:
    server.habits.recipient_replies = {NEW: "550 no such user"}
    client.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD})
    send_mail("subject", "text", None, ["ada@example.org"])
    deliver_due_emails()
    assert [email.to for email in server.received] == ["ada@example.org"]
    failed = QueuedEmail.objects.get()
    assert (failed.error, bytes(failed.content)) == ("recipient_refused", b"")
    assert "refused the e-mail" in client.get("/accounts/email-state/").content.decode()


def test_deferred_email_waits_longer_each_time(server: SmtpServer) -> None:
    server.habits.data_reply = "451 greylisted"
    send_mail("subject", "text", None, [NEW])
    waits: list[float] = []
    for _ in range(4):
        deliver_due_emails()
        left = QueuedEmail.objects.annotate(left=F("due_at") - Now()).values_list("left", flat=True).get()
        waits.append(left.total_seconds())
        be_due()
    assert waits == sorted(waits)
    assert 3 < waits[0] < 7
    server.habits.data_reply = "250 OK"
    assert deliver_due_emails() == 1


def test_expired_email_is_not_sent(server: SmtpServer) -> None:
    send_mail("subject", "text", None, [NEW])
    QueuedEmail.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert deliver_due_emails() == 0
    assert QueuedEmail.objects.get().error == "expired"
    QueuedEmail.objects.update(failed_at=Now() - timedelta(days=15))
    assert outbox.purge_failed_emails() == 1


def test_email_of_a_rolled_back_change_is_not_sent(ada: User, server: SmtpServer) -> None:
    confirm_address(ada)
    with transaction.atomic():
        deletion.close_account(session(ada))
        assert QueuedEmail.objects.count() == 1
        transaction.set_rollback(True)
    assert not QueuedEmail.objects.exists()


def test_mail_of_django_is_queued_too(server: SmtpServer, settings: Settings) -> None:
    settings.MANAGERS = [("Ada", "ada@example.org")]
    mail_managers("Broken link", "text", html_message="<p>text</p>")
    with pytest.raises(ValueError, match="attachments"):
        EmailMessage("subject", to=[NEW], attachments=[("a.txt", "a", "text/plain")]).send()
    deliver_due_emails()
    assert [email.to for email in server.received] == ["ada@example.org"]


def test_two_workers_send_an_email_once(server: SmtpServer) -> None:
    send_mail("subject", "text", None, [NEW])
    assert delivery._claim_email() is not None
    assert delivery._claim_email() is None


@pytest.mark.parametrize(
    ("error", "code", "is_final"),
    [
        (smtplib.SMTPAuthenticationError(535, b"no"), "log_in_refused", False),
        (smtplib.SMTPDataError(554, b"spam"), "message_refused", True),
        (smtplib.SMTPDataError(451, b"later"), "message_refused", False),
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no")}), "recipient_refused", True),
        (smtplib.SMTPRecipientsRefused({"a": (450, b"later")}), "recipient_refused", False),
        (smtplib.SMTPSenderRefused(550, b"no", "a"), "sender_refused", False),
        (smtplib.SMTPServerDisconnected(), "unreachable", False),
        (TimeoutError(), "timeout", False),
        (ConnectionRefusedError(), "unreachable", False),
        (ValueError(), "invalid", True),
        (RuntimeError(), "server_error", False),
    ],
)
def test_errors_are_classified(error: Exception, code: str, is_final: bool) -> None:
    assert (delivery.classify_error(error), delivery.is_final(error)) == (code, is_final)


def test_operator_sees_the_queue(server: SmtpServer, settings: Settings, carol_client: Client) -> None:
    assert doctor.check_mail()[0] == State.OK
    send_mail("subject", "text", None, [NEW])
    QueuedEmail.objects.update(created_at=Now() - timedelta(minutes=10), error="timeout")
    state, result, hint = doctor.check_mail()
    assert (state, "1 waiting" in result, "timeout" in result, bool(hint)) == (State.WARN, True, True, True)
    metrics = {metric.name: metric.value for metric in stats.collect_database_metrics()}
    assert (metrics["emails_waiting"], metrics["emails_failed"]) == (1, 0)
    assert metrics["oldest_email_seconds"] > 590
    page = carol_client.get("/admin/accounts/queuedemail/").content.decode()
    assert "timeout" in page
    assert NEW not in page
    use_server(settings, "smtp://127.0.0.1:1")
    state, result, _hint = doctor.check_mail()
    assert (state, "unreachable" in result) == (State.FAIL, True)


def test_sender_thread_outlives_every_error(server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([RuntimeError("any"), ServerUnusable("timeout")])
    calls: list[float] = []

    def fail(*, pause_s: float) -> int:
        calls.append(pause_s)
        error = next(errors, None)
        if error:
            raise error
        return 0

    monkeypatch.setattr(delivery, "deliver_due_emails", fail)
    monkeypatch.setattr(delivery, "pause", lambda *_: None)
    delivery.run_sender(lambda: len(calls) >= 4)
    assert len(calls) == 4


def test_state_of_an_unwatched_email_is_empty(client: Client) -> None:
    assert client.get("/accounts/email-state/").content.decode().strip() == ""
    assert outbox.get_email_state(QueuedEmail().pk) is EmailState.SENT


def test_smtps_speaks_tls_from_the_first_byte(settings: Settings) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    first: list[bytes] = []

    def accept() -> None:
        client, _address = listener.accept()
        with client:
            first.append(client.recv(1))

    thread = threading.Thread(target=accept)
    thread.start()
    use_server(settings, f"smtps://127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(OSError):  # noqa: PT011  (SSLError or a reset connection)
        get_connection(settings.MAIL_TRANSPORT, timeout=5).open()
    thread.join()
    listener.close()
    assert first == [b"\x16"]  # a TLS handshake
