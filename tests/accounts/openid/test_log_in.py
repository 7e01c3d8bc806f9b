"""Logging in by an OpenID provider, and the authorization code flow behind it."""

import re
import time
from base64 import b64decode
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.login.openid.views import REQUESTS
from accounts.models import User
from accounts.openid import connections
from accounts.openid.code_flow import Identity
from tests.accounts.login.test_second_factor import SECRET
from tests.accounts.openid.provider import (
    CALLBACK,
    START,
    ProviderProcess,
    get_error_code,
    get_parameters,
    log_in,
    start,
    visit_provider,
)
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.factories import PASSWORD, confirm_address
from tests.oauth.flows import exhaust, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def connected(ada: User, provider: ProviderProcess) -> User:
    """Ada, whose account the honest provider's person logs in to."""
    connections.add_connection(ada, Identity(provider.issuer, "ada-1", ada.email))
    return ada


def test_identity_logs_in_to_its_account(connected: User, provider: ProviderProcess, client: Client) -> None:
    assert log_in(client)["Location"] == "/memories/"
    assert client.session["_auth_user_id"] == str(connected.pk)
    assert "Log in with <bdi>Example ID</bdi>" in " ".join(
        Client().get("/accounts/login/").content.decode().split()
    )


def test_log_in_returns_to_the_page_that_asked(connected: User, provider: ProviderProcess) -> None:
    for wanted, reached in (
        ("/accounts/email/", "/accounts/email/"),
        ("https://evil.example/", "/memories/"),
    ):
        assert log_in(Client(), next=wanted)["Location"] == reached


def test_request_of_an_app_goes_on_after_the_log_in(connected: User, provider: ProviderProcess) -> None:
    """Also one in a pop-up, whose callback page then reports to its opener."""
    browser, app = Client(), make_app()
    page = browser.get("/oauth/authorize/", app.request(), follow=True)
    [name, value] = re.findall(r'name="(next)" value="([^"]+)"', page.content.decode())[0]
    response = browser.post(START, {name: unescape(value)})
    assert response["Cross-Origin-Opener-Policy"] == "unsafe-none"
    back = browser.get(visit_provider(response["Location"]))
    assert back["Cross-Origin-Opener-Policy"] == "unsafe-none"
    consent = browser.get(back["Location"])
    assert "requests access to your memories" in consent.content.decode()
    assert Client().post(START)["Cross-Origin-Opener-Policy"] == "same-origin"


def test_without_settings_there_is_no_log_in_by_a_provider(ada_client: Client, client: Client) -> None:
    assert client.post(START).status_code == client.get(CALLBACK).status_code == 404
    assert "Log in with" not in client.get("/accounts/login/").content.decode().replace(
        "Log in with a passkey", ""
    )
    assert "Not connected" in ada_client.get("/accounts/connections/").content.decode()


def test_log_in_starts_with_a_form_only(provider: ProviderProcess) -> None:
    assert Client().get(START).status_code == 405
    assert Client(enforce_csrf_checks=True).post(START).status_code == 403


@pytest.mark.compliance("OpenID Connect Core", "3.1.2.1")
def test_authorization_request_has_state_nonce_and_pkce(provider: ProviderProcess, client: Client) -> None:
    first, second = (get_parameters(start(client)) for _ in range(2))
    fixed = {
        "response_type": "code",
        "scope": "openid email profile",
        "client_id": "picard & co",
        "redirect_uri": f"http://127.0.0.1:8000{CALLBACK}",
        "code_challenge_method": "S256",
        "tenant": "1",  # of the endpoint's own query
    }
    assert fixed.items() <= first.items()
    for secret in ("state", "nonce", "code_challenge"):
        assert len(first[secret]) >= 16
        assert first[secret] != second[secret]


def test_no_parameter_of_the_page_reaches_the_provider(provider: ProviderProcess, client: Client) -> None:
    location = client.post(f"{START}?scope=admin&auth_params=prompt%3Dnone&process=connect")["Location"]
    assert get_parameters(location)["scope"] == "openid email profile"
    assert "prompt" not in get_parameters(location)


def test_browsers_leave_by_a_page_that_form_action_allows(provider: ProviderProcess, client: Client) -> None:
    """Chromium applies form-action to redirects of a form's answer (decision 0023)."""
    response = client.post(START, headers={"accept": "text/html"})
    assert (response.status_code, response["Referrer-Policy"]) == (200, "no-referrer")
    assert f'content="0;url={provider.issuer}/authorize?tenant=1&amp;' in response.content.decode()
    assert "form-action 'self'" in response["Content-Security-Policy"]


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.1")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", None])
def test_code_is_exchanged_with_the_secret_and_the_verifier(
    method: str | None, provider: ProviderProcess, client: Client
) -> None:
    provider.behave(
        metadata={"token_endpoint_auth_methods_supported": [method] if method else ["client_secret_basic"]}
    )
    assert log_in(client)["Location"] == "/memories/"
    [request] = provider.list_received("/token")
    values = request["values"]
    assert (values["grant_type"], len(values["code_verifier"])) == ("authorization_code", 86)
    if method == "client_secret_post":
        assert (values["client_id"], values["client_secret"]) == ("picard & co", "s3cret:of picard")
    else:
        pair = b64decode(request["headers"]["Authorization"].removeprefix("Basic ")).decode()
        assert [unquote(part) for part in pair.split(":")] == ["picard & co", "s3cret:of picard"]


@pytest.mark.compliance("OpenID Connect Core", "5.3.2")
def test_address_is_read_from_userinfo_if_the_id_token_has_none(
    provider: ProviderProcess, client: Client
) -> None:
    provider.behave(claims_only_in_userinfo=True)
    log_in(client)
    assert User.objects.get().email == "ada@example.org"
    assert len(provider.list_received("/userinfo")) == 1


def test_tokens_of_the_provider_are_stored_nowhere(connected: User, provider: ProviderProcess) -> None:
    browser = Client()
    location = visit_provider(start(browser))
    code = get_parameters(location)["code"]
    browser.get(location)
    assert not SocialToken.objects.exists()
    assert code not in str(dict(browser.session))
    assert not {"access_token", "id_token"} & set(str(dict(browser.session)).split("'"))
    [row] = SocialAccount.objects.all()
    stored = f"{row.uid} {row.extra_data}"
    assert not [secret for secret in ("ada-1", "example.org", provider.issuer) if secret in stored]


@pytest.mark.parametrize("stage", ["unfinished", "finished"])
def test_second_factor_is_still_asked_for(stage: str, connected: User, provider: ProviderProcess) -> None:
    TOTP.activate(connected, SECRET)
    browser = Client()
    assert log_in(browser)["Location"] == "/accounts/2fa/authenticate/"
    assert not is_logged_in(browser)
    if stage == "finished":
        code = format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))
        browser.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_logged_in(browser)


def test_closed_account_is_offered_to_be_restored(connected: User, provider: ProviderProcess) -> None:
    User.objects.filter(pk=connected.pk).update(is_active=False, delete_at="2027-01-01T00:00Z")
    browser = Client()
    assert log_in(browser)["Location"] == "/accounts/restore/"
    assert not is_logged_in(browser)


def test_inactive_account_stays_closed(connected: User, provider: ProviderProcess) -> None:
    User.objects.filter(pk=connected.pk).update(is_active=False)
    browser = Client()
    log_in(browser)
    assert not is_logged_in(browser)


def test_log_in_in_another_browser_is_reported(
    connected: User, provider: ProviderProcess, sends_mail: None
) -> None:
    confirm_address(connected)
    log_in(Client())
    assert [sent.subject for sent in mail.outbox] == ["New log-in to your account"]


def test_session_gets_a_new_key_at_log_in(connected: User, provider: ProviderProcess) -> None:
    browser, others = Client(), set(Session.objects.values_list("session_key", flat=True))
    location = visit_provider(start(browser))
    [before] = set(Session.objects.values_list("session_key", flat=True)) - others
    browser.get(location)
    assert before not in Session.objects.values_list("session_key", flat=True)


@pytest.mark.compliance("OpenID Connect Core", "3.1.2.6")
@pytest.mark.parametrize(
    ("error", "told"),
    [("access_denied", "Log-in with Example ID was cancelled."), ("server_error", "refused")],
)
def test_refusal_of_the_provider_is_said(
    error: str, told: str, provider: ProviderProcess, client: Client
) -> None:
    state = get_parameters(start(client, next="/accounts/"))["state"]
    page = client.get(CALLBACK, {"error": error, "state": state}, follow=True)
    assert told in page.content.decode()
    assert not provider.list_received("/token")


@pytest.mark.compliance("RFC 9207", "2.4")
@pytest.mark.parametrize(
    ("announced", "issuer", "code"),
    [
        (True, None, "response_without_issuer"),
        (True, "https://other.example", "response_of_other_issuer"),
        (False, "https://other.example", "response_of_other_issuer"),
        (True, "own", ""),
        (False, None, ""),
    ],
)
def test_response_of_another_issuer_is_rejected(
    announced: bool, issuer: str | None, code: str, provider: ProviderProcess, client: Client
) -> None:
    own = {"iss": provider.issuer if issuer == "own" else issuer}
    provider.behave(metadata={"authorization_response_iss_parameter_supported": announced}, response=own)
    response = log_in(client)
    if code:
        assert get_error_code(response) == code
        assert not provider.list_received("/token")  # the code is not sent to the wrong provider
    else:
        assert is_logged_in(client)


@pytest.mark.compliance("OpenID Connect Core", "3.1.2.7")
def test_state_works_once_and_in_its_own_browser(connected: User, provider: ProviderProcess) -> None:
    browser, other = Client(), Client()
    location = visit_provider(start(browser))
    start(other)
    assert get_error_code(other.get(location)) == "unknown_state"  # a victim led to the attacker's response
    assert browser.get(location).status_code == 302
    assert get_error_code(browser.get(location)) == "unknown_state"
    assert len(provider.list_received("/token")) == 1


@pytest.mark.parametrize(
    "change", [{"state": "x"}, {"state": None}, {"code": None}, {"code": ["a", "b"]}, {"code": "x" * 5_000}]
)
def test_changed_response_is_rejected(
    change: dict[str, Any], provider: ProviderProcess, client: Client
) -> None:
    values = get_parameters(visit_provider(start(client))) | change
    response = client.get(CALLBACK, {name: value for name, value in values.items() if value is not None})
    assert get_error_code(response) in ("unknown_state", "no_code", "duplicate_parameter")
    assert not is_logged_in(client)


def test_state_expires(connected: User, provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Client()
    location = visit_provider(start(browser))
    now = time.time() + 601
    monkeypatch.setattr("allauth.socialaccount.internal.statekit.time.time", lambda: now)
    assert get_error_code(browser.get(location)) == "unknown_state"


def test_requests_are_limited_by_network(provider: ProviderProcess, client: Client) -> None:
    exhaust(REQUESTS)
    assert client.post(START).status_code == client.get(CALLBACK).status_code == 429
    assert provider.list_received("/.well-known/openid-configuration") == []


def test_account_is_found_by_issuer_and_subject_alone(
    connected: User, provider: ProviderProcess, settings: Settings
) -> None:
    """The same subject of another issuer, and another subject with the same address, are other people."""
    provider.be_person("ada-2", connected.email)
    browser = Client()
    page = log_in(browser)
    assert "There is an account with the address ada@example.org" in page.content.decode()
    assert not is_logged_in(browser)
    assert connections.find_account(Identity("https://other.example", "ada-1")) is None


def test_row_moved_in_the_database_to_another_account_logs_in_to_none(
    connected: User, bob: User, provider: ProviderProcess
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update socialaccount_socialaccount set user_id = %s", [bob.pk])
    browser = Client()
    log_in(browser)
    assert not is_logged_in(browser)


def test_password_still_logs_in_to_a_connected_account(connected: User, provider: ProviderProcess) -> None:
    browser = Client()
    browser.post("/accounts/login/", {"login": connected.email, "password": PASSWORD})
    assert is_logged_in(browser)
