"""Apps in web pages of any origin can call the endpoints for apps with a token, and never with a user's session."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from pytest_django import Settings

from accounts.models import User
from accounts.rate_limits import get_anonymous_limit
from memories import scopes
from oauth import rate_limits
from tests.database import owning_tables
from tests.memories.api.callers import app_of, session_of
from tests.oauth.flows import exhaust, make_app

pytestmark = pytest.mark.django_db

PAGE = "https://app.example"
REST = ["/api/v1/memories/", "/api/v1/whoami/", "/api/v1/nothing/", "/api/v2/", "/api/schema/"]
OAUTH = [
    "/oauth/token/",
    "/oauth/token",
    "/oauth/revoke/",
    "/oauth/register/",
    "/oauth/register",
    "/oauth/register/x/",
]
METADATA = [
    "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource/nothing",
    "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/mcp",
    "/mcp/.well-known/openid-configuration", "/.well-known/nothing",
]  # fmt: skip
CLOSED = [
    "/", "/memories/", "/oauth/authorize/", "/oauth/introspect/", "/accounts/login/", "/accounts/apps/", "/developer/",
    "/connect/", "/admin/", "/api/docs/", "/healthz",
]  # fmt: skip
REQUEST_HEADERS = ["authorization", "content-type", "idempotency-key", "if-match", "mcp-protocol-version"]
RESPONSE_HEADERS = ["etag", "location", "link", "retry-after", "www-authenticate", "x-request-id"]


def can_read(response: Any) -> bool:
    """Return whether a browser shows the response to a page of another origin that sent no credentials."""
    assert "Access-Control-Allow-Credentials" not in response
    return bool(response.headers.get("Access-Control-Allow-Origin") == "*")


def split(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",")]


def send_preflight(path: str, method: str = "POST") -> Any:
    headers = {
        "origin": PAGE,
        "access-control-request-method": method,
        "access-control-request-headers": ", ".join(REQUEST_HEADERS),
    }
    return Client().options(path, headers=headers)


@pytest.mark.parametrize("path", [*REST, *OAUTH, *METADATA])
def test_preflight_allows_methods_and_headers_of_apps(path: str) -> None:
    response = send_preflight(path)
    assert (response.status_code, response.content) == (204, b"")
    assert can_read(response)
    assert {"get", "post", "put", "patch", "delete"} <= set(split(response["Access-Control-Allow-Methods"]))
    assert {*REQUEST_HEADERS, "*"} <= set(split(response["Access-Control-Allow-Headers"]))
    assert int(response["Access-Control-Max-Age"]) > 0


def test_preflight_neither_needs_a_token_nor_counts(settings: Settings) -> None:
    exhaust(get_anonymous_limit())
    exhaust(rate_limits.TOKEN)
    assert Client().get("/api/v1/whoami/", headers={"origin": PAGE}).status_code == 429
    assert {send_preflight(path).status_code for path in (*REST, *OAUTH)} == {204}


@pytest.mark.parametrize("path", CLOSED)
def test_pages_are_closed_to_other_origins(path: str, ada_client: Client) -> None:
    for client in (Client(), ada_client):
        assert not can_read(client.get(path, headers={"origin": PAGE}))
    assert not can_read(send_preflight(path))


@pytest.mark.parametrize("path", [*OAUTH, *METADATA])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_oauth_endpoints_can_be_read_with_their_errors(method: str, path: str, ada_client: Client) -> None:
    """They ignore cookies, so a session changes nothing."""
    for client in (Client(), ada_client):
        response = client.generic(method, path, headers={"origin": PAGE})
        assert can_read(response)
        assert set(RESPONSE_HEADERS) <= set(split(response["Access-Control-Expose-Headers"]))


def test_rest_can_be_read_with_a_token(ada: User) -> None:
    api = app_of(ada)
    created = api("post", "/memories/", {"text": "From a web page."}, Origin=PAGE)
    assert (created.status, can_read(created.response)) == (201, True)
    assert set(RESPONSE_HEADERS) <= set(split(created.headers["Access-Control-Expose-Headers"]))
    assert created.headers["ETag"]
    path = f"/memories/{created.json['id']}/"
    stale = api("patch", path, {"text": "New."}, Origin=PAGE, If_Match='"7"')
    assert (stale.status, can_read(stale.response)) == (412, True)
    assert can_read(api("delete", path, Origin=PAGE).response)


def test_rest_errors_can_be_read(ada: User) -> None:
    api, reader = app_of(ada), app_of(ada, scopes.READ)
    unknown = {"Authorization": "Bearer picard_at_x", "Origin": PAGE}
    responses = {
        401: Client().get("/api/v1/whoami/", headers={"origin": PAGE}),
        "401 with a token": Client().get("/api/v1/whoami/", headers=unknown),
        403: reader("post", "/memories/", {"text": "x"}, Origin=PAGE).response,
        404: api("get", "/nothing/", Origin=PAGE).response,
        405: api("put", "/whoami/", Origin=PAGE).response,
        400: api("post", "/memories/", b"{", Origin=PAGE).response,
    }
    exhaust(get_anonymous_limit())
    responses[429] = Client().get("/api/v1/whoami/", headers={"origin": PAGE})
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("alter table memories_memorytag rename to lost")
    responses[500] = api("get", "/tags/", Origin=PAGE).response
    for status, response in responses.items():
        assert response.status_code == int(str(status)[:3])
        assert can_read(response), status


def test_rest_is_closed_to_other_origins_with_a_session(ada: User) -> None:
    session = session_of(ada)
    for method, path in (("get", "/memories/"), ("post", "/memories/"), ("get", "/nothing/")):
        assert not can_read(session(method, path, {} if method == "post" else None, Origin=PAGE).response)
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(ada)
    response = forged.post(
        "/api/v1/memories/", {"text": "x"}, content_type="application/json", headers={"origin": PAGE}
    )
    assert (response.status_code, can_read(response)) == (403, False)


def test_token_beside_a_session_decides(ada: User, bob: User) -> None:
    """Pages of other ports of this machine send its cookies, but a request with a token ignores them."""
    session, token = session_of(bob), app_of(ada).headers["Authorization"]
    answer = session("get", "/whoami/", Origin=PAGE, Authorization=token)
    assert (answer.json["person"]["handle"], can_read(answer.response)) == (ada.handle, True)


def test_options_without_a_page_is_no_preflight(ada: User) -> None:
    assert app_of(ada)("options", "/memories/").status == 405
    assert Client().options("/oauth/token/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_async_requests_get_the_same_headers() -> None:
    async def fetch() -> tuple[Any, Any]:
        client, path = AsyncClient(), "/.well-known/oauth-authorization-server"
        headers = {"origin": PAGE}
        return await client.get(path, headers=headers), await client.options(path, headers=headers)

    response, preflight = asyncio.run(fetch())
    assert (response.status_code, can_read(response)) == (200, True)
    assert (preflight.status_code, can_read(preflight)) == (204, True)


def test_browser_app_connects_without_a_session(ada: User) -> None:
    """Every request of the flow except the consent itself, as a web page of another origin sends them."""
    app = make_app(is_public=True)
    app.http = Client(headers={"origin": PAGE})
    response = app.redeem(app.code(ada))
    assert (response.status_code, can_read(response)) == (200, True)
    refreshed = app.refresh(response.json()["refresh_token"])
    assert (refreshed.status_code, can_read(refreshed)) == (200, True)
    form = {"client_id": app.application.client_id, "token": refreshed.json()["refresh_token"]}
    assert can_read(app.http.post("/oauth/revoke/", form))
