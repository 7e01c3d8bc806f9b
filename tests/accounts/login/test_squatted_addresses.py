"""An address that nobody confirmed is worth nothing: to those who enter another person's, and against its owner."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import get_hasher
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts import invitations
from accounts.mail import addresses
from accounts.mail.addresses import RELEASED_DOMAIN
from accounts.models import User
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.factories import PASSWORD, confirm_address, get_emailed_code, make_person, remember

pytestmark = pytest.mark.django_db
VICTIM = "victim@example.org"
CODE_PAGE = "/accounts/confirm-email/"
RESET_LINK = re.compile(r"/accounts/password/reset/key/\S+")


@pytest.fixture(autouse=True)
def _mail_is_set_up(sends_mail: None) -> None:
    pass


@pytest.fixture
def attacker(bob: User) -> User:
    confirm_address(bob)
    return bob


@pytest.fixture
def attackers_browser(attacker: User) -> Client:
    browser = Client()
    browser.post("/accounts/login/", {"login": attacker.email, "password": PASSWORD})
    assert is_logged_in(browser)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


def sign_up(browser: Client, email: str = VICTIM, password: str = PASSWORD) -> None:
    browser.post("/accounts/signup/", {"email": email, "password1": password})


def sign_up_and_confirm(browser: Client, email: str = VICTIM, password: str = PASSWORD) -> User:
    sign_up(browser, email, password)
    browser.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(browser)
    return User.objects.get(email=email)


def get_reset_links(email: str = VICTIM) -> list[str]:
    mail.outbox.clear()
    Client().post("/accounts/password/reset/", {"email": email})
    [sent] = mail.outbox
    assert sent.to == [email]
    return RESET_LINK.findall(str(sent.body))


def logs_in(email: str, password: str = PASSWORD) -> bool:
    browser = Client()
    browser.post("/accounts/login/", {"login": email, "password": password})
    return is_logged_in(browser)


def count_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets an entry for each password that is hashed from now on."""
    hashed: list[str] = []
    hasher = type(get_hasher())
    encode = hasher.encode

    def record_and_encode(self: Any, password: str, *args: Any) -> str:
        hashed.append(password)
        return encode(self, password, *args)

    monkeypatch.setattr(hasher, "encode", record_and_encode)
    return hashed


def test_added_address_of_another_person_reads_nothing(attacker: User, attackers_browser: Client) -> None:
    attackers_browser.post("/accounts/email/", {"action_add": "", "email": VICTIM})
    assert not EmailAddress.objects.filter(email=VICTIM).exists()
    assert get_reset_links() == []
    victim = sign_up_and_confirm(Client())
    assert victim != attacker
    remember(victim, "My diagnosis is secret")
    assert "diagnosis" not in attackers_browser.get("/memories/").content.decode()
    assert not logs_in(VICTIM, "wrong wrong wrong")


def test_address_counts_once_its_code_is_entered_where_it_was_requested(
    attacker: User, attackers_browser: Client, client: Client
) -> None:
    attackers_browser.post("/accounts/email/", {"action_add": "", "email": "second@example.org"})
    code = get_emailed_code()
    client.post(CODE_PAGE, {"code": code})
    assert not EmailAddress.objects.filter(email="second@example.org").exists()
    assert "second@example.org" in attackers_browser.get(CODE_PAGE).content.decode()
    attackers_browser.post(CODE_PAGE, {"code": code.lower()})
    assert EmailAddress.objects.get(email="second@example.org").verified
    assert logs_in("second@example.org")
    assert get_reset_links("second@example.org") != []


def test_sign_up_with_the_address_of_another_person_leaves_nothing(client: Client) -> None:
    attackers = Client()
    sign_up(attackers, password="the password of the attacker")
    assert not User.objects.exists()
    assert not EmailAddress.objects.exists()
    attackers_code = get_emailed_code()
    assert get_reset_links() == []
    victim = sign_up_and_confirm(client)
    assert victim.check_password(PASSWORD)
    attackers.post(CODE_PAGE, {"code": attackers_code})  # even if the victim told them
    assert not is_logged_in(attackers)
    assert not logs_in(VICTIM, "the password of the attacker")


def test_code_completes_only_the_sign_up_that_it_was_sent_for(client: Client) -> None:
    attackers = Client()
    sign_up(attackers, password="the password of the attacker")
    code_of_attacker = get_emailed_code()
    sign_up(client)
    client.post(CODE_PAGE, {"code": code_of_attacker})
    assert not User.objects.exists()
    client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(client)
    assert User.objects.get().check_password(PASSWORD)


def test_codes_cannot_be_guessed(client: Client) -> None:
    sign_up(client)
    code = get_emailed_code()
    for _ in range(5):
        client.post(CODE_PAGE, {"code": "BBBB-BBBB"})
    client.post(CODE_PAGE, {"code": code})
    assert not User.objects.exists()


def test_resent_code_is_the_same_and_their_number_is_limited(client: Client) -> None:
    sign_up(client)
    codes = {get_emailed_code()}
    for _ in range(10):
        client.post(CODE_PAGE, {"action": "resend"})
        codes.add(get_emailed_code())
    assert len(codes) == 1
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("has_logged_in", [True, False])
def test_account_with_the_address_unconfirmed_keeps_nobody_from_signing_up(
    client: Client, has_logged_in: bool
) -> None:
    """An account from the time before EMAIL_URL was set, or one that an administrator made."""
    squatter = make_person("victim")
    EmailAddress.objects.create(user=squatter, email=VICTIM, primary=True)
    if has_logged_in:
        remember(squatter, "a note of the squatter")
    assert get_reset_links() == []
    sign_up(client, password="another walrus")
    assert "the other one loses the address" in " ".join(str(mail.outbox[-1].body).split())
    client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(client)
    squatter.refresh_from_db()
    assert squatter.email == f"{squatter.pk}@{RELEASED_DOMAIN}"
    assert "a note" not in client.get("/memories/").content.decode()
    assert not logs_in(VICTIM)
    assert logs_in(VICTIM, "another walrus")


def test_owner_of_an_unconfirmed_account_confirms_at_log_in(client: Client) -> None:
    owner = make_person("victim")
    client.post("/accounts/login/", {"login": VICTIM, "password": PASSWORD})
    assert not is_logged_in(client)
    client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(client)
    assert addresses.find_account(VICTIM) == owner


def test_address_held_unconfirmed_by_another_account_can_be_added(
    attacker: User, attackers_browser: Client
) -> None:
    squatter = make_person("victim")
    attackers_browser.post("/accounts/email/", {"action_add": "", "email": VICTIM})
    attackers_browser.post(CODE_PAGE, {"code": get_emailed_code()})
    attackers_browser.post("/accounts/email/", {"action_primary": "", "email": VICTIM})
    attacker.refresh_from_db()
    squatter.refresh_from_db()
    assert attacker.email == VICTIM
    assert squatter.email.endswith(RELEASED_DOMAIN)


def test_confirmed_address_of_another_account_cannot_be_added(
    ada: User, attacker: User, attackers_browser: Client
) -> None:
    confirm_address(ada)
    attackers_browser.post("/accounts/email/", {"action_add": "", "email": ada.email})
    page = attackers_browser.post(CODE_PAGE, {"code": get_emailed_code()}).content.decode()
    assert "already registered" in page
    assert addresses.find_account(ada.email) == ada


def test_account_has_at_most_two_addresses(attacker: User, attackers_browser: Client) -> None:
    confirm_address(attacker, "second@example.org")
    mail.outbox.clear()
    page = attackers_browser.post("/accounts/email/", {"action_add": "", "email": VICTIM}).content.decode()
    assert "Add e-mail address" not in page
    assert mail.outbox == []


def test_sign_up_with_a_confirmed_address_tells_only_its_owner(ada: User, client: Client) -> None:
    confirm_address(ada)
    sign_up(client, ada.email)
    taken = client.get(CODE_PAGE).content.decode()
    assert mail.outbox[-1].subject == "You already have an account"
    other = Client()
    sign_up(other, "free@example.org")
    free = other.get(CODE_PAGE).content.decode()
    assert _without_tokens(taken, ada.email) == _without_tokens(free, "free@example.org")


@pytest.mark.parametrize(
    "spelling", ["ada@exa\u200bmple.org", "Ada@EXAM\u00adPLE.org", "ada@\uff45xample.org"]
)
def test_spelling_of_an_address_that_is_sent_to_the_same_mailbox_is_the_same(
    ada: User, client: Client, spelling: str
) -> None:
    confirm_address(ada)
    mail.outbox.clear()
    sign_up(client, spelling)
    assert [(sent.to, sent.subject) for sent in mail.outbox] == [([ada.email], "You already have an account")]
    client.post("/accounts/password/reset/", {"email": spelling})
    assert RESET_LINK.findall(str(mail.outbox[-1].body))


@pytest.mark.parametrize("address", ["v\u0131ctim@example.org", "victim\u017f@example.org"])
def test_address_that_no_mail_server_can_be_told_is_refused(client: Client, address: str) -> None:
    page = client.post("/accounts/signup/", {"email": address, "password1": PASSWORD})
    assert "Enter a valid e-mail address." in page.content.decode()
    assert mail.outbox == []


def test_wrong_log_in_hashes_once_whoever_holds_the_address(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        EmailAddress.objects.create(user=make_person(f"squatter{number}"), email=ada.email)
    hashed = count_hashes(monkeypatch)
    for number, email in enumerate((ada.email, "unknown@example.org")):
        Client().post("/accounts/login/", {"login": email, "password": "wrong wrong wrong"})
        assert len(hashed) == number + 1, email


def test_unconfirmed_address_of_an_account_does_not_log_in_to_it(ada: User) -> None:
    confirm_address(ada)
    EmailAddress.objects.create(user=ada, email=VICTIM)  # a row of an earlier version
    browser = Client()
    browser.post("/accounts/login/", {"login": VICTIM, "password": PASSWORD})
    assert not is_logged_in(browser)
    assert get_reset_links() == []


def test_invitation_is_used_only_by_a_confirmed_sign_up(client: Client, settings: Settings) -> None:
    settings.SIGNUP = "invite"
    secret = invitations.create_invitation()
    for browser in (Client(), client):
        browser.get(f"/accounts/invitation/{secret}/")
        sign_up(browser)
    assert invitations.find_invitation(secret) is not None
    client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert is_logged_in(client)
    assert invitations.find_invitation(secret) is None


def test_address_that_staff_changed_must_be_confirmed(ada: User, carol: User) -> None:
    confirm_address(ada)
    User.objects.filter(pk=carol.pk).update(is_superuser=True)
    admin = Client()
    admin.force_login(carol)
    admin.post(f"/admin/accounts/user/{ada.pk}/change/", {"email": VICTIM, "is_active": "on"})
    ada.refresh_from_db()
    assert ada.email == VICTIM
    assert get_reset_links("ada@example.org") == []  # the address that was taken away
    assert get_reset_links() == []  # and the one that nobody confirmed


def test_links_of_earlier_versions_confirm_nothing(client: Client) -> None:
    page = client.get("/accounts/confirm-email/Mg:1tAbc:def/")
    assert page.status_code == 404
    assert "This link is no longer valid" in page.content.decode()


def _without_tokens(html: str, email: str) -> str:
    html = html.replace(email, "")
    return re.sub(r'(csrfmiddlewaretoken" value=|nonce=)"[^"]*"', "", html)


def test_codes_to_one_address_are_limited_by_network(client: Client) -> None:
    for _ in range(11):
        sign_up(Client())
    assert len(mail.outbox) == 10
    assert Client().post("/accounts/signup/", {"email": VICTIM, "password1": PASSWORD}).status_code == 429
    sign_up_and_confirm(Client(REMOTE_ADDR="192.0.2.1"))


def test_codes_that_are_sent_again_count_for_their_address(client: Client) -> None:
    for _ in range(7):
        sign_up(Client())
    sign_up(client)
    statuses = [client.post(CODE_PAGE, {"action": "resend"}).status_code for _ in range(4)]
    assert statuses == [302, 302, 429, 429]
    assert len(mail.outbox) == 10
    other = Client(REMOTE_ADDR="192.0.2.1")
    sign_up(other)
    assert other.post(CODE_PAGE, {"action": "resend"}).status_code == 302


def test_sign_up_gets_a_session_of_the_usual_length(client: Client) -> None:
    sign_up(client)
    assert client.session.get_expiry_age() == 24 * 3_600
    client.post(CODE_PAGE, {"code": get_emailed_code()})
    assert client.session.get_expiry_age() == 14 * 24 * 3_600
