"""Token, revocation, introspection and metadata endpoints, section by section."""

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
from oauth.settings import DEVICE_GRANT
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
def test_credentials_in_the_query_string_are_rejected(ada: User, app: App, path: str) -> None:
    response = Client().post(
        f"{path}?token=x", {"client_id": app.application.client_id, "client_secret": app.secret}
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.compliance("RFC 9700", "4.3.2")
@pytest.mark.compliance("RFC 6750", "2.3")
@pytest.mark.parametrize("path", ["/api/v1/memories/", "/api/v1/whoami/"])
def test_access_token_is_accepted_only_in_the_header(ada: User, app: App, path: str) -> None:
    token = access_token(ada, app)
    assert Client().get(path, {"access_token": token}).status_code == 401
    assert Client().get(path, headers={"cookie": f"access_token={token}"}).status_code == 401
    assert Client().post(path, {"access_token": token}).status_code == 401
    assert Client().get(path, headers={"authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.compliance("RFC 6749", "3.2")
@pytest.mark.parametrize("path", POSTED)
def test_endpoints_accept_only_post(path: str) -> None:
    response = Client().get(path)
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.compliance("RFC 6749", "3.2")
def test_duplicate_token_parameter_is_rejected(ada: User, app: App) -> None:
    code = app.code(ada)
    assert app.redeem(code, code=[code, code]).json()["error"] == "invalid_request"
    assert AuthorizationCode.objects.exists()


@pytest.mark.compliance("RFC 6749", "5.1")
@pytest.mark.parametrize("path", [*POSTED, "/oauth/register/"])
def test_responses_are_not_cacheable(path: str) -> None:
    assert Client().post(path)["Cache-Control"] == "no-store"


@pytest.mark.compliance("RFC 9700", "2.6")
@pytest.mark.parametrize(
    ("path", "is_open"), [("/oauth/token/", True), ("/oauth/register/", True), ("/oauth/introspect/", False)]
)
def test_cors_is_allowed_only_where_browser_apps_need_it(path: str, is_open: bool) -> None:
    response = Client().options(
        path, headers={"origin": "https://a.example", "access-control-request-method": "POST"}
    )
    assert (response.get("Access-Control-Allow-Origin") == "*") == is_open
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.compliance("RFC 9700", "2.4")
@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "implicit", "device_code"])
def test_only_code_device_and_refresh_grants_are_supported(ada: User, app: App, grant_type: str) -> None:
    response = app.token(grant_type=grant_type, username=ada.email, password="correct horse battery")
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.compliance("RFC 7662", "2.2")
def test_introspection_describes_the_clients_own_tokens(ada: User, app: App) -> None:
    body = introspect(app, access_token(ada, app, scopes.READ)).json()
    assert body["exp"] - body["iat"] in range(890, 911)
    assert {name: body[name] for name in body if name not in ("exp", "iat")} == {
        "active": True,
        "scope": scopes.READ,
        "client_id": app.application.client_id,
        "token_type": "Bearer",
        "sub": str(ada.pk),
        "aud": [f"{ISSUER}/api"],
        "iss": ISSUER,
    }


@pytest.mark.compliance("RFC 7662", "4")
def test_introspection_of_other_tokens_is_for_resource_servers(ada: User, app: App) -> None:
    token = access_token(ada, app)
    assert introspect(make_app("Other"), token).json() == {"active": False}
    assert introspect(make_app("Server", is_resource_server=True), token).json()["active"]


@pytest.mark.compliance("RFC 7662", "2.1")
def test_introspection_requires_client_authentication(ada: User, app: App) -> None:
    token = access_token(ada, app)
    assert introspect(app, token, client_secret="wrong").status_code == 401
    public = make_app("Public", is_public=True)
    assert introspect(public, token, client_secret="").status_code == 401


def test_introspection_reflects_changes_of_the_grant(ada: User, app: App) -> None:
    token = access_token(ada, app)
    allow(ada, app, scopes.READ)
    assert introspect(app, token).json()["scope"] == scopes.READ
    grants.pause_grant(AppGrant.objects.get())
    assert introspect(app, token).json() == {"active": False}


@pytest.mark.compliance("RFC 8414", "3.2")
def test_authorization_server_metadata_is_complete() -> None:
    response = Client().get("/.well-known/oauth-authorization-server")
    body = response.json()
    assert body["issuer"] == ISSUER
    assert body["authorization_endpoint"] == f"{ISSUER}/oauth/authorize/"
    assert body["response_types_supported"] == ["code"]
    assert body["grant_types_supported"] == ["authorization_code", "refresh_token", DEVICE_GRANT]
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert body["scopes_supported"] == [scopes.READ, scopes.WRITE]
    assert "none" in body["token_endpoint_auth_methods_supported"]
    assert body["authorization_response_iss_parameter_supported"] is True
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.compliance("RFC 9728", "3.2")
@pytest.mark.compliance("RFC 9728", "3.3")
@pytest.mark.parametrize(
    ("path", "resource"), [("", ""), ("/", ""), ("/api", "/api"), ("/mcp", "/mcp"), ("/mcp/", "/mcp/")]
)
def test_resource_metadata_names_the_authorization_server(path: str, resource: str) -> None:
    body = Client().get(f"/.well-known/oauth-protected-resource{path}").json()
    assert body["resource"] == ISSUER + resource
    assert body["authorization_servers"] == [ISSUER]
    assert body["bearer_methods_supported"] == ["header"]


def test_other_resources_have_no_metadata() -> None:
    assert Client().get("/.well-known/oauth-protected-resource/admin").status_code == 404


@pytest.mark.compliance("RFC 9700", "2.1")
def test_issuer_ignores_request_headers() -> None:
    forged_headers = {
        "host": "localhost",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "1.2.3.4",
        "forwarded": "host=evil",
    }
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"):
        response = Client().get(path, headers=forged_headers)
        assert response.json() == Client().get(path).json()
        assert "evil" not in response.content.decode()


@pytest.mark.compliance("RFC 9700", "4.3.2")
def test_logs_contain_no_secrets(ada: User, app: App) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
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
        assert secret not in log.getvalue()
    assert "/oauth/token/" in log.getvalue()


def test_access_token_starts_no_session(ada: User, app: App) -> None:
    before = Session.objects.count()
    token = access_token(ada, app)
    response = Client(headers={"authorization": f"Bearer {token}"}).get("/accounts/apps/")
    assert response.status_code == 302
    assert Session.objects.count() == before
    assert json.dumps(response.headers.get("Set-Cookie", "")) == '""'
