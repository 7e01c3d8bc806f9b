"""Sign-up by an OpenID provider: the rules are those of every sign-up, and an address leads into no account."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts import invitations
from accounts.models import Invitation, User
from accounts.openid import connections
from accounts.openid.code_flow import Identity
from tests.accounts.openid.provider import ProviderProcess, log_in
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.factories import confirm_address, get_emailed_code

pytestmark = pytest.mark.django_db
FORM, CODE_PAGE = "/accounts/openid/signup/", "/accounts/confirm-email/"
UNVERIFIED: list[Any] = [False, "true", 1, None]


@pytest.fixture(params=[True, False], ids=["with mail", "without mail"])
def has_mail(request: pytest.FixtureRequest) -> bool:
    if request.param:
        request.getfixturevalue("sends_mail")
    return bool(request.param)


def test_verified_address_makes_an_account_at_once(
    has_mail: bool, provider: ProviderProcess, client: Client
) -> None:
    provider.be_person("grace-1", "Grace@Example.ORG")
    assert log_in(client, next="/accounts/email/")["Location"] == "/accounts/email/"
    grace = User.objects.get()
    assert (grace.email, grace.has_usable_password()) == ("grace@example.org", False)
    assert EmailAddress.objects.filter(user=grace, verified=True, primary=True).count() == 1
    assert not mail.outbox
    again = Client()
    assert log_in(again)["Location"] == "/memories/"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Grace Hopper", "Grace Hopper"),
        ("Grace\u202e\nHopper", "Grace Hopper"),
        ("x" * 81, ""),
        (None, ""),
        (["G"], ""),
    ],
)
def test_name_at_the_provider_is_that_of_the_account(
    claim: object, name: str, provider: ProviderProcess, client: Client
) -> None:
    person = {"sub": "grace-1", "email": "grace@example.org", "email_verified": True, "name": claim}
    provider.behave(person=person, keep=True)
    log_in(client)
    assert User.objects.get().display_name == name


def test_address_of_an_account_never_leads_into_it(
    has_mail: bool, ada: User, provider: ProviderProcess, client: Client
) -> None:
    confirm_address(ada)
    provider.be_person("mallory", ada.email)
    page = log_in(client)
    assert (page.status_code, is_logged_in(client)) == (403, False)
    assert "There is an account with the address ada@example.org" in page.content.decode()
    assert not SocialAccount.objects.exists()


def test_account_that_never_confirmed_the_address_loses_it(
    ada: User, provider: ProviderProcess, client: Client, sends_mail: None
) -> None:
    """As with every other sign-up: whoever proves to own an address takes it from who only entered it."""
    provider.be_person("ada-1", ada.email)
    log_in(client)
    assert is_logged_in(client)
    ada.refresh_from_db()
    assert ada.email.endswith(".invalid")
    assert User.objects.get(email="ada@example.org").pk != ada.pk


@pytest.mark.parametrize("verified", UNVERIFIED)
def test_unverified_address_must_be_confirmed_by_a_code(
    verified: object, provider: ProviderProcess, client: Client, sends_mail: None
) -> None:
    provider.be_person("grace-1", "grace@example.org", is_verified=verified)
    assert log_in(client, next="/accounts/email/")["Location"] == FORM
    assert not User.objects.exists()
    page = client.get(FORM)
    assert 'value="grace@example.org"' in page.content.decode()
    client.post(FORM, {"email": "grace@example.org", "next": page.context["next_url"]})
    assert not User.objects.exists()
    assert not is_logged_in(client)
    response = client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert response["Location"] == "/accounts/email/"
    assert log_in(Client())["Location"] == "/memories/"
    assert User.objects.count() == 1


def test_stranger_who_enters_the_address_of_an_account_gets_nothing(
    ada: User, provider: ProviderProcess, client: Client, sends_mail: None
) -> None:
    confirm_address(ada)
    provider.be_person("mallory", ada.email, is_verified=False)
    log_in(client)
    client.post(FORM, {"email": ada.email})
    assert [sent.subject for sent in mail.outbox] == ["You already have an account"]
    client.post(CODE_PAGE, {"code": "AAAA-AAAA"})
    assert not is_logged_in(client)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    "email", ["", "nonsense", "a@b", "x" * 300 + "@example.org", "\ud800@example.org", 7]
)
def test_address_that_is_none_is_asked_for(
    email: Any, provider: ProviderProcess, client: Client, sends_mail: None
) -> None:
    provider.behave(person={"sub": "grace-1", "email": email, "email_verified": True})
    assert log_in(client)["Location"] == FORM
    assert client.post(FORM, {"email": "nonsense"}).status_code == 422
    assert not User.objects.exists()


def test_without_mail_the_entered_address_counts_as_at_every_sign_up(
    ada: User, provider: ProviderProcess, client: Client
) -> None:
    provider.be_person("grace-1")
    assert log_in(client)["Location"] == FORM
    taken = client.post(FORM, {"email": ada.email})
    assert "This address has an account" in taken.content.decode()
    assert client.post(FORM, {"email": "grace@example.org"})["Location"] == "/memories/"
    assert EmailAddress.objects.get(email="grace@example.org").verified is False


@pytest.mark.parametrize("is_verified", [True, False])
def test_nobody_signs_up_while_sign_up_is_closed(
    is_verified: bool, has_mail: bool, provider: ProviderProcess, client: Client, settings: Settings
) -> None:
    settings.SIGNUP = "closed"
    provider.be_person("grace-1", "grace@example.org", is_verified=is_verified)
    page = log_in(client)
    assert (page.status_code, "Sign-up is closed." in page.content.decode()) == (403, True)
    assert client.get(FORM).status_code == 302
    assert not User.objects.exists()


def test_form_that_was_open_when_sign_up_closed_creates_nothing(
    provider: ProviderProcess, client: Client, settings: Settings
) -> None:
    provider.be_person("grace-1")
    log_in(client)
    settings.SIGNUP = "closed"
    assert client.post(FORM, {"email": "grace@example.org"}).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("is_verified", [True, False])
def test_invitation_is_needed_and_used(
    is_verified: bool, provider: ProviderProcess, client: Client, settings: Settings, sends_mail: None
) -> None:
    settings.SIGNUP = "invite"
    provider.be_person("grace-1", "grace@example.org", is_verified=is_verified)
    assert "Sign-up is by invitation" in log_in(client).content.decode()
    client.get(f"/accounts/invitation/{invitations.create_invitation()}/")
    log_in(client)
    if not is_verified:
        client.post(FORM, {"email": "grace@example.org"})
        client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(client)
    assert Invitation.objects.get().used_by == User.objects.get()


@pytest.mark.parametrize("is_verified", [True, False])
def test_invitation_for_another_address_creates_nothing(
    is_verified: bool, provider: ProviderProcess, client: Client, settings: Settings, sends_mail: None
) -> None:
    settings.SIGNUP = "invite"
    client.get(f"/accounts/invitation/{invitations.create_invitation('heidi@example.org')}/")
    provider.be_person("grace-1", "grace@example.org", is_verified=is_verified)
    page = log_in(client)
    if not is_verified:
        page = client.post(FORM, {"email": "grace@example.org"})
    assert "another e-mail address" in page.content.decode()
    assert not User.objects.exists()


def test_identity_waits_in_its_own_browser_and_for_an_hour(
    provider: ProviderProcess, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.be_person("grace-1")
    log_in(client)
    assert Client().get(FORM)["Location"] == "/accounts/login/"
    assert client.get(FORM).status_code == 200
    monkeypatch.setattr("accounts.login.openid.signup.VALID_S", -1)
    assert client.get(FORM)["Location"] == "/accounts/login/"


def test_same_sign_up_twice_makes_one_account(provider: ProviderProcess, sends_mail: None) -> None:
    """In two browsers at once: the second finds the address, or the identity, taken."""
    provider.be_person("grace-1", is_verified=False)
    browsers = [Client(), Client()]
    codes = []
    for number, browser in enumerate(browsers):
        log_in(browser)
        browser.post(FORM, {"email": f"grace{number}@example.org"})
        codes.append(get_emailed_code())
    for browser, code in zip(browsers, codes, strict=True):
        browser.post(CODE_PAGE, {"code": code})
    assert [is_logged_in(browser) for browser in browsers] == [True, False]
    assert User.objects.count() == 1


def test_account_without_password_can_set_one_after_confirming(
    provider: ProviderProcess, client: Client
) -> None:
    log_in(client)
    client.session.flush()
    browser = Client()
    log_in(browser)
    page = browser.get("/accounts/password/change/", follow=True)
    assert "Log in with <bdi>Example ID</bdi> again to continue." in " ".join(page.content.decode().split())
    form = {"password1": "a walrus in the garden", "password2": "a walrus in the garden"}
    waiting = browser.post("/accounts/password/set/", form)
    assert waiting["Location"].startswith("/accounts/openid/confirm/")
    assert not User.objects.get().has_usable_password()
    log_in(browser, "/accounts/openid/confirm/", next="/accounts/password/set/")
    assert User.objects.get().has_usable_password()


def test_password_that_waits_is_not_set_by_whoever_opens_the_page(provider: ProviderProcess) -> None:
    """Somebody at the unlocked computer may have left it."""
    browser = Client()
    log_in(browser)
    browser.post(
        "/accounts/password/set/", {"password1": "known to a thief", "password2": "known to a thief"}
    )
    browser.get("/accounts/password/set/")
    log_in(browser, "/accounts/openid/confirm/", next="/accounts/password/set/")
    assert browser.get("/accounts/password/set/").status_code == 200
    assert not User.objects.get().has_usable_password()


def test_limit_of_connections_is_that_of_one_account(ada: User, provider: ProviderProcess) -> None:
    for number in range(connections.MAX_CONNECTIONS):
        assert connections.add_connection(ada, Identity("https://id.example", str(number)))
    with pytest.raises(connections.TooManyConnections):
        connections.add_connection(ada, Identity("https://id.example", "another"))
