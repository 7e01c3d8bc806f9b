"""E-mails tell a user what happened to the security of their account, and tell nobody else."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from tests.accounts.login.soft_passkey import SoftPasskey
from tests.accounts.login.test_passkeys import add_passkey
from tests.accounts.login.test_second_factor import SECRET
from tests.accounts.login.test_squatted_addresses import get_reset_links
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.accounts.test_mail import check_and_get_text
from tests.factories import PASSWORD, confirm_address, get_emailed_code
from tests.totp import compute_held_code, hold_totp_step

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "a walrus in the garden"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _mail_is_set_up(sends_mail: None, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_totp_step(monkeypatch)


@pytest.fixture
def browser(ada: User) -> Client:
    """Ada's, logged in and just confirmed."""
    confirm_address(ada)
    confirm_address(ada, "second@example.org")
    browser = log_in(ada, Client(headers={"user-agent": FIREFOX}))
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    mail.outbox.clear()
    return browser


def log_in(user: User, browser: Client, password: str = PASSWORD) -> Client:
    browser.post("/accounts/login/", {"login": user.email, "password": password})
    return browser


def change_password(browser: Client) -> None:
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    browser.post("/accounts/password/change/", fields)


def add_authenticator_app(browser: Client) -> None:
    secret = browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    browser.post("/accounts/2fa/totp/activate/", {"code": compute_held_code(secret)})


def remove_authenticator_app(browser: Client) -> None:
    add_authenticator_app(browser)
    mail.outbox.clear()
    browser.post("/accounts/2fa/totp/deactivate/")


def generate_recovery_codes(browser: Client) -> None:
    add_authenticator_app(browser)
    mail.outbox.clear()
    browser.post("/accounts/2fa/recovery-codes/generate/")


def remove_passkey(browser: Client) -> None:
    passkey = Authenticator.objects.create(user=User.objects.get(), type="webauthn", data={"name": "key"})
    browser.post(f"/accounts/2fa/webauthn/keys/{passkey.pk}/remove/")


@pytest.mark.parametrize(
    ("act", "subject"),
    [
        (change_password, "Your password was changed"),
        (add_authenticator_app, "An authenticator app was added"),
        (remove_authenticator_app, "The authenticator app was removed"),
        (generate_recovery_codes, "New recovery codes were generated"),
        (lambda browser: add_passkey(browser, SoftPasskey()), "A passkey was added"),
        (remove_passkey, "A passkey was removed"),
    ],
)
def test_event_is_told_to_all_confirmed_addresses(
    browser: Client,
    act: Callable[[Client], None],
    subject: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        act(browser)
    told = [sent for sent in mail.outbox if sent.subject == subject]
    assert [sent.to for sent in told] == [["ada@example.org"], ["second@example.org"]]
    text = check_and_get_text(told[0])
    assert "Browser: Firefox on Linux\nIP address: 127.0.0.1" in text
    assert "/accounts/password/reset/" in text


def test_removed_and_changed_addresses_are_told(browser: Client) -> None:
    browser.post("/accounts/email/", {"action_primary": "", "email": "second@example.org"})
    assert {(sent.subject, sent.to[0]) for sent in mail.outbox} == {
        ("Your primary e-mail address was changed", to) for to in ("ada@example.org", "second@example.org")
    }
    mail.outbox.clear()
    browser.post("/accounts/email/", {"action_remove": "", "email": "ada@example.org"})
    assert [sent.to for sent in mail.outbox] == [["second@example.org"], ["ada@example.org"]]
    assert {sent.subject for sent in mail.outbox} == {"An e-mail address was removed"}


def test_added_address_is_told_once_it_is_confirmed(browser: Client) -> None:
    EmailAddress.objects.filter(email="second@example.org").delete()
    browser.post("/accounts/email/", {"action_add": "", "email": "third@example.org"})
    assert [sent.to for sent in mail.outbox] == [["third@example.org"]]  # the code
    response = browser.post("/accounts/confirm-email/", {"code": get_emailed_code()})
    assert response.headers["Location"] == "/accounts/email/"
    assert [sent.to for sent in mail.outbox[1:]] == [["ada@example.org"], ["third@example.org"]]
    assert "third@example.org" in check_and_get_text(mail.outbox[1])


def test_reset_password_and_used_recovery_code_are_told(browser: Client, ada: User) -> None:
    [link] = get_reset_links(ada.email)
    mail.outbox.clear()
    other = Client()
    page = other.get(link)
    other.post(page.headers["Location"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert {sent.subject for sent in mail.outbox} == {"Your password was reset"}
    TOTP.activate(ada, SECRET)
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]
    mail.outbox.clear()
    log_in(ada, other, NEW_PASSWORD).post("/accounts/2fa/authenticate/", {"code": code})
    assert is_logged_in(other)
    told = {sent.subject: check_and_get_text(sent) for sent in mail.outbox}
    assert "9 codes are left." in told["A recovery code was used"]


def test_log_in_is_told_unless_the_browser_is_known(browser: Client, ada: User) -> None:
    browser.post("/accounts/logout/")
    log_in(ada, browser)
    assert mail.outbox == []
    elsewhere = log_in(ada, Client())
    assert {sent.subject for sent in mail.outbox} == {"New log-in to your account"}
    mail.outbox.clear()
    elsewhere.post("/accounts/logout/")
    log_in(ada, elsewhere)
    assert mail.outbox == []


def test_cookie_of_another_user_or_a_forged_one_makes_no_browser_known(
    browser: Client, ada: User, bob: User
) -> None:
    confirm_address(bob)
    browser.post("/accounts/logout/")
    log_in(bob, browser)
    assert {sent.to[0] for sent in mail.outbox} == {bob.email}
    mail.outbox.clear()
    forged = Client()
    forged.cookies["picard_browser"] = '["x"]:1:x'
    log_in(ada, forged)
    assert {sent.to[0] for sent in mail.outbox} == {ada.email, "second@example.org"}


def test_sign_up_is_no_log_in_elsewhere(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    client.post("/accounts/confirm-email/", {"code": get_emailed_code()})
    assert is_logged_in(client)
    assert len(mail.outbox) == 1


def test_address_that_an_administrator_changed_is_told(browser: Client, ada: User, carol: User) -> None:
    User.objects.filter(pk=carol.pk).update(is_superuser=True)
    admin = Client()
    admin.force_login(carol)
    admin.post(f"/admin/accounts/user/{ada.pk}/change/", {"email": "other@example.org", "is_active": "on"})
    assert {sent.to[0] for sent in mail.outbox} == {"ada@example.org", "second@example.org"}
    assert "IP address" not in check_and_get_text(mail.outbox[0])


def test_nothing_is_told_to_an_unconfirmed_address(bob: User) -> None:
    browser = Client()
    browser.force_login(bob)
    change_password(browser)
    assert mail.outbox == []
