"""Metadata name the server as the client does, and URLs without metadata return a 404 that clients understand."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth.tokens.bearer import authenticate_token
from tests.oauth.flows import YES, App, access_token, make_app

pytestmark = pytest.mark.django_db

LOOPBACK = ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST:8000"]


@pytest.fixture
def app() -> App:
    return make_app()


def fetch(path: str, host: str = "127.0.0.1:8000") -> Any:
    return Client().get(f"/.well-known/{path}", headers={"host": host}).json()


@pytest.mark.compliance("RFC 9728", "3.3")
@pytest.mark.compliance("RFC 8414", "3.3")
@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_server_answers_with_the_name_that_was_requested(host: str) -> None:
    """Clients compare resource and issuer with the URL that they were given."""
    site = f"http://{host.lower()}"
    for path in ("/mcp", "/mcp/"):
        challenge = Client().post(path, headers={"host": host})["WWW-Authenticate"]
        assert f'resource_metadata="{site}/.well-known/oauth-protected-resource{path}"' in challenge
        resource = fetch(f"oauth-protected-resource{path}", host)
        assert (resource["resource"], resource["authorization_servers"]) == (f"{site}{path}", [site])
    challenge = Client().get("/api/v1/whoami/", headers={"host": host})["WWW-Authenticate"]
    assert f'resource_metadata="{site}/.well-known/oauth-protected-resource/api"' in challenge
    assert fetch("oauth-protected-resource", host)["resource"] == site
    server = fetch("oauth-authorization-server", host)
    assert server["issuer"] == site
    assert {value.partition("/oauth/")[0] for key, value in server.items() if key.endswith("endpoint")} == {
        site
    }


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("http://127.0.0.1:8000", "localhost"),
        ("http://127.0.0.1:8000", "localhost:8001"),
        ("http://127.0.0.1:8000", "testserver"),
        ("https://memory.example.org", "localhost"),
        ("https://memory.example.org", "localhost:443"),
        ("https://memory.example.org", "127.0.0.1"),
        ("https://memory.example.org", "testserver"),
    ],
)
def test_other_host_headers_are_ignored(public_url: str, host: str, settings: Settings) -> None:
    settings.PUBLIC_URL = public_url
    assert fetch("oauth-authorization-server", host)["issuer"] == public_url
    assert fetch("oauth-protected-resource/mcp", host)["resource"] == f"{public_url}/mcp"
    challenge = Client().post("/mcp", headers={"host": host, "x-forwarded-host": "evil.example"})
    assert f'resource_metadata="{public_url}/' in challenge["WWW-Authenticate"]


def test_default_port_may_be_omitted(settings: Settings) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1"
    for host in ("localhost", "localhost:80"):
        assert fetch("oauth-authorization-server", host)["issuer"] == "http://localhost"


@pytest.mark.compliance("RFC 9207", "2.4")
@pytest.mark.parametrize("resource_host", [None, *LOOPBACK[:3]])
@pytest.mark.parametrize("browser_host", LOOPBACK[:3])
def test_issuer_of_the_response_is_the_one_that_the_client_knows(
    resource_host: str | None, browser_host: str, ada: User, app: App
) -> None:
    """The browser may have moved to another name, because passkeys need localhost."""
    resource = resource_host and f"http://{resource_host}/mcp"
    browser = Client(headers={"host": browser_host})
    browser.force_login(ada)
    for form in ({**YES, "scopes": [scopes.READ]}, {"answer": "cancel"}):
        response = browser.post("/oauth/authorize/", form, query_params=app.request(resource=resource))
        issuers = parse_qs(urlsplit(response["Location"]).query)["iss"]
        assert issuers == [f"http://{resource_host or browser_host}"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_token_requested_under_any_loopback_name_is_valid_under_all(host: str, ada: User, app: App) -> None:
    resource = f"http://{host}/mcp"
    body = app.redeem(app.code(ada, resource=resource), resource=resource).json()
    assert authenticate_token(body["access_token"], Channel.MCP).user == ada
    refreshed = app.refresh(body["refresh_token"], resource="http://localhost:8000/mcp").json()
    assert authenticate_token(refreshed["access_token"], Channel.MCP).user == ada
    assert (
        app.refresh(refreshed["refresh_token"], resource=f"http://{host}/api").json()["error"]
        == "invalid_target"
    )


def test_introspection_names_the_server_as_requested(ada: User, app: App) -> None:
    form = {
        "client_id": app.application.client_id,
        "client_secret": app.secret,
        "token": access_token(ada, app),
    }
    body = Client().post("/oauth/introspect/", form, headers={"host": "localhost:8000"}).json()
    assert (body["iss"], body["aud"]) == ("http://localhost:8000", ["http://localhost:8000/api"])


@pytest.mark.compliance("RFC 8414", "3")
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/mcp", "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp", "/.well-known/oauth-protected-resource/admin",
        "/.well-known/oauth-protected-resource/mcp/sse", "/.well-known/oauth-protected-resource//",
        "/mcp/.well-known/oauth-authorization-server", "/mcp/.well-known/openid-configuration",
        "/mcp/.well-known/oauth-protected-resource", "/api/.well-known/openid-configuration",
    ],
)  # fmt: skip
def test_urls_without_metadata_return_json_404(path: str) -> None:
    """Clients try these URLs too. Another issuer's metadata would stop them (RFC 8414 3.3); after a 404 they go on."""
    response = Client().get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json()["error"] == "not_found"
    assert response["Access-Control-Allow-Origin"] == "*"


def test_authorization_server_metadata_ignore_a_final_slash() -> None:
    assert fetch("oauth-authorization-server/") == fetch("oauth-authorization-server")
