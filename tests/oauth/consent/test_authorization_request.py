"""Authorization requests as real apps send them: what is ignored, what gets a default, and what a refusal says."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from memories import scopes
from oauth.models import Application
from tests.oauth.flows import YES, App, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
BOTH = [scopes.READ, scopes.WRITE]


@pytest.fixture
def app() -> App:
    """Return an app that registered itself, as most AI apps do."""
    return make_app(is_public=True, registration_source=Application.RegistrationSource.DCR)


def list_requested_scopes(browser: Client, app: App, **changes: Any) -> list[str]:
    """Return the permissions that the consent page preselects."""
    page = browser.get(AUTHORIZE, app.request(**changes))
    assert page.status_code == 200, page.content.decode()
    return list(page.context["form"]["scopes"].value())


@pytest.mark.compliance("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "name", ["scope", "resource", "state", "response_mode", "prompt", "nonce", "redirect_uri"]
)
def test_parameter_without_a_value_counts_as_omitted(
    ada: User, ada_client: Client, app: App, name: str
) -> None:
    assert list_requested_scopes(ada_client, app, **{name: ""}) == BOTH
    if name != "redirect_uri":
        assert app.connect(ada, **({name: ""} if name != "scope" else {}))["scope"] == " ".join(BOTH)


@pytest.mark.compliance("RFC 6749", "3.3")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (None, BOTH),
        ("", BOTH),
        ("   ", BOTH),
        ("openid profile offline_access", BOTH),
        ("memories:read,memories:write", BOTH),
        (f"{scopes.READ} offline_access", [scopes.READ]),
        (f"openid  {scopes.WRITE}   {scopes.READ} ", [scopes.WRITE, scopes.READ]),
        (f"{scopes.READ}\t{scopes.READ}", [scopes.READ]),
        (f"{scopes.READ} {scopes.ADMIN} {scopes.PERSONA}", [scopes.READ]),
    ],
)
def test_scopes_that_the_app_cannot_have_are_ignored(
    ada_client: Client, app: App, scope: str | None, expected: list[str]
) -> None:
    assert list_requested_scopes(ada_client, app, scope=scope) == expected


def test_token_response_says_which_scopes_were_granted(ada: User, app: App) -> None:
    code = app.code(ada, scope=f"{scopes.READ} {scopes.READ}")
    assert app.redeem(code).json()["scope"] == scopes.READ


@pytest.mark.parametrize("scope", ["", "  ", "offline_access", f"{scopes.READ}  openid", scopes.READ])
def test_refresh_ignores_unknown_scopes(ada: User, app: App, scope: str) -> None:
    tokens = app.connect(ada, scope=scopes.READ)
    refreshed = app.refresh(tokens["refresh_token"], scope=scope)
    assert (refreshed.status_code, refreshed.json().get("scope")) == (200, scopes.READ)


@pytest.mark.compliance("RFC 6749", "3.1")
def test_unknown_parameters_are_ignored(ada_client: Client, app: App) -> None:
    """Among them the names of oauthlib's own attributes."""
    unknown = {
        "prompt": "login", "nonce": "n", "audience": "https://api.example", "access_type": "offline",
        "login_hint": "bob@example.org", "response_mode": "query", "ui_locales": "de", "request": "e30.e30.",
        "request_uri": "urn:example:1", "claims": "{not json", "max_age": "0", "dpop_jkt": "x", "display": "popup",
        "client": "web", "user": "bob", "scopes": scopes.ADMIN, "token": "t", "grant_type": "password",
        "code": "c", "client_secret": "s", "extra_credentials": "{}", "code_verifier": "v", "ünicode": "✓ {}\"|",
    }  # fmt: skip
    assert list_requested_scopes(ada_client, app, **unknown) == BOTH
    form = {**YES, "scopes": BOTH}
    answer = ada_client.post(AUTHORIZE, form, query_params={**app.request(), **unknown})
    code = parse_qs(urlsplit(answer["Location"]).query)["code"][0]
    assert app.redeem(code).json()["scope"] == " ".join(BOTH)


@pytest.mark.parametrize(
    ("change", "reason", "advice"),
    [
        ({"code_challenge": None}, "Code challenge required.", "Send code_challenge_method=S256"),
        ({"code_challenge_method": ""}, "Transform algorithm not supported.", "plain is not supported"),
        ({"code_challenge": "short"}, "code_challenge must be an S256 challenge.", "43 characters"),
        ({"response_type": "token"}, "response_type must be code.", "Send response_type=code"),
        ({"response_type": ""}, "Missing response_type parameter.", "A parameter is missing"),
        ({"response_mode": "fragment"}, "response_mode must be query.", "The only response_mode is query"),
        ({"scope": scopes.ADMIN}, "cannot request any of the scopes", "Every app can request memories:read"),
        (
            {"redirect_uri": "https://notes.example/other"},
            "Mismatching redirect URI.",
            "Register the exact URL",
        ),
        (
            {"redirect_uri": "https://notes.example/callback/"},
            "Mismatching redirect URI.",
            "must match exactly",
        ),
        ({"state": ["1", "2"]}, "Duplicate parameter: &#x27;state&#x27;.", "duplicated"),
        ({"resource": "https://elsewhere.example"}, "invalid_target", "Omit resource"),
    ],
)
def test_refusal_says_what_is_wrong_and_what_to_do(
    ada_client: Client, app: App, change: dict[str, Any], reason: str, advice: str
) -> None:
    response = ada_client.get(AUTHORIZE, app.request(**change))
    page = response.content.decode()
    assert response.status_code == 400
    assert "This app sent an invalid request" in page
    assert (reason in page, advice in page) == (True, True), page


@pytest.mark.parametrize("client_id", ["of-another-server", "", "https://unreachable.invalid/client.json"])
def test_unknown_app_must_be_added_again(ada_client: Client, app: App, client_id: str) -> None:
    """It may have been purged, or registered at another server."""
    page = ada_client.get(AUTHORIZE, app.request(client_id=client_id))
    text = page.content.decode()
    assert page.status_code == 400
    if client_id:
        assert "This app is not known here" in text
        assert "remove Picard from it, then add Picard again" in text
    else:
        assert "Missing client_id parameter." in text


def test_unusable_metadata_document_is_explained(ada_client: Client, app: App, settings: Settings) -> None:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": True}
    page = ada_client.get(AUTHORIZE, app.request(client_id="https://127.0.0.1/client.json"))
    text = page.content.decode()
    assert (page.status_code, "This app cannot be identified" in text) == (400, True)
    assert "127.0.0.1" in text  # the reason
    assert "report it to the app's developer" in text
