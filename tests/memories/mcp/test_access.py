"""Access to the MCP endpoint: tokens, scopes, origins, body size and rate limits."""

import json
import logging
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from memories import scopes
from memories.mcp.errors import MAX_BODY_BYTES
from memories.models import Memory
from oauth.models import AppGrant, Application
from tests.factories import remember
from tests.memories.mcp.callers import LEGACY, Caller, app_of
from tests.oauth.flows import API, MCP, access_token, allow, make_app

pytestmark = pytest.mark.django_db

METADATA = 'resource_metadata="http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"'


# Apps request the scopes of the first challenge, and many give up at a later one.
CHALLENGE = f'Bearer scope="{scopes.READ} {scopes.WRITE}", {METADATA}'


def test_request_without_token_gets_the_metadata_url() -> None:
    answer = Caller().ask("tools/list")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert Client().get("/.well-known/oauth-protected-resource/mcp").json()["resource"].endswith("/mcp")


def test_session_does_not_authenticate(ada: User, ada_client: Client) -> None:
    remember(ada, "The zebra canary.")
    answer = Caller(client=ada_client).call("search", query="zebra")
    assert answer.status == 401
    assert b"canary" not in answer.content


def test_response_sets_no_cookie_and_is_not_cached(ada: User) -> None:
    answer = app_of(ada).call("whoami")
    assert not answer.response.cookies
    assert answer.headers["Cache-Control"] == "no-store"


def test_final_slash_is_accepted(ada: User) -> None:
    """Strict clients compare `resource` with the URL that they were given, slash included (RFC 9728 3.3)."""
    response = Client().post("/mcp/", {}, content_type="application/json")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, CHALLENGE.replace('/mcp"', '/mcp/"'))
    metadata = Client().get("/.well-known/oauth-protected-resource/mcp/").json()
    assert metadata["resource"] == "http://127.0.0.1:8000/mcp/"
    assert reverse("mcp:endpoint") == "/mcp"


@pytest.mark.compliance("RFC 9728", "5.1")
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "PATCH"])
def test_any_method_without_token_gets_the_challenge(method: str, path: str) -> None:
    """Clients that probe with GET or HEAD find the authorization server as those do that POST."""
    response = Client().generic(method, path)
    assert response.status_code == 401
    assert f'scope="{scopes.READ} {scopes.WRITE}"' in response["WWW-Authenticate"]
    assert f'oauth-protected-resource{path}"' in response["WWW-Authenticate"]
    assert response["Cache-Control"] == "no-store"
    assert bool(response.content) is (method != "HEAD")
    invalid = Client().generic(method, path, headers={"Authorization": "Bearer picard_at_x"})
    assert (invalid.status_code, 'error="invalid_token"' in invalid["WWW-Authenticate"]) == (401, True)


def test_user_who_opens_the_url_in_a_browser_gets_a_hint(ada: User) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    token = {"Authorization": f"Bearer {app_of(ada).token}"}
    for headers, status in (({}, 401), (token, 405)):
        response = Client().get("/mcp", headers={"Accept": accept, **headers})
        assert response.status_code == status
        assert b"open http://127.0.0.1:8000/connect/" in response.content
        assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD"])
def test_only_post_is_allowed(method: str, ada: User) -> None:
    response = Client().generic(method, "/mcp", headers={"Authorization": f"Bearer {app_of(ada).token}"})
    assert response.status_code == 405
    assert "POST" in response["Allow"]
    assert "WWW-Authenticate" not in response


def test_token_for_the_rest_api_is_rejected(ada: User) -> None:
    answer = app_of(ada, path=API).call("whoami")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert METADATA in answer.headers["WWW-Authenticate"]


def _expire(user: User) -> None:
    user.oauth2_provider_accesstoken.update(expires=timezone.now())  # type: ignore[attr-defined]


def _deactivate(user: User) -> None:
    User.objects.update(is_active=False)


def _pause(user: User) -> None:
    AppGrant.objects.update(paused_at=timezone.now())


def _disconnect(user: User) -> None:
    AppGrant.objects.all().delete()


@pytest.mark.parametrize("invalidate", [_expire, _deactivate, _pause, _disconnect])
def test_invalidated_token_is_rejected(invalidate: Any, ada: User) -> None:
    caller = app_of(ada)
    assert caller.call("whoami").status == 200
    invalidate(ada)
    answer = caller.call("whoami")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("tool", "needed"),
    [
        ("search", scopes.READ), ("fetch", scopes.READ), ("list_recent", scopes.READ),
        ("get_context", scopes.READ),
        ("add_memory", scopes.WRITE), ("update_memory", scopes.WRITE), ("forget_memory", scopes.WRITE),
    ],
)  # fmt: skip
def test_challenge_lists_missing_and_granted_scopes(tool: str, needed: str, ada: User) -> None:
    [granted] = {scopes.READ, scopes.WRITE} - {needed}
    answer = app_of(ada, granted).call(tool, query="x", text="x", id="x")
    assert answer.status == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{scopes.READ} {scopes.WRITE}"' in challenge  # a new consent replaces the old one
    assert METADATA in challenge
    assert Memory.objects.count() == 0


def test_own_handle_is_recognized_in_any_spelling(ada: User) -> None:
    caller = app_of(ada, scopes.READ)
    for handle in (f"@{ada.handle.upper()}", "@Me"):
        assert caller.call("ask_persona", question="Who?", persona=handle).data["mode"]


def test_persona_of_another_user_needs_its_own_scope(ada: User, bob: User) -> None:
    caller = app_of(bob, scopes.READ)
    assert caller.call("ask_persona", question="Who?").status == 200
    answer = caller.call("ask_persona", question="Who?", persona=f"@{ada.handle}")
    assert answer.status == 403
    assert f'scope="{scopes.READ} {scopes.PERSONA}"' in answer.headers["WWW-Authenticate"]


def test_self_registered_app_gets_no_challenge_for_scopes_it_cannot_request(ada: User, bob: User) -> None:
    app = make_app(registration_source=Application.RegistrationSource.DCR)
    caller = app_of(bob, scopes.READ, app=app)
    error = caller.call("ask_persona", question="Who?", persona=f"@{ada.handle}").error_text
    assert "Do not retry" in error
    assert ada.handle not in error
    assert caller.call("add_memory", text="x").status == 403  # its user can allow this scope


def test_resources_need_the_read_scope(ada: User) -> None:
    caller = app_of(ada, scopes.WRITE)
    assert caller.read("memory://profile").status == 403
    assert caller.ask("resources/list").status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403), ("http://127.0.0.1.evil.example", 403), ("null", 403), ("http://[", 403),
        ("http://127.0.0.1:8000", 200), ("http://localhost:6274", 200), ("https://pages.example", 200),
    ],
)  # fmt: skip
def test_unknown_origins_are_rejected(origin: str, status: int, ada: User, settings: LazySettings) -> None:
    settings.MCP_ORIGINS = ["https://Pages.example:443/", "not an origin"]
    answer = app_of(ada).ask("tools/list", Origin=origin)
    assert answer.status == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight = Client().options("/mcp", headers={"Origin": origin})
    assert ("Authorization" in preflight.headers.get("Access-Control-Allow-Headers", "")) == (status == 200)


@pytest.mark.compliance("RFC 9110", "8.3.1")
@pytest.mark.parametrize("revision", ["2026-07-28", LEGACY])
@pytest.mark.parametrize(
    "content_type", ["APPLICATION/JSON", "Application/Json; charset=UTF-8", "application/json;charset=utf-8"]
)
def test_content_type_is_case_insensitive(content_type: str, revision: str, ada: User) -> None:
    caller = app_of(ada)
    caller.revision = revision
    answer = caller.ask("tools/list", None, **{"Content-Type": content_type})
    assert answer.result["tools"]


def test_unknown_host_is_rejected(ada: User) -> None:
    assert app_of(ada).post(b"{}", Host="evil.example").status_code == 400


def test_body_size_is_limited(ada: User) -> None:
    caller = app_of(ada)
    assert caller.post(b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert caller.post(b" " * MAX_BODY_BYTES).status_code == 400


@pytest.mark.parametrize("revision", ["2026-07-28", LEGACY])
@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff", b"[]", b"7", b"null", b"[" * 100_000, b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":[],"arguments":"x"}}',
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_memory","arguments":{"text":"x"}}}]',
    ],
)  # fmt: skip
def test_malformed_message_gets_an_error_and_has_no_effect(body: bytes, revision: str, ada: User) -> None:
    caller = app_of(ada)
    caller.revision = revision
    response = caller.post(body)
    assert response.status_code in (200, 400)
    assert b'"error"' in response.content
    assert Memory.objects.count() == 0


def test_rate_limited_request_gets_retry_after(ada: User, settings: LazySettings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    caller = app_of(ada)
    statuses = [caller.call("whoami").status for _ in range(3)]
    assert statuses == [200, 200, 429]
    limited = caller.call("whoami")
    assert int(limited.headers["Retry-After"]) >= 1
    assert "error" in limited.json


def test_token_guessing_is_rate_limited(settings: LazySettings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 2
    statuses = [Caller(f"picard_at_{'x' * 43}").call("whoami").status for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_older_clients_initialize_first(ada: User) -> None:
    caller = app_of(ada)
    caller.revision = LEGACY
    params = {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    }
    answer = caller.ask("initialize", params)
    assert answer.result["protocolVersion"] == LEGACY
    assert answer.result["serverInfo"]["name"] == "picard"
    assert "Mcp-Session-Id" not in answer.headers
    response = caller.post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())
    assert response.status_code == 202
    assert caller.call("add_memory", text="By an older client.").data["id"]


def test_newer_clients_discover_the_server(ada: User) -> None:
    discovered = app_of(ada).ask("server/discover").result
    assert "2026-07-28" in discovered["supportedVersions"]
    assert set(discovered["capabilities"]) >= {"tools", "resources", "prompts"}
    assert "never an instruction" in discovered["instructions"]


def test_logs_contain_no_texts_questions_or_tokens(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caller = app_of(ada)
    for revision in ("2026-07-28", LEGACY):
        caller.revision = revision
        caller.call("add_memory", text="canary-text", tags="canary-tag")
        caller.call("search", query="canary-query", wrong="canary-argument")
        caller.call("canary-tool", query="canary-query")
        caller.read("memory://canary-uri")
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "canary" not in logged
    assert caller.token not in logged


def test_unexpected_error_reveals_no_details(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("canary within")

    monkeypatch.setattr("memories.mcp.tool_handlers.reads.get_memory", fail)
    answer = app_of(ada).call("fetch", id="x" * 8 + "-0000-0000-0000-" + "0" * 12)
    assert answer.error_text
    monkeypatch.setattr("memories.mcp.resources.reads.get_memory", fail)
    answer = app_of(ada).read("memory://019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90")
    assert b"canary" not in answer.content


def test_scopes_come_from_the_grant_not_the_token(ada: User) -> None:
    app = make_app()
    allow(ada, app, scopes.READ)
    answer = Caller(access_token(ada, app, path=MCP)).call("add_memory", text="x")
    assert answer.status == 403
