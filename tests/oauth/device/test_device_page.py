"""The page for the code of a device: whoever it asks, what it shows, and that no code can be guessed there."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions.revocation import end_sessions
from memories import scopes
from oauth import rate_limits
from oauth.access import grants
from oauth.consent import choices
from oauth.consent.pending_request import COOKIE
from oauth.models import AppGrant, DeviceAuthorization
from tests.factories import make_person, remember
from tests.oauth.device.devices import PAGE, Device, answer, log_in, make_device, register_device
from tests.oauth.flows import exhaust

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    device = make_device()
    device.start()
    return device


def open_page(user: User, user_code: str, **options: Any) -> Any:
    return log_in(user).get(PAGE, {"user_code": user_code}, **options)


# --- Getting there --------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "3.3")
def test_user_logs_in_first_and_goes_on(ada: User, device: Device) -> None:
    browser, code = Client(), device.codes["user_code"]
    path = f"{PAGE}?user_code={code}"
    response = browser.get(path)
    assert response["Location"] == f"/accounts/login/?next={quote(path)}"
    assert COOKIE in browser.get(response["Location"]).cookies
    browser.force_login(ada)
    assert code in browser.get(path).content.decode()
    assert not browser.cookies[COOKIE].value


def test_log_in_page_tells_strangers_nothing_of_the_code(device: Device) -> None:
    """Else they could try codes without an account."""
    pages = [
        Client().get("/accounts/login/", {"next": f"{PAGE}?user_code={code}"}).content.decode()
        for code in (device.codes["user_code"], "BBBB-BBBB")
    ]
    assert all("You opened the page to connect a device." in page for page in pages)
    assert all("Terminal" not in page for page in pages)


@pytest.mark.compliance("RFC 8628", "6.1")
@pytest.mark.parametrize(
    "form", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code.replace('-', '')}."]
)
def test_code_is_taken_as_people_type_it(ada: User, device: Device, form: Any) -> None:
    assert open_page(ada, form(device.codes["user_code"])).status_code == 200


def test_page_without_a_code_asks_for_it(ada: User) -> None:
    page = log_in(ada).get(PAGE)
    assert (page.status_code, page["Cache-Control"].split(", ")[-1]) == (200, "private")
    assert 'name="user_code"' in page.content.decode()


@pytest.mark.parametrize("code", ["BBBB-BBBB", "x", "\0", "%00", "é" * 500, "AEIOU"])
def test_unknown_code_is_said_to_be_unknown(ada: User, code: str) -> None:
    response = open_page(ada, code)
    assert response.status_code == 422
    assert "No device waits for this code" in response.content.decode()


def test_code_works_once(ada: User, device: Device) -> None:
    code = device.codes["user_code"]
    assert answer(ada, code).status_code == 302
    assert open_page(ada, code).status_code == 422
    assert answer(make_person("bob"), code).status_code == 422
    assert DeviceAuthorization.objects.get().user == ada


# --- What it shows --------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "3.3.1")
def test_user_compares_the_code_that_a_link_contains(ada: User, device: Device) -> None:
    page = open_page(ada, device.codes["user_code"]).content.decode()
    assert "Your device must show this code" in page
    assert f">{device.codes['user_code']}<" in page


@pytest.mark.compliance("RFC 8628", "5.4")
@pytest.mark.parametrize(
    ("network", "words"), [("127.0.0.1", "in your network"), ("192.0.2.7", "another network than yours")]
)
def test_user_sees_what_asks_since_when_and_from_where(
    ada: User, device: Device, network: str, words: str
) -> None:
    DeviceAuthorization.objects.update(
        requested_from=network, created_at=timezone.now() - timedelta(minutes=3)
    )
    page = " ".join(open_page(ada, device.codes["user_code"]).content.decode().split())
    assert "<bdi>Terminal</bdi> requests access" in page
    assert words in page
    assert network in page
    assert "requested access 3 minutes ago" in page
    assert "If somebody sent you this code" in page


@pytest.mark.compliance("RFC 8628", "5.6")
def test_name_of_a_self_registered_device_is_not_verified(ada: User) -> None:
    device = register_device(client_name="Picard Official")
    device.start()
    assert "Its name is not verified" in open_page(ada, device.codes["user_code"]).content.decode()


def test_page_cannot_be_framed_or_posted_by_another_site(ada: User, device: Device) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    query = {"user_code": device.codes["user_code"]}
    assert browser.get(PAGE, query)["X-Frame-Options"] == "DENY"
    assert browser.post(PAGE, {"answer": "allow"}, query_params=query).status_code == 403
    assert not AppGrant.objects.exists()


# --- The answer -----------------------------------------------------------------------------------------------------


def test_user_can_limit_a_device_as_any_app(ada: User, device: Device) -> None:
    tag = remember(ada, "Ada repairs clocks.", tags=["work"]).tags.get()
    response = answer(
        ada,
        device.codes["user_code"],
        scopes=[scopes.READ],
        reach="tagged",
        tags=[str(tag.pk)],
        ends="week",
        asks_first="on",
    )
    grant = AppGrant.objects.get(user=ada)
    assert response["Location"] == f"/accounts/apps/{grant.pk}/"
    assert (grant.scopes, grant.only_tags, grant.asks_first) == ([scopes.READ], [tag.pk], True)
    assert grant.ends_at is not None
    assert device.poll().json()["scope"] == scopes.READ


def test_invalid_choice_leaves_the_device_waiting(ada: User, device: Device) -> None:
    assert answer(ada, device.codes["user_code"], scopes=[]).status_code == 422
    assert answer(ada, device.codes["user_code"], reach="tagged").status_code == 422
    assert device.poll().json()["error"] == "authorization_pending"
    assert answer(ada, device.codes["user_code"]).status_code == 302


def test_too_many_apps_leave_the_device_waiting(
    ada: User, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MAX_APPS", 0)
    assert answer(ada, device.codes["user_code"]).status_code == 422
    assert device.poll().json()["error"] == "authorization_pending"


def test_connection_is_recorded_and_told_by_e_mail_each_time(ada: User, device: Device) -> None:
    """Also for an app that is connected already: the other device may be somebody else's."""
    for _ in range(2):
        device.start()
        answer(ada, device.codes["user_code"])
    history = log_in(ada).get("/accounts/apps/activity/").content.decode()
    assert history.count("<bdi>Terminal</bdi>: connected") == 2
    assert len(mail.outbox) == 2
    assert all("It requested access from 127.0.0.1." in str(message.body) for message in mail.outbox)


def test_new_password_ends_an_open_page(ada: User, device: Device) -> None:
    browser = log_in(ada)
    ada.set_password("another engine")
    ada.save()
    answer(ada, device.codes["user_code"], browser)
    assert not AppGrant.objects.exists()
    assert device.poll().json()["error"] == "authorization_pending"


def test_sessions_that_end_meanwhile_leave_the_device_waiting(
    ada: User, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_during_request(*_: object) -> list[tuple[str, str]]:
        end_sessions(ada)
        return []

    monkeypatch.setattr(choices, "list_tag_choices", end_during_request)
    response = answer(ada, device.codes["user_code"])
    assert response["Location"].startswith("/accounts/login/?next=/device/")
    assert not AppGrant.objects.exists()
    assert device.poll().json()["error"] == "authorization_pending"


# --- Guessing -------------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "5.1")
def test_wrong_codes_are_limited_for_a_user_and_right_ones_are_not(ada: User, device: Device) -> None:
    right = device.codes["user_code"]
    assert {open_page(ada, right).status_code for _ in range(11)} == {200}
    statuses = [open_page(ada, f"BBBB-BBB{letter}").status_code for letter in "BCDFGHJKLMN"]
    assert statuses == [422] * 10 + [429]
    response = open_page(ada, right)  # else an attacker could go on until one is right
    assert (response.status_code, "Retry-After" in response) == (429, True)
    assert open_page(make_person("bob"), right).status_code == 200


@pytest.mark.compliance("RFC 8628", "5.1")
def test_wrong_codes_are_limited_for_a_network_of_many_accounts(ada: User) -> None:
    exhaust(rate_limits.WRONG_USER_CODES_OF_NETWORK)
    assert open_page(ada, "BBBB-BBBB").status_code == 429


def test_devices_of_a_network_are_limited(device: Device) -> None:
    exhaust(rate_limits.DEVICE_REQUESTS)
    response = device.start()
    assert (response.status_code, response.json()["error"]) == (429, "temporarily_unavailable")


def test_many_devices_of_a_network_can_poll(device: Device) -> None:
    """A known code counts for itself; unknown ones count for the network."""
    exhaust(rate_limits.TOKEN)
    assert device.poll().json()["error"] == "authorization_pending"
    assert device.poll(device_code="unknown").status_code == 429
