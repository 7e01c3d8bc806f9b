"""Connecting an identity needs a log-in and a fresh confirmation; disconnecting leaves a way in."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import StaffAction, User
from accounts.openid import connections
from accounts.openid.code_flow import Identity
from core.db.roles import Role
from picard.postgres.manager import ROLES
from tests.accounts.openid.provider import (
    ProviderProcess,
    get_error_code,
    log_in,
    start,
    visit_provider,
)
from tests.accounts.openid.test_log_in import connected
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.accounts.sessions.test_sessions import log_in as log_in_by_password
from tests.factories import PASSWORD, confirm_address

__all__ = ["connected"]  # a fixture
pytestmark = pytest.mark.django_db
PAGE, CONNECT, CONFIRM = "/accounts/connections/", "/accounts/openid/connect/", "/accounts/openid/confirm/"
DELETE = "/accounts/delete/"


def make_confirmed_browser(user: User) -> Client:
    browser = log_in_by_password(user)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


def test_connecting_needs_the_password_again(ada: User, provider: ProviderProcess) -> None:
    browser = log_in_by_password(ada)
    assert browser.post(CONNECT)["Location"].startswith("/accounts/reauthenticate/")
    assert not provider.list_received("/.well-known/openid-configuration")
    assert Client().post(CONNECT)["Location"].startswith("/accounts/login/")


def test_connected_identity_logs_in_and_is_reported(
    ada: User, provider: ProviderProcess, sends_mail: None
) -> None:
    confirm_address(ada)
    browser = make_confirmed_browser(ada)
    mail.outbox.clear()
    provider.be_person("ada-at-work", "ada@work.example", is_verified=False)
    assert log_in(browser, CONNECT)["Location"] == PAGE
    page = browser.get(PAGE).content.decode()
    assert "You can now log in with Example ID." in page
    assert "ada@work.example" in page
    [sent] = mail.outbox
    assert (sent.subject, sent.to) == ("Log-in with Example ID was connected", [ada.email])
    assert "ada@work.example" in sent.body
    assert "who can log in with Example ID: a new password ends none of these" in " ".join(sent.body.split())
    other = Client()
    log_in(other)
    assert other.session["_auth_user_id"] == str(ada.pk)
    assert User.objects.count() == 1


def test_identity_of_another_account_cannot_be_connected(
    connected: User, bob: User, provider: ProviderProcess
) -> None:
    browser = make_confirmed_browser(bob)
    log_in(browser, CONNECT)
    assert "belongs to another account" in browser.get(PAGE).content.decode()
    assert SocialAccount.objects.get().user == connected


def test_connecting_twice_changes_nothing(
    connected: User, provider: ProviderProcess, sends_mail: None
) -> None:
    confirm_address(connected)
    browser = make_confirmed_browser(connected)
    mail.outbox.clear()
    log_in(browser, CONNECT)
    assert SocialAccount.objects.count() == 1
    assert not mail.outbox


def test_response_counts_only_for_the_user_who_started(
    ada: User, bob: User, provider: ProviderProcess
) -> None:
    browser = make_confirmed_browser(ada)
    location = visit_provider(start(browser, CONNECT))
    browser.force_login(bob)
    assert get_error_code(browser.get(location)) == "unknown_state"
    browser.logout()
    assert get_error_code(browser.get(location)) == "unknown_state"
    assert not SocialAccount.objects.exists()


def test_confirmation_must_still_be_fresh_when_the_provider_responds(
    ada: User, provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = make_confirmed_browser(ada)
    location = visit_provider(start(browser, CONNECT))
    now = time.time() + 400
    monkeypatch.setattr("allauth.account.internal.flows.reauthentication.time.time", lambda: now)
    browser.get(location)
    assert "That took too long." in browser.get(PAGE).content.decode()
    assert not SocialAccount.objects.exists()


def disconnect(browser: Client, user: User) -> str:
    row = SocialAccount.objects.get(user=user)
    return browser.post(PAGE, {"connection": row.pk}, follow=True).content.decode()


def test_disconnected_identity_does_not_log_in(
    connected: User, provider: ProviderProcess, settings: Settings, sends_mail: None
) -> None:
    confirm_address(connected)
    assert "Confirm it" in disconnect(log_in_by_password(connected), connected)
    assert SocialAccount.objects.exists()
    browser = make_confirmed_browser(connected)
    mail.outbox.clear()
    assert "Disconnected." in disconnect(browser, connected)
    assert [sent.subject for sent in mail.outbox] == ["Log-in with Example ID was disconnected"]
    other = Client()
    log_in(other)
    assert not is_logged_in(other)


def test_only_own_identities_can_be_disconnected(
    connected: User, bob: User, provider: ProviderProcess
) -> None:
    browser = make_confirmed_browser(bob)
    for given in (SocialAccount.objects.get().pk, "", "x", "9" * 30, "-1"):
        browser.post(PAGE, {"connection": given})
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize(
    ("other_way", "is_allowed"),
    [
        ("none", False),
        ("password", True),
        ("passkey", True),
        ("identity", True),
        ("identity elsewhere", False),
    ],
)
def test_only_way_in_is_not_disconnected(
    other_way: str, is_allowed: bool, provider: ProviderProcess, settings: Settings
) -> None:
    browser = Client()
    log_in(browser)
    user = User.objects.get()
    row = SocialAccount.objects.get()
    log_in(browser, CONFIRM)
    if other_way == "password":
        user.set_password(PASSWORD)
        user.save()
        browser.force_login(user)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    elif other_way == "passkey":
        Authenticator.objects.create(user=user, type="webauthn", data={"name": "key"})
    elif other_way.startswith("identity"):
        issuer = "https://former.example" if "elsewhere" in other_way else provider.issuer
        connections.add_connection(user, Identity(issuer, "second"))
    browser.post(PAGE, {"connection": row.pk})
    assert SocialAccount.objects.filter(pk=row.pk).exists() is not is_allowed


def test_last_passkey_is_not_removed_if_nothing_else_logs_in(
    provider: ProviderProcess, settings: Settings
) -> None:
    browser = Client()
    log_in(browser)
    user = User.objects.get()
    passkey = Authenticator.objects.create(user=user, type="webauthn", data={"name": "key"})
    remove = f"/accounts/2fa/webauthn/keys/{passkey.pk}/remove/"
    log_in(browser, CONFIRM)
    SocialAccount.objects.all().delete()
    page = browser.post(remove, follow=True).content.decode()
    assert "This passkey is your only way to log in." in page
    assert Authenticator.objects.filter(pk=passkey.pk).exists()
    connections.add_connection(user, Identity(provider.issuer, "ada-1"))
    browser.post(remove)
    assert not Authenticator.objects.filter(pk=passkey.pk).exists()


# --- Confirming who one is at the provider --------------------------------------------------------------


def test_session_of_an_account_without_password_is_not_believed_alone(provider: ProviderProcess) -> None:
    browser = Client()
    log_in(browser)
    for path in (DELETE, "/accounts/password/set/", "/accounts/2fa/totp/activate/"):
        assert browser.get(path)["Location"].startswith(CONFIRM), path
    assert browser.post(PAGE, {"connection": SocialAccount.objects.get().pk})["Location"].startswith(CONFIRM)
    log_in(browser, CONFIRM)
    assert browser.get(DELETE).status_code == 200


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.13")
@pytest.mark.parametrize(
    ("metadata", "claims", "is_believed"),
    [
        ({}, {}, True),
        ({}, {"auth_time": "-3700"}, False),
        ({}, {"auth_time": None}, False),
        ({}, {"auth_time": "now"}, False),
        ({"claims_supported": ["sub"]}, {"auth_time": None}, True),
        ({"claims_supported": ["sub"]}, {"auth_time": "-3700"}, False),
    ],
)
def test_confirmation_is_a_new_log_in_at_the_provider(
    metadata: dict[str, object], claims: dict[str, object], is_believed: bool, provider: ProviderProcess
) -> None:
    provider.behave(metadata=metadata)
    browser = Client()
    log_in(browser)
    location = start(browser, CONFIRM, next=DELETE)
    assert "max_age=0" in location
    provider.behave(keep=True, metadata=metadata, claims=claims)
    response = browser.get(visit_provider(location))
    if is_believed:
        assert response["Location"] == DELETE
    else:
        assert get_error_code(response) == "id_token_auth_time"
    assert (browser.get(DELETE).status_code == 200) is is_believed


def test_confirmation_by_somebody_else_does_not_count(connected: User, provider: ProviderProcess) -> None:
    browser = log_in_by_password(connected)
    provider.be_person("mallory", "mallory@example.org")
    page = browser.get(log_in(browser, CONFIRM, next=DELETE)["Location"])
    assert "with a different" in page.content.decode()
    assert browser.get(DELETE).status_code == 302


def test_password_page_offers_the_provider_too(connected: User, provider: ProviderProcess) -> None:
    page = log_in_by_password(connected).get(DELETE, follow=True).content.decode()
    assert f'href="{CONFIRM}' in page
    assert "Log in with Example ID again" in page


def test_who_has_no_identity_cannot_confirm_by_one(ada: User, provider: ProviderProcess) -> None:
    browser = log_in_by_password(ada)
    assert browser.get(CONFIRM).status_code == browser.post(CONFIRM).status_code == 404


# --- Staff, and the end -----------------------------------------------------------------------------------


def test_staff_see_that_there_is_a_connection_but_not_who(
    connected: User, provider: ProviderProcess, carol_client: Client
) -> None:
    row = SocialAccount.objects.get()
    for path in ("", f"{row.pk}/change/"):
        page = carol_client.get(f"/admin/socialaccount/socialaccount/{path}")
        assert page.status_code == 200
        assert not [secret for secret in (row.uid, "ada-1", "sealed") if secret in page.content.decode()]
    assert carol_client.post(f"/admin/socialaccount/socialaccount/{row.pk}/delete/").status_code == 403
    assert StaffAction.objects.filter(person_id=connected.pk, action="view").exists()
    for path in ("socialapp", "socialtoken"):
        assert carol_client.get(f"/admin/socialaccount/{path}/").status_code == 404


def test_deleted_account_leaves_no_identity(connected: User, provider: ProviderProcess) -> None:
    connected.delete()
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("role", [Role.WEB, Role.SYSTEM])
@pytest.mark.parametrize(
    ("table", "right", "is_granted"),
    [("socialapp", "insert", False), ("socialtoken", "insert", False), ("socialaccount", "insert", True)],
)
def test_servers_can_store_neither_a_provider_nor_its_tokens(
    role: Role, table: str, right: str, is_granted: bool
) -> None:
    with connection.cursor() as cursor:
        values = [ROLES[role], f"socialaccount_{table}", right]
        cursor.execute("select has_table_privilege(%s, %s, %s)", values)
        assert cursor.fetchone() == (is_granted,)
