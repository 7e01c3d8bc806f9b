"""The way back to the app: a page for browsers, a redirect for other programs (tests/e2e/test_authorization.py)."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from memories import scopes
from oauth.models import Application
from tests.oauth.flows import REDIRECT, YES, App, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
ALLOWED = {**YES, "scopes": [scopes.READ]}
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture
def app() -> App:
    return make_app("Notes <b>")


def answer(browser: Client, app: App, form: dict[str, Any], accept: str | None, **changes: Any) -> Any:
    headers = {"accept": accept} if accept else {}
    return browser.post(AUTHORIZE, form, query_params=app.request(**changes), headers=headers)


def find_location(page: str) -> str:
    """Return the URL to which the page navigates. The link leads to the same one."""
    [location] = re.findall(r'<meta http-equiv="refresh" content="0;url=([^"]+)">', page)
    assert f'href="{location}"' in page
    return unescape(location)


@pytest.mark.compliance("RFC 9700", "4.12")
@pytest.mark.parametrize(("form", "parameter"), [(ALLOWED, "code"), ({"answer": "cancel"}, "error")])
def test_browser_gets_a_page_that_navigates_to_the_app(
    ada_client: Client, app: App, form: dict[str, Any], parameter: str
) -> None:
    response = answer(ada_client, app, form, CHROMIUM)
    location = urlsplit(find_location(response.content.decode()))
    assert (response.status_code, f"{location.scheme}://{location.netloc}{location.path}") == (200, REDIRECT)
    assert {parameter, "state", "iss"} <= parse_qs(location.query).keys()
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "Return to <bdi>Notes &lt;b&gt;</bdi>" in response.content.decode()
    assert "form-action 'self';" in response["Content-Security-Policy"] + ";"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json, text/plain, */*"])
def test_other_programs_get_a_redirect(ada_client: Client, app: App, accept: str | None) -> None:
    for form, parameter in ((ALLOWED, "code="), ({"answer": "cancel"}, "error=access_denied")):
        response = answer(ada_client, app, form, accept)
        assert (response.status_code, parameter in response["Location"]) == (303, True)


def test_error_is_returned_like_an_answer(app: App) -> None:
    """A redirect could be part of the submission of the log-in form, for which form-action is 'self' too."""
    response = Client().get(AUTHORIZE, app.request(code_challenge=None), headers={"accept": CHROMIUM})
    location = find_location(response.content.decode())
    assert (response.status_code, "error=invalid_request" in location) == (200, True)
    assert "The app did not get access." in response.content.decode()


@pytest.mark.parametrize("uri", ["vscode://a.b/c?d='e'", "https://notes.example/cb?x=';url=//evil.example"])
def test_redirect_uri_cannot_break_out_of_the_page(ada_client: Client, app: App, uri: str) -> None:
    Application.objects.update(redirect_uris=uri)
    state = "\"'><script>alert(1)</script>;url=https://evil.example"
    response = answer(ada_client, app, ALLOWED, CHROMIUM, redirect_uri=uri, state=state)
    location = find_location(response.content.decode())
    assert location.startswith(uri.split("?")[0])
    assert parse_qs(urlsplit(location).query)["state"] == [state]
    assert b"<script>alert" not in response.content


@pytest.mark.compliance("RFC 6749", "3.1.2")
@pytest.mark.parametrize(
    "uri",
    [
        "cursor:///callback",
        "app:////callback",
        "app://?",
        "https://notes.example?",
        "https://notes.example/cb?next=a/b:c&d&e=%20+~",
        "App://Host/callback;x",
    ],
)
@pytest.mark.parametrize(("form", "parameter"), [(ALLOWED, "code="), ({"answer": "cancel"}, "error=")])
def test_redirect_uri_is_used_as_it_was_registered(
    ada_client: Client, app: App, form: dict[str, Any], parameter: str, uri: str
) -> None:
    Application.objects.update(redirect_uris=uri)
    for accept in (None, CHROMIUM):
        response = answer(ada_client, app, form, accept, redirect_uri=uri)
        location = response.get("Location") or find_location(response.content.decode())
        separator = "" if uri.endswith("?") else "&" if "?" in uri else "?"
        assert location.startswith(uri + separator + parameter)


def test_parameters_of_the_redirect_uri_cannot_replace_those_of_the_response(
    ada_client: Client, app: App
) -> None:
    uri = "https://notes.example/cb?iss=https://evil.example&%63ode=mine&x=1&state=mine"
    Application.objects.update(redirect_uris=uri)
    location = answer(ada_client, app, ALLOWED, None, redirect_uri=uri)["Location"]
    parameters = parse_qs(urlsplit(location).query)
    assert (parameters["iss"], parameters["state"], parameters["x"]) == (
        ["http://127.0.0.1:8000"],
        ["some-state"],
        ["1"],
    )
    [code] = parameters["code"]
    assert code != "mine"
