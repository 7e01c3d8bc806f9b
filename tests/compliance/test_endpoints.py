"""Token, revocation, introspection and metadata endpoints, paragraph by paragraph."""

import io
import json
import logging
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant
from oauth.tokens.families import AuthorizationCode
from picard.config.log_config import JsonFormatter
from tests.oauth.flows import App, access_token, allow, make_app

pytestmark = pytest.mark.django_db
ISSUER = "http://127.0.0.1:8000"
POSTED = ["/oauth/token/", "/oauth/revoke/", "/oauth/introspect/"]


@pytest.fixture
def app() -> App:
    return make_app()


def introspect(app: App, token: str, **changes: str) -> Any:
    form = {"client_id": app.application.client_id, "client_secret": app.secret, "token": token} | changes
    return Client().post("/oauth/introspect/", form)


@pytest.mark.compliance("RFC 9700", "4.3.2")
@pytest.mark.parametrize("path", POSTED)
def test_nothing_secret_may_stand_in_an_address(ada: User, app: App, path: str) -> None:
    answer = Client().post(
        f"{path}?token=x", {"client_id": app.application.client_id, "client_secret": app.secret}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.compliance("RFC 9700", "4.3.2")
@pytest.mark.compliance("RFC 6750", "2.3")
@pytest.mark.parametrize("path", ["/api/v1/memories/", "/api/v1/whoami/"])
def test_a_token_counts_in_its_header_alone(ada: User, app: App, path: str) -> None:
    token = access_token(ada, app)
    assert Client().get(path, {"access_token": token}).status_code == 401
    assert Client().get(path, headers={"cookie": f"access_token={token}"}).status_code == 401
    assert Client().post(path, {"access_token": token}).status_code == 401
    assert Client().get(path, headers={"authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.compliance("RFC 6749", "3.2")
@pytest.mark.parametrize("path", POSTED)
def test_the_endpoints_are_posted_to(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.compliance("RFC 6749", "3.2")
def test_no_token_parameter_stands_twice(ada: User, app: App) -> None:
    code = app.code(ada)
    assert app.redeem(code, code=[code, code]).json()["error"] == "invalid_request"
    assert AuthorizationCode.objects.exists()


@pytest.mark.compliance("RFC 6749", "5.1")
@pytest.mark.parametrize("path", [*POSTED, "/oauth/register/"])
def test_no_answer_is_kept_in_a_cache(path: str) -> None:
    assert Client().post(path)["Cache-Control"] == "no-store"


@pytest.mark.compliance("RFC 9700", "2.6")
@pytest.mark.parametrize(
    ("path", "is_open"), [("/oauth/token/", True), ("/oauth/register/", True), ("/oauth/introspect/", False)]
)
def test_browser_apps_may_ask_where_they_must(path: str, is_open: bool) -> None:
    answer = Client().options(
        path, headers={"origin": "https://a.example", "access-control-request-method": "POST"}
    )
    assert (answer.get("Access-Control-Allow-Origin") == "*") == is_open
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.compliance("RFC 9700", "2.4")
@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "implicit", "device_code"])
def test_there_is_no_grant_but_code_and_refresh(ada: User, app: App, grant_type: str) -> None:
    answer = app.token(grant_type=grant_type, username=ada.email, password="correct horse battery")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.compliance("RFC 7662", "2.2")
def test_introspection_tells_a_client_of_its_own_tokens(ada: User, app: App) -> None:
    told = introspect(app, access_token(ada, app, scopes.READ)).json()
    assert told["exp"] - told["iat"] in range(890, 911)
    assert {name: told[name] for name in told if name not in ("exp", "iat")} == {
        "active": True,
        "scope": scopes.READ,
        "client_id": app.application.client_id,
        "token_type": "Bearer",
        "sub": str(ada.pk),
        "aud": [f"{ISSUER}/api"],
        "iss": ISSUER,
    }


@pytest.mark.compliance("RFC 7662", "4")
def test_introspection_tells_nobody_else_but_resource_servers(ada: User, app: App) -> None:
    token = access_token(ada, app)
    assert introspect(make_app("Other"), token).json() == {"active": False}
    assert introspect(make_app("Server", is_resource_server=True), token).json()["active"]


@pytest.mark.compliance("RFC 7662", "2.1")
def test_introspection_wants_a_proven_client(ada: User, app: App) -> None:
    token = access_token(ada, app)
    assert introspect(app, token, client_secret="wrong").status_code == 401
    public = make_app("Public", is_public=True)
    assert introspect(public, token, client_secret="").status_code == 401


def test_introspection_follows_the_persons_will(ada: User, app: App) -> None:
    token = access_token(ada, app)
    allow(ada, app, scopes.READ)
    assert introspect(app, token).json()["scope"] == scopes.READ
    grants.pause_grant(AppGrant.objects.get())
    assert introspect(app, token).json() == {"active": False}


@pytest.mark.compliance("RFC 8414", "3.2")
def test_the_server_says_what_it_does() -> None:
    answer = Client().get("/.well-known/oauth-authorization-server")
    told = answer.json()
    assert told["issuer"] == ISSUER
    assert told["authorization_endpoint"] == f"{ISSUER}/oauth/authorize/"
    assert told["response_types_supported"] == ["code"]
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["scopes_supported"] == [scopes.READ, scopes.WRITE]
    assert "none" in told["token_endpoint_auth_methods_supported"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.compliance("RFC 9728", "3.2")
@pytest.mark.parametrize(("path", "resource"), [("", "/api"), ("/api", "/api"), ("/mcp", "/mcp")])
def test_each_resource_says_who_gives_tokens_for_it(path: str, resource: str) -> None:
    told = Client().get(f"/.well-known/oauth-protected-resource{path}").json()
    assert told["resource"] == ISSUER + resource
    assert told["authorization_servers"] == [ISSUER]
    assert told["bearer_methods_supported"] == ["header"]


def test_no_other_resource_is_described() -> None:
    assert Client().get("/.well-known/oauth-protected-resource/admin").status_code == 404


@pytest.mark.compliance("RFC 9700", "2.1")
def test_the_issuer_is_the_same_whatever_the_request_says() -> None:
    lies = {
        "host": "localhost",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "1.2.3.4",
        "forwarded": "host=evil",
    }
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"):
        told = Client().get(path, headers=lies)
        assert told.json() == Client().get(path).json()
        assert "evil" not in told.content.decode()


@pytest.mark.compliance("RFC 9700", "4.3.2")
def test_nothing_secret_gets_into_the_logs(ada: User, app: App) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    try:
        code = app.code(ada)
        body = app.redeem(code).json()
        app.refresh(body["refresh_token"])
        app.redeem(code)
        introspect(app, body["access_token"])
    finally:
        logging.getLogger().removeHandler(handler)
    for secret in (code, body["access_token"], body["refresh_token"], app.secret, app.verifier):
        assert secret not in written.getvalue()
    assert "/oauth/token/" in written.getvalue()


def test_a_session_is_not_opened_by_a_token(ada: User, app: App) -> None:
    before = Session.objects.count()
    token = access_token(ada, app)
    answer = Client(headers={"authorization": f"Bearer {token}"}).get("/accounts/apps/")
    assert answer.status_code == 302
    assert Session.objects.count() == before
    assert json.dumps(answer.headers.get("Set-Cookie", "")) == '""'
