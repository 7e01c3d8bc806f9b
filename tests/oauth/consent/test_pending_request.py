"""A stranger who comes from an app reaches its consent page, whatever they have to do before."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts import invitations
from accounts.models import User
from memories import scopes
from oauth.consent import pending_request
from oauth.models import Application
from tests.factories import PASSWORD, confirm_address, get_emailed_code
from tests.oauth.flows import YES, App, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
LOG_IN, SIGN_UP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
GRACE = "grace@example.org"


@pytest.fixture
def app() -> App:
    return make_app("Notes <b>", is_public=True, registration_source=Application.RegistrationSource.DCR)


class Stranger:
    """An anonymous user in one browser, who follows links and submits the forms that the pages contain."""

    def __init__(self, app: App) -> None:
        self.browser = Client()
        self.response: Any = None
        self.open(f"{AUTHORIZE}?{urlencode(app.request())}")

    @property
    def page(self) -> str:
        return str(self.response.content.decode())

    @property
    def url(self) -> str:
        return str(self.response.request["PATH_INFO"])

    def open(self, url: str) -> None:
        self.response = self.browser.get(url, follow=True)

    def follow_link(self, path: str, *, in_header: bool = False) -> None:
        """Follow the first or last link to this path; the header comes first."""
        links = re.findall(rf'href="({re.escape(path)}[^"]*)"', self.page)
        self.open(unescape(links[0 if in_header else -1]))

    def submit(self, **fields: str) -> None:
        """Submit the first form with these fields, and with its hidden ones."""
        form = next(
            form
            for form in re.findall(r"<form.*?</form>", self.page, re.DOTALL)
            if all(f'name="{name}"' in form for name in fields)
        )
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        action = re.search(r'action="([^"]+)"', form)
        data = {name: unescape(value) for name, value in hidden.items()} | fields
        self.response = self.browser.post(unescape(action[1]) if action else self.url, data, follow=True)

    def open_emailed_link(self) -> None:
        [path] = re.findall(r"http://127.0.0.1:8000(/accounts/\S+)", str(mail.outbox[-1].body))
        self.open(path)

    def assert_sees_consent(self) -> None:
        assert (self.response.status_code, self.url) == (200, AUTHORIZE), (self.url, self.page)
        assert "requests access to your memories" in self.page


@pytest.mark.parametrize("in_header", [True, False])
def test_sign_up_leads_to_consent(app: App, in_header: bool) -> None:
    stranger = Stranger(app)
    stranger.follow_link(SIGN_UP, in_header=in_header)
    stranger.submit(email="nobody", password1=PASSWORD)  # an error first
    stranger.follow_link(LOG_IN, in_header=in_header)
    stranger.follow_link(SIGN_UP, in_header=in_header)
    stranger.submit(email=GRACE, password1=PASSWORD)
    stranger.assert_sees_consent()
    answer = stranger.browser.post(AUTHORIZE, {**YES, "scopes": [scopes.READ]}, query_params=app.request())
    assert answer["Location"].startswith("https://notes.example/callback?code=")


def test_sign_up_with_a_confirmed_address_leads_to_consent(app: App, sends_mail: None) -> None:
    stranger = Stranger(app)
    stranger.follow_link(SIGN_UP)
    stranger.submit(email=GRACE, password1=PASSWORD)
    assert "Check your e-mail" in stranger.page
    assert "Notes" in stranger.page
    stranger.submit(code="BBBB-BBBB")  # an error first
    stranger.submit(code=get_emailed_code())
    stranger.assert_sees_consent()


def test_log_in_with_an_unconfirmed_address_leads_to_consent(ada: User, app: App, sends_mail: None) -> None:
    stranger = Stranger(app)
    stranger.submit(login=ada.email, password=PASSWORD)
    stranger.submit(code=get_emailed_code())
    stranger.assert_sees_consent()


@pytest.mark.parametrize("has_account", [True, False])
def test_reset_password_leads_to_consent(has_account: bool, ada: User, app: App, sends_mail: None) -> None:
    """Also after an attempt to sign up with an address that has an account, about which only the e-mail tells."""
    confirm_address(ada)
    stranger = Stranger(app)
    if not has_account:
        stranger.follow_link(SIGN_UP)
        stranger.submit(email=ada.email, password1=PASSWORD)
        stranger.open_emailed_link()
    else:
        stranger.follow_link(RESET)
    stranger.submit(email=ada.email)
    stranger.open_emailed_link()
    stranger.submit(password1="another walrus", password2="another walrus")
    stranger.follow_link(LOG_IN)
    stranger.submit(login=ada.email, password="another walrus")
    stranger.assert_sees_consent()


def test_invitation_that_is_opened_on_the_way_leads_to_consent(app: App, settings: Settings) -> None:
    settings.SIGNUP = "invite"
    stranger = Stranger(app)
    stranger.open(f"/accounts/invitation/{invitations.create_invitation()}/")
    stranger.submit(email=GRACE, password1=PASSWORD)
    stranger.assert_sees_consent()


def test_user_can_switch_to_another_account(ada: User, bob: User, app: App) -> None:
    stranger = Stranger(app)
    stranger.submit(login=ada.email, password=PASSWORD)
    assert ada.email in stranger.page
    form = re.findall(r'<form[^>]*id="switch-account">.*?</form>', stranger.page, re.DOTALL)[0]
    pending = unescape(re.findall(r'name="next" value="([^"]+)"', form)[0])
    stranger.response = stranger.browser.post("/accounts/logout/", {"next": pending}, follow=True)
    stranger.submit(login=bob.email, password=PASSWORD)
    stranger.assert_sees_consent()
    assert bob.email in stranger.page


def test_request_is_forgotten_once_it_was_shown(ada: User, app: App) -> None:
    stranger = Stranger(app)
    stranger.submit(login=ada.email, password=PASSWORD)
    stranger.assert_sees_consent()
    assert not stranger.browser.cookies[pending_request.COOKIE].value
    stranger.browser.post("/accounts/logout/")
    stranger.open(LOG_IN)
    stranger.submit(login=ada.email, password=PASSWORD)
    assert stranger.url == "/memories/"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/oauth/authorize/?client_id=x",
        "//evil.example/oauth/authorize/",
        "https:evil.example/oauth/authorize/",
        "/\\evil.example/oauth/authorize/",
        "javascript:alert(1)",
        "http://[/oauth/authorize/",
        "/memories/",
    ],
)
def test_only_an_apps_request_to_this_site_is_kept(ada: User, target: str) -> None:
    browser = Client()
    page = browser.get(LOG_IN, {"next": target})
    assert (page.status_code, pending_request.COOKIE in browser.cookies) == (200, False)
    assert f'href="{SIGN_UP}"' in page.content.decode()
    answer = browser.post(LOG_IN, {"login": ada.email, "password": PASSWORD, "next": target})
    assert answer["Location"] == "/memories/"


def test_cookie_of_another_site_is_not_followed(ada: User) -> None:
    browser = Client()
    browser.cookies[pending_request.COOKIE] = "https://evil.example/"
    assert browser.get(LOG_IN).status_code == 200


@pytest.mark.parametrize("path", [LOG_IN, "/"])
def test_malformed_parameters_are_reported(path: str) -> None:
    pairs = "&".join(["a="] * 1_500)  # more than Django reads
    assert Client().get(f"{path}?{pairs}").status_code == 400
    form = "application/x-www-form-urlencoded; charset=latin-1"
    assert Client().post(LOG_IN, b"a=1", content_type=form).status_code == 400


def test_unreadable_request_does_not_stay_on_the_log_in_page() -> None:
    browser = Client()
    page = browser.get(LOG_IN, {"next": f"{AUTHORIZE}?{'&'.join(['a'] * 1_500)}"})
    assert (page.status_code, pending_request.COOKIE in browser.cookies) == (200, False)


def test_kept_request_is_ascii_as_a_cookie_must_be() -> None:
    browser = Client()
    browser.get(LOG_IN, {"next": f"{AUTHORIZE}?state=€"})
    assert browser.cookies[pending_request.COOKIE].value.isascii()
    assert "state%3D%25E2%2582%25AC" in browser.get(LOG_IN)["Location"]


def test_only_pages_on_the_way_to_an_app_keep_their_opener(app: App) -> None:
    """Otherwise any site that opens the log-in page could tell whether the user is logged in."""
    header = "Cross-Origin-Opener-Policy"
    assert Stranger(app).response[header] == "unsafe-none"
    assert Client().get(LOG_IN)[header] == "same-origin"


def test_log_in_page_says_which_app_asks(app: App) -> None:
    page = Stranger(app).page
    assert "An app that calls itself “<bdi>Notes &lt;b&gt;</bdi>” requests access to your memories." in page
    assert "Its name is not verified." in page
    assert "Log in or sign up to continue." in page


def test_verified_app_is_named_without_caution() -> None:
    page = Stranger(make_app("Notes")).page
    assert "<strong><bdi>Notes</bdi></strong> requests access to your memories." in page
    assert "not verified" not in page


def test_log_in_page_without_a_request_names_no_app() -> None:
    assert "requests access" not in Client().get(LOG_IN).content.decode()
    unknown = Client().get(LOG_IN, {"next": f"{AUTHORIZE}?client_id=nobody%00"})
    assert (unknown.status_code, b"requests access" in unknown.content) == (200, False)


def test_app_with_a_metadata_document_is_named_by_its_host(settings: Settings) -> None:
    """Nothing is fetched for an anonymous user, so the name is not known yet."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": True}
    app = App(Application(client_id="https://robot.example/client.json"))
    assert "An app described by <strong>robot.example</strong> requests access" in Stranger(app).page
