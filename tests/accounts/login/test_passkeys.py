"""A passkey logs its person in, alone or after the password, and nothing else passes for one."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from accounts.settings import build_login_settings, get_passkey_rp_id
from tests.accounts.login.soft_passkey import SoftPasskey
from tests.accounts.login.test_second_factor import half_way
from tests.accounts.sessions.test_sessions import is_in, log_in
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
ADD, LIST, LOG_IN = "/accounts/2fa/webauthn/add/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/login/"


def add(browser: Client, passkey: SoftPasskey, name: str = "My phone") -> Any:
    page = browser.get(ADD)
    if page.status_code == 302:  # the password is asked for once more
        page = browser.post(page["Location"], {"password": PASSWORD, "next": ADD}, follow=True)
    options = as_sent(page.context["js_data"]["creation_options"])
    form = {"name": name, "passwordless": "True", "credential": passkey.create(options)}
    return browser.post(ADD, form)


def as_sent(options: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(json.dumps(options, default=dict))
    return sent


def log_in_by(passkey: SoftPasskey, browser: Client | None = None) -> Client:
    browser = browser or Client()
    options = browser.get(LOG_IN, headers={"accept": "application/json"}).json()["request_options"]
    browser.post(LOG_IN, {"credential": passkey.get(options)})
    return browser


@pytest.fixture
def passkey(ada: User) -> SoftPasskey:
    made = SoftPasskey()
    assert add(log_in(ada), made).status_code == 302
    return made


def test_it_logs_in_alone_and_after_the_password(ada: User, passkey: SoftPasskey) -> None:
    assert is_in(log_in_by(passkey))
    browser = half_way(ada)
    assert not is_in(browser)
    options = as_sent(browser.get("/accounts/2fa/authenticate/").context["js_data"]["request_options"])
    browser.post("/accounts/2fa/authenticate/", {"credential": passkey.get(options)})
    assert is_in(browser)


def test_it_is_named_listed_renamed_and_removed(ada: User, passkey: SoftPasskey) -> None:
    browser = log_in_by(passkey)
    [row] = Authenticator.objects.filter(type="webauthn")
    assert "My phone" in browser.get(LIST).content.decode()
    for act, form in (("edit", {"name": "The blue phone"}), ("remove", {})):
        address = f"{LIST}keys/{row.pk}/{act}/"
        asked = browser.get(address)
        if asked.status_code == 302:
            browser.post(asked["Location"], {"password": PASSWORD, "next": address})
        browser.post(address, form)
        assert ("The blue phone" in browser.get(LIST).content.decode()) == (act == "edit")
    assert not is_in(log_in_by(passkey))
    assert not Authenticator.objects.exists()  # recovery codes alone would be no factor


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
def test_what_is_wrong_in_one_thing_lets_nobody_in(passkey: SoftPasskey, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(passkey, name, value)
    assert not is_in(log_in_by(passkey))


@pytest.mark.parametrize("credential", ["", "{", "{}", "[]", "null", '{"response": {"userHandle": 1}}'])
def test_rubbish_is_no_fault_of_the_server(passkey: SoftPasskey, credential: str) -> None:
    browser = Client()
    browser.get(LOG_IN, headers={"accept": "application/json"})
    assert browser.post(LOG_IN, {"credential": credential}).status_code == 302
    assert not is_in(browser)


def test_an_answer_works_once(passkey: SoftPasskey) -> None:
    browser = Client()
    options = browser.get(LOG_IN, headers={"accept": "application/json"}).json()["request_options"]
    answer = {"credential": passkey.get(options)}
    browser.post(LOG_IN, answer)
    browser.post("/accounts/logout/")
    browser.post(LOG_IN, answer)
    assert not is_in(browser)


def test_a_stolen_one_without_its_pin_answers_no_question(bob: User, passkey: SoftPasskey) -> None:
    """Also not the one that somebody is asked after their own password, kept until that log-in has run out."""
    add(log_in(bob), SoftPasskey())
    browser = half_way(bob)
    options = as_sent(browser.get("/accounts/2fa/authenticate/").context["js_data"]["request_options"])
    session = browser.session
    session["account_login"]["initiated_at"] -= 3_600
    session.save()
    passkey.is_verified = False
    browser.post(LOG_IN, {"credential": passkey.get(options)})
    assert not is_in(browser)


def test_one_that_checks_nobody_is_not_added(ada: User) -> None:
    assert add(log_in(ada), SoftPasskey(is_verified=False)).status_code == 200
    assert not Authenticator.objects.exists()


def test_another_persons_cannot_be_removed(bob: User, passkey: SoftPasskey) -> None:
    [row] = Authenticator.objects.filter(type="webauthn")
    browser = log_in(bob)
    address = f"{LIST}keys/{row.pk}/remove/"
    browser.post(browser.get(address)["Location"], {"password": PASSWORD, "next": address})
    assert browser.post(address).status_code == 404


def test_a_closed_account_is_asked_too(ada: User, passkey: SoftPasskey) -> None:
    from accounts.deletion import service as deletion
    from tests.factories import session

    deletion.close_account(session(ada))
    browser = log_in_by(passkey)
    assert not is_in(browser)
    browser.post("/accounts/restore/")
    assert is_in(browser)


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
def test_they_are_bound_to_the_name_of_the_site(public_url: str, host: str) -> None:
    assert get_passkey_rp_id(public_url) == host
    assert ("webauthn" in build_login_settings(public_url, has_mail=True)["MFA_SUPPORTED_TYPES"]) == bool(
        host
    )
