"""Unusual but harmless requests are answered as their RFC says, and others get a reason: never a 5xx, never silence.

tests/memories/mcp/test_variants.py does the same for tools and JSON-RPC.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from memories import scopes
from oauth.models import Application
from tests.oauth.flows import API, MCP, REDIRECT, YES, App, make_app

pytestmark = pytest.mark.django_db
REGISTER, AUTHORIZE, TOKEN = "/oauth/register/", "/oauth/authorize/", "/oauth/token/"
GOOD = {"client_name": "Robot", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
BOTH = f"{scopes.READ} {scopes.WRITE}"
FORM = "application/x-www-form-urlencoded"


# --- Registration (RFC 7591 2: unknown values may be replaced; 3.2.1: the response says what holds) ---------


@pytest.mark.compliance("RFC 7591", "3.2.1")
@pytest.mark.parametrize(
    ("change", "registered"),
    [
        ({"grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]}, {}),
        ({"grant_types": None}, {}),
        ({"grant_types": []}, {}),
        ({"response_types": ["code", "id_token"]}, {"response_types": ["code"]}),
        ({"response_types": None}, {"response_types": ["code"]}),
        ({"token_endpoint_auth_method": "private_key_jwt"}, {"token_endpoint_auth_method": "none"}),
        ({"token_endpoint_auth_method": "tls_client_auth"}, {"token_endpoint_auth_method": "none"}),
        ({"scope": "memories:read offline_access openid"}, {}),
        ({"scope": ""}, {"scope": BOTH}),
        ({"scope": None}, {"scope": BOTH}),
        ({"client_name": "Robot 👩‍💻"}, {}),
        ({"client_name": "R" * 500}, {}),
        ({"client_name": None}, {}),
        ({"client_name": ""}, {}),
        ({"client_uri": None, "logo_uri": "", "contacts": [], "jwks": {}, "software_id": 7}, {}),
        ({"x_unknown": {"a": [1]}, "default_max_age": "soon"}, {}),
        ({"redirect_uris": [REDIRECT, "http://evil.example/cb"]}, {"redirect_uris": [REDIRECT]}),
        ({"redirect_uris": [REDIRECT, REDIRECT]}, {"redirect_uris": [REDIRECT]}),
        ({"application_type": "native", "redirect_uris": ["http://127.0.0.1:1455/auth/callback"]}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_generous_registration_is_accepted_and_usable(
    ada: User, change: dict[str, Any], registered: Mapping[str, Any]
) -> None:
    response = post_json({**GOOD, **change})
    body = response.json()
    assert response.status_code == 201, body
    assert {name: body[name] for name in registered} == registered
    assert set(body["grant_types"]) <= {"authorization_code", "refresh_token"}
    assert "authorization_code" in body["grant_types"]
    app = App(Application.objects.get(client_id=body["client_id"]), body.get("client_secret", ""))
    [uri] = body["redirect_uris"]
    assert app.redeem(app.code(ada, redirect_uri=uri), redirect_uri=uri).json()["scope"] == BOTH


@pytest.mark.compliance("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({**GOOD, "redirect_uris": None}, "invalid_redirect_uri"),
        ({**GOOD, "redirect_uris": ["javascript:alert(1)", "data:text/html,x"]}, "invalid_redirect_uri"),
        ({**GOOD, "redirect_uris": ["http://notes.example/callback"]}, "invalid_redirect_uri"),
        ({**GOOD, "redirect_uris": [7, None, {}]}, "invalid_redirect_uri"),
        ({**GOOD, "grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ([GOOD], "invalid_client_metadata"),
        (None, "invalid_client_metadata"),
    ],
    ids=str,
)
def test_impossible_registration_is_refused_with_a_reason(body: object, error: str) -> None:
    response = post_json(body)
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert len(response.json()["error_description"]) > 20
    assert not Application.objects.exists()


# --- Authorization (RFC 6749 3.1: empty parameters are omitted, unknown ones ignored) -----------------------


@pytest.mark.compliance("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "change",
    [
        {"scope": ""},
        {"scope": None},
        {"scope": "memories:read  memories:write"},
        {"scope": " memories:read memories:write "},
        {"scope": "openid offline_access memories:read memories:write"},
        {"scope": "openid profile email"},
        {"resource": ""},
        {"resource": None},
        {"resource": "ORIGIN"},
        {"resource": "ORIGIN/"},
        {"resource": "ORIGIN/mcp/"},
        {"state": ""},
        {"state": None},
        {"prompt": "consent", "nonce": "n", "access_type": "offline", "audience": "x", "login_hint": "a@b.example"},
        {"response_mode": "query"},
        {"utm_source": "", "unknown": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_generous_authorization_request_leads_to_a_token(ada: User, change: dict[str, Any]) -> None:
    app = make_app(is_public=True)
    change = {
        name: value.replace("ORIGIN", settings.PUBLIC_URL) if isinstance(value, str) else value
        for name, value in change.items()
    }
    token = app.redeem(allow_all(ada, app.request(**change))).json()
    assert token["scope"] == BOTH
    asked = (app.request(**change).get("resource") or settings.PUBLIC_URL).removesuffix("/")
    doors = [API, MCP] if asked == settings.PUBLIC_URL else [asked.removeprefix(settings.PUBLIC_URL)]
    assert [door for door in (API, MCP) if can_use(token["access_token"], door)] == doors


@pytest.mark.compliance("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"client_id": "gone"}, "not known"),
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"redirect_uri": "https://notes.example/other"}, "redirect"),
        ({"redirect_uri": REDIRECT + "/"}, "redirect"),
        ({"response_type": "token"}, "response_type"),
        ({"response_type": None}, "response_type"),
        ({"code_challenge": None}, "code_challenge"),
        ({"code_challenge": ""}, "code_challenge"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"resource": "https://elsewhere.example/mcp"}, "resource"),
        ({"scope": ["memories:read", "memories:write"]}, "scope"),
    ],
    ids=str,
)
def test_impossible_authorization_request_says_why(
    ada_client: Client, change: dict[str, Any], reason: str
) -> None:
    app = make_app(is_public=True, user=None)
    Application.objects.update(registration_source=Application.RegistrationSource.DCR)
    response = ada_client.get(f"{AUTHORIZE}?{urlencode(app.request(**change), doseq=True)}")
    assert response.status_code == 400
    assert reason.lower() in response.content.decode().lower()


# --- Token endpoint (RFC 6749 3.2 and 5.2) ------------------------------------------------------------------


@pytest.mark.compliance("RFC 6749", "3.2")
@pytest.mark.parametrize(
    "extra",
    [
        {"scope": ""},
        {"resource": ""},
        {"scope": BOTH, "audience": "x", "unknown": ""},
        {"client_secret": ""},
        {"client_assertion": "e30.e30.", "client_assertion_type": "urn:x"},
        {"state": "s", "nonce": "n"},
    ],
    ids=str,
)
def test_generous_code_exchange_and_refresh_succeed(ada: User, extra: dict[str, str]) -> None:
    app = make_app(is_public=True)
    first = app.redeem(app.code(ada), **extra)
    assert first.status_code == 200, first.content
    second = app.refresh(first.json()["refresh_token"], **extra)
    assert (second.status_code, second.json()["scope"]) == (200, BOTH)


@pytest.mark.compliance("RFC 7235", "2.1")
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_authentication_scheme_has_any_case(ada: User, scheme: str) -> None:
    app = make_app()
    code = app.code(ada)
    credentials = base64.b64encode(f"{app.application.client_id}:{app.secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    response = app.http.post(
        TOKEN,
        urlencode({**form, "code_verifier": app.verifier}),
        content_type=f"{FORM}; charset=UTF-8",
        headers={"authorization": f"{scheme} {credentials}"},
    )
    assert response.status_code == 200, response.content


@pytest.mark.compliance("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"redirect_uri": "https://notes.example/other"}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "a" * 43}, "invalid_grant"),
        ({"client_id": "gone"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
    ],
    ids=str,
)
def test_impossible_code_exchange_says_why(ada: User, change: dict[str, Any], error: str) -> None:
    app = make_app(is_public=True)
    response = app.redeem(app.code(ada), **change)
    body = response.json()
    assert 400 <= response.status_code < 500
    assert body["error"] == error
    assert len(body["error_description"]) > 10


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps({"grant_type": "refresh_token"}), "application/json"),
        ("grant_type=refresh_token", "text/plain"),
        ("", FORM),
        ("grant_type=refresh_token&grant_type=refresh_token", FORM),
        ("grant_type=refresh_token&refresh_token=%00", FORM),
        ("%ff=%fe&&&=", FORM),
    ],
)
def test_token_request_with_an_odd_body_says_why(body: str, content_type: str) -> None:
    response = Client().post(TOKEN, body, content_type=content_type)
    assert response.status_code in (400, 401)
    assert len(response.json()["error_description"]) > 10


def allow_all(user: User, parameters: dict[str, Any]) -> str:
    """Return a code, after the user allowed reading and writing at the consent page."""
    browser = Client()
    browser.force_login(user)
    page = browser.get(AUTHORIZE, parameters)
    assert page.status_code == 200, page.content
    form = {**YES, "scopes": BOTH.split()}
    response = browser.post(AUTHORIZE, form, query_params=parameters)
    return parse_qs(urlsplit(response["Location"]).query)["code"][0]


def post_json(body: object) -> Any:
    return Client().post(REGISTER, json.dumps(body), content_type="application/json")


def can_use(token: str, door: str) -> bool:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    client = Client(headers=headers)
    if door == API:
        return client.get("/api/v1/memories/").status_code == 200
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    return client.post("/mcp", json.dumps(ping), content_type="application/json").status_code == 200
