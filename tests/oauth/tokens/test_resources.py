"""A token is valid for the resources that the client named; the origin, or none, stands for all of them."""

from typing import Any

import pytest
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.oauth.flows import App, make_app

pytestmark = pytest.mark.django_db

SITE = "http://127.0.0.1:8000"
API, MCP = f"{SITE}/api", f"{SITE}/mcp"
BOTH = {Channel.API, Channel.MCP}


@pytest.fixture
def app() -> App:
    return make_app()


def channels_of(token: str) -> set[Channel]:
    """Return the channels that accept the token."""
    accepting = set()
    for channel in BOTH:
        try:
            authenticate_token(token, channel)
            accepting.add(channel)
        except InvalidAccessToken:
            pass
    return accepting


ORIGINS = [None, "", " ", SITE, f"{SITE}/", "HTTP://127.0.0.1:8000", ["", ""], [API, MCP], [f"{SITE}/", MCP]]


@pytest.mark.compliance("RFC 8707", "2")
@pytest.mark.parametrize("resource", ORIGINS)
def test_origin_or_no_resource_means_both_channels(ada: User, app: App, resource: Any) -> None:
    body = app.redeem(app.code(ada, resource=resource), resource=resource).json()
    assert channels_of(body["access_token"]) == BOTH
    assert channels_of(app.refresh(body["refresh_token"], resource=resource).json()["access_token"]) == BOTH


@pytest.mark.parametrize("authorized", [None, SITE, MCP, [API, MCP]])
@pytest.mark.parametrize("named", [MCP, f"{MCP}/", "HTTP://127.0.0.1:8000/mcp", ["", MCP], [MCP, f"{MCP}/"]])
def test_resource_named_in_the_token_request_limits_the_token(
    ada: User, app: App, authorized: Any, named: Any
) -> None:
    body = app.redeem(app.code(ada, resource=authorized), resource=named).json()
    assert channels_of(body["access_token"]) == {Channel.MCP}
    refreshed = app.refresh(body["refresh_token"], resource=named).json()
    assert channels_of(refreshed["access_token"]) == {Channel.MCP}


@pytest.mark.compliance("RFC 8707", "2.2")
@pytest.mark.parametrize("asked", [None, "", SITE, f"{SITE}/"])
def test_origin_adds_nothing_to_what_was_granted(ada: User, app: App, asked: str | None) -> None:
    body = app.redeem(app.code(ada, resource=MCP), resource=asked).json()
    assert channels_of(body["access_token"]) == {Channel.MCP}
    assert channels_of(app.refresh(body["refresh_token"], resource=asked).json()["access_token"]) == {
        Channel.MCP
    }


@pytest.mark.compliance("RFC 8707", "2")
@pytest.mark.parametrize(
    "resource",
    [
        "https://elsewhere.example", "x", "mcp", "/mcp", "//127.0.0.1:8000/mcp", f"{SITE}/admin", f"{MCP}/x",
        f"{MCP}//", f"{MCP}?a=1", f"{MCP}#a", f"{SITE}?a=1", f"{SITE}/MCP", "https://127.0.0.1:8000/mcp", "http://127.0.0.1/mcp",
        "http://127.0.0.1:8001/mcp", "http://127.0.0.2:8000/mcp", "http://x@127.0.0.1:8000/mcp", "http://[/mcp",
        "http://127.0.0.1:8000\\mcp", "http://127.0.0.1:8000/m\ncp", "http://127.0.0.1:x/mcp", [MCP, f"{SITE}/admin"],
    ],
)  # fmt: skip
def test_unknown_resource_is_rejected_with_the_valid_ones(ada: User, app: App, resource: Any) -> None:
    code = app.code(ada, resource=None)
    body = app.redeem(code, resource=resource).json()
    assert body["error"] == "invalid_target"
    assert body["error_description"].endswith(f" one of {SITE}, {API}, {MCP}.")
    redirect = Client().get("/oauth/authorize/", app.request(resource=resource))["Location"]
    assert "error=invalid_target" in redirect
    assert "error_description=Unknown+resource" in redirect
    assert channels_of(app.redeem(code, resource=MCP).json()["access_token"]) == {Channel.MCP}


@pytest.mark.compliance("RFC 8707", "2.2")
def test_resource_that_was_not_granted_is_rejected(ada: User, app: App) -> None:
    body = app.redeem(app.code(ada, resource=MCP), resource=API).json()
    assert body["error"] == "invalid_target"
    assert body["error_description"] == f"The resource was not granted. Granted: {MCP}."


def test_self_registered_app_without_resource_can_use_mcp(ada: User) -> None:
    app = make_app(is_public=True, registration_source="dcr")
    body = app.connect(ada, resource=None, scope=scopes.READ)
    assert channels_of(body["access_token"]) == BOTH
