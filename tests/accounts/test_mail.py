"""Every e-mail that Picard sends, as its reader sees it."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.deletion import service as deletion
from accounts.login import address_forms
from accounts.models import User
from accounts.rate_limits import RateLimit
from tests.factories import PASSWORD, confirm_address, get_emailed_code, session
from tests.oauth.flows import make_app

SITE = settings.PUBLIC_URL


@pytest.fixture(autouse=True)
def _mail_is_set_up(sends_mail: None, db: None) -> None:
    pass


@pytest.fixture
def ada(ada: User) -> User:
    confirm_address(ada)
    return ada


def get_only_email(to: str) -> EmailMessage:
    [sent] = mail.outbox
    assert sent.to == [to]
    return sent


def check_and_get_text(sent: EmailMessage) -> str:
    """Return the text. Check that it is plain text, signed by the site, with at most one link and no secret."""
    text = str(sent.body)
    assert not getattr(sent, "alternatives", [])
    assert text.startswith("Hello,\n\n")
    assert text.rstrip().endswith(f"Picard at {SITE}")
    assert "\n\n\n" not in text.strip()
    assert not re.search(r"&\w+;|<|\{", text)
    assert PASSWORD not in text
    assert len({link.rstrip(".") for link in re.findall(r"https?://\S+", text)} - {SITE}) <= 1
    assert 0 < len(sent.subject) < 70
    return text


def test_signup_sends_a_code(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    sent = get_only_email("new@example.org")
    assert sent.subject == "Confirm your e-mail address"
    assert get_emailed_code() in check_and_get_text(sent)


def test_log_in_with_an_unconfirmed_address_sends_a_code(client: Client, bob: User) -> None:
    client.post("/accounts/login/", {"login": bob.email, "password": PASSWORD})
    sent = get_only_email(bob.email)
    assert sent.subject == "Confirm your e-mail address"
    assert get_emailed_code() in check_and_get_text(sent)


def test_nothing_about_an_account_is_sent_to_an_unconfirmed_address(bob: User) -> None:
    make_app(name="Notes").connect(bob)
    assert mail.outbox == []


def test_second_signup_is_reported_only_by_email(client: Client, ada: User) -> None:
    client.post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD})
    sent = get_only_email(ada.email)
    assert sent.subject == "You already have an account"
    assert "/accounts/password/reset/" in check_and_get_text(sent)


def test_password_reset_link_leads_to_the_public_url(client: Client, ada: User) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email}, headers={"host": "localhost:666"})
    sent = get_only_email(ada.email)
    assert sent.subject == "Reset your password"
    [link] = re.findall(rf"^{SITE}/accounts/password/reset/key/\S+$", check_and_get_text(sent), re.MULTILINE)
    assert client.get(link).status_code in (200, 302)


def test_an_address_gets_few_password_resets_and_the_first_link_still_works(
    client: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger asks all day, from many networks."""
    [_, per_day] = address_forms.RESET_LIMITS
    monkeypatch.setattr(address_forms, "RESET_LIMITS", (RateLimit("often", 1_000, 1.0), per_day))
    for number in range(30):
        stranger = Client(REMOTE_ADDR=f"192.0.2.{number}")
        response = stranger.post("/accounts/password/reset/", {"email": ada.email})
        assert response.status_code == 302  # always the same
    assert len(mail.outbox) == per_day.count
    [link] = re.findall(r"^\S+/reset/key/\S+$", str(mail.outbox[0].body), re.MULTILINE)
    assert client.get(link).status_code == 302


def test_password_reset_without_account_says_so_by_email(client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    sent = get_only_email("nobody@example.org")
    assert sent.subject == "No account found"
    assert "it has no account" in check_and_get_text(sent)


def test_names_are_not_escaped_in_emails(ada: User) -> None:
    make_app(name="Ada's & Bob's").connect(ada)
    sent = get_only_email(ada.email)
    assert "You connected Ada's & Bob's. It can:\n\n- Read" in check_and_get_text(sent)


def test_closing_an_account_sends_an_email(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        deletion.close_account(session(ada))
    assert "All its data will be deleted permanently on" in check_and_get_text(get_only_email(ada.email))


def test_smtp_connection_has_a_timeout() -> None:
    smtp: Any = mail.get_connection("django.core.mail.backends.smtp.EmailBackend")
    assert smtp.timeout == 10
