"""A passkey logs its user in, alone or after the password. Forged responses are rejected."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from accounts.settings import build_login_settings, get_passkey_rp_id
from tests.accounts.login.soft_passkey import SoftPasskey
from tests.accounts.login.test_second_factor import start_login
from tests.accounts.sessions.test_sessions import is_logged_in, log_in
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
ADD, LIST, LOG_IN = "/accounts/2fa/webauthn/add/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/login/"


def add_passkey(browser: Client, passkey: SoftPasskey, name: str = "My phone") -> Any:
    page = browser.get(ADD)
    if page.status_code == 302:  # the password must be confirmed
        page = browser.post(page["Location"], {"password": PASSWORD, "next": ADD}, follow=True)
    options = to_json(page.context["js_data"]["creation_options"])
    form = {"name": name, "passwordless": "True", "credential": passkey.create(options)}
    return browser.post(ADD, form)


def to_json(options: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(json.dumps(options, default=dict))
    return decoded


def log_in_with(passkey: SoftPasskey, browser: Client | None = None) -> Client:
    browser = browser or Client()
    options = browser.get(LOG_IN, headers={"accept": "application/json"}).json()["request_options"]
    browser.post(LOG_IN, {"credential": passkey.get(options)})
    return browser


@pytest.fixture
def passkey(ada: User) -> SoftPasskey:
    new = SoftPasskey()
    assert add_passkey(log_in(ada), new).status_code == 302
    return new


def test_passkey_logs_in_alone_and_as_second_factor(ada: User, passkey: SoftPasskey) -> None:
    assert is_logged_in(log_in_with(passkey))
    browser = start_login(ada)
    assert not is_logged_in(browser)
    options = to_json(browser.get("/accounts/2fa/authenticate/").context["js_data"]["request_options"])
    browser.post("/accounts/2fa/authenticate/", {"credential": passkey.get(options)})
    assert is_logged_in(browser)


def test_passkey_can_be_listed_renamed_and_removed(ada: User, passkey: SoftPasskey) -> None:
    browser = log_in_with(passkey)
    [row] = Authenticator.objects.filter(type="webauthn")
    assert "My phone" in browser.get(LIST).content.decode()
    for act, form in (("edit", {"name": "The blue phone"}), ("remove", {})):
        address = f"{LIST}keys/{row.pk}/{act}/"
        page = browser.get(address)
        if page.status_code == 302:
            browser.post(page["Location"], {"password": PASSWORD, "next": address})
        browser.post(address, form)
        assert ("The blue phone" in browser.get(LIST).content.decode()) == (act == "edit")
    assert not is_logged_in(log_in_with(passkey))
    assert not Authenticator.objects.exists()  # recovery codes are no use without another factor


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://phishing.example"},
        {"origin": "http://127.0.0.1:8000"},
        {"host": "phishing.example"},
        {"is_verified": False},
        {"user_handle": ""},
        {"id": b"another one's id"},
        {"key": SoftPasskey().key},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_response_with_one_wrong_field_is_rejected(passkey: SoftPasskey, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(passkey, name, value)
    assert not is_logged_in(log_in_with(passkey))


@pytest.mark.parametrize("credential", ["", "{", "{}", "[]", "null", '{"response": {"userHandle": 1}}'])
def test_invalid_credentials_cause_no_server_error(passkey: SoftPasskey, credential: str) -> None:
    browser = Client()
    browser.get(LOG_IN, headers={"accept": "application/json"})
    assert browser.post(LOG_IN, {"credential": credential}).status_code == 302
    assert not is_logged_in(browser)


def test_response_cannot_be_replayed(passkey: SoftPasskey) -> None:
    browser = Client()
    options = browser.get(LOG_IN, headers={"accept": "application/json"}).json()["request_options"]
    answer = {"credential": passkey.get(options)}
    browser.post(LOG_IN, answer)
    browser.post("/accounts/logout/")
    browser.post(LOG_IN, answer)
    assert not is_logged_in(browser)


def test_response_without_user_verification_is_rejected(bob: User, passkey: SoftPasskey) -> None:
    """Not even for the challenge of another user's expired log-in after their password."""
    add_passkey(log_in(bob), SoftPasskey())
    browser = start_login(bob)
    options = to_json(browser.get("/accounts/2fa/authenticate/").context["js_data"]["request_options"])
    session = browser.session
    session["account_login"]["initiated_at"] -= 3_600
    session.save()
    passkey.is_verified = False
    browser.post(LOG_IN, {"credential": passkey.get(options)})
    assert not is_logged_in(browser)


def test_passkey_without_user_verification_cannot_be_added(ada: User) -> None:
    assert add_passkey(log_in(ada), SoftPasskey(is_verified=False)).status_code == 200
    assert not Authenticator.objects.exists()


def test_another_users_passkey_cannot_be_removed(bob: User, passkey: SoftPasskey) -> None:
    [row] = Authenticator.objects.filter(type="webauthn")
    browser = log_in(bob)
    address = f"{LIST}keys/{row.pk}/remove/"
    browser.post(browser.get(address)["Location"], {"password": PASSWORD, "next": address})
    assert browser.post(address).status_code == 404


def test_closed_account_must_confirm_restoring_after_passkey_login(ada: User, passkey: SoftPasskey) -> None:
    from accounts.deletion import service as deletion
    from tests.factories import session

    deletion.close_account(session(ada))
    browser = log_in_with(passkey)
    assert not is_logged_in(browser)
    browser.post("/accounts/restore/")
    assert is_logged_in(browser)


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("https://picard.example", "picard.example"),
        ("http://127.0.0.1:8000", "localhost"),
        ("http://[::1]:8000", "localhost"),
        ("http://localhost:8000", "localhost"),
        ("https://192.0.2.7", ""),
        ("", ""),
    ],
)
def test_passkeys_are_bound_to_the_site_host(public_url: str, host: str) -> None:
    assert get_passkey_rp_id(public_url) == host
    assert ("webauthn" in build_login_settings(public_url, has_mail=True)["MFA_SUPPORTED_TYPES"]) == bool(
        host
    )
