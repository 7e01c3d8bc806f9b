"""Every letter that Picard sends, as its reader sees it."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.deletion import service as deletion
from accounts.models import User
from tests.factories import PASSWORD, session
from tests.oauth.flows import make_app

SITE = settings.PUBLIC_URL


@pytest.fixture(autouse=True)
def _mail_is_set_up(settings: Settings, db: None) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def letter(to: str) -> EmailMessage:
    [sent] = mail.outbox
    assert sent.to == [to]
    return sent


def body(sent: EmailMessage) -> str:
    """Its text, after what is asked of each: plain, signed by the site, with one link at most and no secret else."""
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


def test_who_signs_up_confirms_the_address(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    sent = letter("new@example.org")
    assert sent.subject == "Confirm your e-mail address"
    [link] = re.findall(r"^\S+/accounts/confirm-email/\S+$", body(sent), re.MULTILINE)
    assert client.get(link).status_code == 200


def test_who_signs_up_again_is_told_by_letter_alone(client: Client, ada: User) -> None:
    client.post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD})
    sent = letter(ada.email)
    assert sent.subject == "You already have an account"
    assert "/accounts/password/reset/" in body(sent)


def test_who_forgot_the_password_gets_a_link_to_this_site(client: Client, ada: User) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email}, headers={"host": "localhost:666"})
    sent = letter(ada.email)
    assert sent.subject == "Reset your password"
    [link] = re.findall(rf"^{SITE}/accounts/password/reset/key/\S+$", body(sent), re.MULTILINE)
    assert client.get(link).status_code in (200, 302)


def test_an_address_without_account_is_told_so(client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    sent = letter("nobody@example.org")
    assert sent.subject == "No account found"
    assert "it has no account" in body(sent)


def test_a_name_stands_in_a_letter_as_it_is(ada: User) -> None:
    make_app(name="Ada's & Bob's").connect(ada)
    sent = letter(ada.email)
    assert "You connected Ada's & Bob's. It can:\n\n- Read" in body(sent)


def test_who_closes_and_restores_is_told(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        deletion.close_account(session(ada))
    assert "All its data will be deleted permanently on" in body(letter(ada.email))


def test_a_mail_server_that_says_nothing_holds_a_thread_for_seconds_only() -> None:
    smtp: Any = mail.get_connection("django.core.mail.backends.smtp.EmailBackend")
    assert smtp.timeout == 10
