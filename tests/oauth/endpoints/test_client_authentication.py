"""Clients authenticate as RFC 6749 says, in any spelling that it allows; every error says what was wrong."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from oauth.models import Application
from tests.oauth.flows import App, make_app

pytestmark = pytest.mark.django_db

ENDPOINTS = ["/oauth/token/", "/oauth/revoke/", "/oauth/introspect/"]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def public() -> App:
    return make_app("Public", is_public=True)


def basic(client_id: str, secret: str = "", scheme: str = "Basic", separator: str = ":") -> str:
    return f"{scheme} {base64.b64encode(f'{client_id}{separator}{secret}'.encode()).decode()}"


def post(path: str, form: dict[str, str], authorization: str = "", content_type: str = FORM) -> Any:
    headers = {"authorization": authorization} if authorization else {}
    return Client().post(path, urlencode(form), content_type=content_type, headers=headers)


def refresh(
    app: App, ada: User, form: dict[str, str], authorization: str = "", content_type: str = FORM
) -> Any:
    """Refresh with a valid token and these credentials."""
    token = app.connect(ada)["refresh_token"]
    return post(
        "/oauth/token/",
        {"grant_type": "refresh_token", "refresh_token": token, **form},
        authorization,
        content_type,
    )


@pytest.mark.compliance("RFC 6749", "2.3.1")
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic "])
@pytest.mark.parametrize("in_body", [False, True])
def test_basic_credentials_in_any_case_beside_the_client_id(
    scheme: str, in_body: bool, ada: User, app: App
) -> None:
    client_id = app.application.client_id
    form = {"client_id": client_id} if in_body else {}
    assert refresh(app, ada, form, basic(client_id, app.secret, scheme)).status_code == 200


@pytest.mark.compliance("RFC 6749", "2.1")
@pytest.mark.parametrize(
    ("in_header", "form"),
    [
        (False, {}), (False, {"client_secret": ""}), (False, {"client_secret": "made up"}), (True, {}),
        (True, {"client_secret": ""}),
    ],
)  # fmt: skip
def test_secret_of_a_public_client_is_ignored(
    in_header: bool, form: dict[str, str], ada: User, public: App
) -> None:
    """Some libraries always send one. A public client has none, and PKCE protects its codes."""
    client_id = public.application.client_id
    for secret in ("", "made up"):
        authorization = basic(client_id, secret) if in_header else ""
        sent = form if in_header else {"client_id": client_id, **form}
        assert refresh(public, ada, sent, authorization).status_code == 200


def test_public_client_still_needs_its_verifier(ada: User, public: App) -> None:
    response = public.redeem(public.code(ada), client_secret="made up", code_verifier="x" * 43)
    assert response.json()["error"] == "invalid_grant"


def test_client_id_that_is_a_url_needs_no_encoding_in_basic(ada: User, public: App) -> None:
    url = "https://app.example/client.json"
    Application.objects.filter(pk=public.application.pk).update(client_id=url)
    public.application.refresh_from_db()
    for client_id in (url, "https%3A%2F%2Fapp.example%2Fclient.json"):
        assert refresh(public, ada, {}, basic(client_id)).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "is_good"),
    [
        (FORM, True), (FORM.upper(), True), (f"{FORM.upper()}; charset=UTF-8", True), (f"{FORM};charset=utf-8", True),
        ("application/json", False), ("APPLICATION/JSON", False), ("text/plain;charset=UTF-8", False), ("", False),
        (f"{FORM}; charset=iso-8859-1", False), ("<script>", False),
    ],
)  # fmt: skip
@pytest.mark.compliance("RFC 6749", "4.1.3")
def test_parameters_are_a_form(content_type: str, is_good: bool, ada: User, public: App) -> None:
    response = refresh(public, ada, {"client_id": public.application.client_id}, content_type=content_type)
    assert response.status_code == (200 if is_good else 400)
    if not is_good:
        assert response.json()["error"] == "invalid_request"
        assert "form" in response.json()["error_description"]
        assert "script" not in response.json()["error_description"]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_json_body_is_told_the_content_type(path: str) -> None:
    response = Client().post(
        path, json.dumps({"token": "x", "grant_type": "x"}), content_type="application/json"
    )
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "invalid_request",
            "error_description": f"Send the parameters as {FORM}, not as application/json.",
        },
    )
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("&".join(f"a{number}=1" for number in range(2_000)), FORM), ("a=" + "x" * 1_100_000, FORM),
        ("x", "multipart/form-data"),
    ],
)  # fmt: skip
def test_unreadable_form_is_an_error_in_json(path: str, body: str, content_type: str) -> None:
    response = Client().post(path, body, content_type=content_type)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.compliance("RFC 6749", "3.2")
@pytest.mark.parametrize("name", ["scope", "client_secret", "resource", "state", "username", "redirect_uri"])
def test_parameter_without_value_counts_as_omitted(name: str, ada: User, public: App) -> None:
    assert refresh(public, ada, {"client_id": public.application.client_id, name: ""}).status_code == 200


@pytest.mark.compliance("RFC 6749", "5.2")
@pytest.mark.parametrize("path", ENDPOINTS)
def test_each_failed_authentication_says_why(path: str, app: App, public: App) -> None:
    client_id, other = app.application.client_id, public.application.client_id
    cases: list[tuple[dict[str, str], str, str]] = [
        ({}, "", "client_id is missing"),
        ({"client_id": ""}, "", "client_id is missing"),
        ({}, "Basic !", "client_id is missing or malformed"),
        ({"client_id": "nobody"}, "", "unknown here, or was deleted. Register it again"),
        ({}, basic("nobody", "x"), "unknown here, or was deleted. Register it again"),
        ({"client_id": client_id}, "", "secret is missing"),
        ({"client_id": client_id, "client_secret": ""}, "", "secret is missing"),
        ({}, basic(client_id), "secret is missing"),
        ({}, basic(client_id, separator=""), "secret is missing"),
        ({"client_id": client_id, "client_secret": "x"}, "", "secret is wrong"),
        ({}, basic(client_id, "x"), "secret is wrong"),
        ({"client_id": client_id, "client_secret": app.secret}, basic(client_id, "x"), "secret is wrong"),
        ({"client_id": other}, basic(client_id, app.secret), "differs"),
        ({"client_id": client_id}, basic(other), "differs"),
    ]
    for form, authorization, description in cases:
        response = post(
            path, {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"} | form, authorization
        )
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client"), (
            form,
            authorization,
        )
        assert description in response.json()["error_description"]
        assert response["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("grant_type", [None, "", "password", "client_credentials"])
def test_each_invalid_request_says_why(grant_type: str | None, public: App) -> None:
    form = {"client_id": public.application.client_id} | (
        {} if grant_type is None else {"grant_type": grant_type}
    )
    body = post("/oauth/token/", form).json()
    assert body["error"] == "unsupported_grant_type"
    assert "authorization_code" in body["error_description"]
    for known in ("authorization_code", "refresh_token"):
        body = post("/oauth/token/", form | {"grant_type": known}).json()
        assert (body["error"], "Missing" in body["error_description"]) == ("invalid_request", True)
