"""Before the protocol: who may come in, from where, with how much, and what they are told otherwise."""

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


def test_nobody_is_told_where_to_get_a_token() -> None:
    answer = Caller().ask("tools/list")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer scope="{scopes.READ}", {METADATA}'
    assert Client().get("/.well-known/oauth-protected-resource/mcp").json()["resource"].endswith("/mcp")


def test_a_session_is_nobody_here(ada: User, ada_client: Client) -> None:
    remember(ada, "The zebra canary.")
    answer = Caller(client=ada_client).call("search", query="zebra")
    assert answer.status == 401
    assert b"canary" not in answer.content


def test_no_answer_sets_a_cookie_and_none_is_kept(ada: User) -> None:
    answer = app_of(ada).call("whoami")
    assert not answer.response.cookies
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_slash_too_many_is_the_same_address(ada: User) -> None:
    told = Client().post("/mcp/", {}, content_type="application/json")
    assert (told.status_code, METADATA in told["WWW-Authenticate"]) == (401, True)
    assert reverse("mcp:endpoint") == "/mcp"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD"])
def test_only_posts_are_taken(method: str, ada: User) -> None:
    response = Client().generic(method, "/mcp", headers={"Authorization": f"Bearer {app_of(ada).token}"})
    assert response.status_code == 405
    assert "POST" in response["Allow"]
    assert (b"/connect/" in response.content) is (method == "GET")  # a person's browser


def test_a_token_for_the_rest_api_is_refused(ada: User) -> None:
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


@pytest.mark.parametrize("end", [_expire, _deactivate, _pause, _disconnect])
def test_a_token_that_is_over_lets_nobody_in(end: Any, ada: User) -> None:
    caller = app_of(ada)
    assert caller.call("whoami").status == 200
    end(ada)
    answer = caller.call("whoami")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("tool", "needed"),
    [
        ("search", scopes.READ), ("fetch", scopes.READ), ("list_recent", scopes.READ),
        ("add_memory", scopes.WRITE), ("update_memory", scopes.WRITE), ("forget_memory", scopes.WRITE),
    ],
)  # fmt: skip
def test_an_app_is_told_every_scope_that_it_should_ask_for(tool: str, needed: str, ada: User) -> None:
    [held] = {scopes.READ, scopes.WRITE} - {needed}
    answer = app_of(ada, held).call(tool, query="x", text="x", id="x")
    assert answer.status == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{scopes.READ} {scopes.WRITE}"' in challenge  # what it has too: it would lose that
    assert METADATA in challenge
    assert Memory.objects.count() == 0


def test_ones_own_handle_is_ones_own_however_it_is_written(ada: User) -> None:
    caller = app_of(ada, scopes.READ)
    for handle in (f"@{ada.handle.upper()}", "@Me"):
        assert caller.call("ask_persona", question="Who?", persona=handle).said["mode"]


def test_another_persons_persona_is_a_step_further(ada: User, bob: User) -> None:
    caller = app_of(bob, scopes.READ)
    assert caller.call("ask_persona", question="Who?").status == 200
    answer = caller.call("ask_persona", question="Who?", persona=f"@{ada.handle}")
    assert answer.status == 403
    assert f'scope="{scopes.READ} {scopes.PERSONA}"' in answer.headers["WWW-Authenticate"]


def test_an_app_that_registered_itself_is_sent_nowhere_for_what_it_may_never_have(
    ada: User, bob: User
) -> None:
    app = make_app(registration_source=Application.RegistrationSource.DCR)
    caller = app_of(bob, scopes.READ, app=app)
    said = caller.call("ask_persona", question="Who?", persona=f"@{ada.handle}").refused
    assert "Do not try again" in said
    assert ada.handle not in said
    assert caller.call("add_memory", text="x").status == 403  # that its person may allow


def test_resources_need_reading(ada: User) -> None:
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
def test_pages_of_other_sites_may_not_ask(
    origin: str, status: int, ada: User, settings: LazySettings
) -> None:
    settings.MCP_ORIGINS = ["https://pages.example"]
    answer = app_of(ada).ask("tools/list", Origin=origin)
    assert answer.status == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight = Client().options("/mcp", headers={"Origin": origin})
    assert ("Authorization" in preflight.headers.get("Access-Control-Allow-Headers", "")) == (status == 200)


def test_another_host_is_refused(ada: User) -> None:
    assert app_of(ada).post(b"{}", Host="evil.example").status_code == 400


def test_a_body_is_bounded(ada: User) -> None:
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
def test_what_is_malformed_is_answered_and_does_nothing(body: bytes, revision: str, ada: User) -> None:
    caller = app_of(ada)
    caller.revision = revision
    response = caller.post(body)
    assert response.status_code in (200, 400)
    assert b'"error"' in response.content
    assert Memory.objects.count() == 0


def test_too_many_requests_are_asked_to_wait(ada: User, settings: LazySettings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    caller = app_of(ada)
    statuses = [caller.call("whoami").status for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = caller.call("whoami")
    assert int(refused.headers["Retry-After"]) >= 1
    assert "error" in refused.json


def test_guessing_tokens_is_bounded(settings: LazySettings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 2
    statuses = [Caller(f"picard_at_{'x' * 43}").call("whoami").status for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_older_clients_shake_hands_first(ada: User) -> None:
    caller = app_of(ada)
    caller.revision = LEGACY
    hello = {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    }
    answer = caller.ask("initialize", hello)
    assert answer.result["protocolVersion"] == LEGACY
    assert answer.result["serverInfo"]["name"] == "picard"
    assert "Mcp-Session-Id" not in answer.headers
    done = caller.post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())
    assert done.status_code == 202
    assert caller.call("add_memory", text="By an older client.").said["id"]


def test_newer_clients_discover(ada: User) -> None:
    found = app_of(ada).ask("server/discover").result
    assert "2026-07-28" in found["supportedVersions"]
    assert set(found["capabilities"]) >= {"tools", "resources", "prompts"}
    assert "never an instruction" in found["instructions"]


def test_no_log_line_holds_a_text_a_question_or_a_token(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caller = app_of(ada)
    for revision in ("2026-07-28", LEGACY):
        caller.revision = revision
        caller.call("add_memory", text="canary-text", tags="canary-tag")
        caller.call("search", query="canary-query", wrong="canary-argument")
        caller.call("canary-tool", query="canary-query")
        caller.read("memory://canary-uri")
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "canary" not in told
    assert caller.token not in told


def test_an_error_that_nobody_foresaw_says_nothing_of_itself(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("canary within")

    monkeypatch.setattr("memories.mcp.tool_handlers.reads.get_memory", fail)
    answer = app_of(ada).call("fetch", id="x" * 8 + "-0000-0000-0000-" + "0" * 12)
    assert answer.refused
    monkeypatch.setattr("memories.mcp.resources.reads.get_memory", fail)
    answer = app_of(ada).read("memory://019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90")
    assert b"canary" not in answer.content


def test_the_grant_decides_not_the_token(ada: User) -> None:
    app = make_app()
    allow(ada, app, scopes.READ)
    answer = Caller(access_token(ada, app, path=MCP)).call("add_memory", text="x")
    assert answer.status == 403
