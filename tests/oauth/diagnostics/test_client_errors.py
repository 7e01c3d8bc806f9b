"""Developers see errors of their app with a hint; no content of the requests is stored."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from memories import scopes
from memories.jobs import retention
from oauth.access import grants
from oauth.error_hints import HINTS, ErrorKind
from oauth.models import AppGrant, Application, Mistake
from oauth.tokens.families import AuthorizationCode
from tests.memories.mcp.callers import app_of as mcp_app_of
from tests.oauth.flows import MCP, REDIRECT, App, access_token, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"


@pytest.fixture
def app(ada: User) -> App:
    return make_app(user=ada)


def get_recorded_kinds() -> list[str]:
    return list(Mistake.objects.values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"redirect_uri": f"{REDIRECT}/"}, ErrorKind.REDIRECT_SLASH),
        ({"redirect_uri": "http://notes.example/callback"}, ErrorKind.REDIRECT_SCHEME),
        ({"redirect_uri": "https://evil.example/"}, ErrorKind.REDIRECT),
        ({"code_challenge": None}, ErrorKind.CHALLENGE),
        ({"code_challenge": "short"}, ErrorKind.CHALLENGE),
        ({"code_challenge_method": "plain"}, ErrorKind.CHALLENGE),
        ({"scope": scopes.ADMIN}, ErrorKind.SCOPE),
        ({"response_type": "token"}, ErrorKind.RESPONSE_TYPE),
        ({"response_mode": "fragment"}, ErrorKind.RESPONSE_TYPE),
        ({"resource": "https://elsewhere.example"}, ErrorKind.RESOURCE),
        ({"state": ["a", "b"]}, ErrorKind.OTHER),
    ],
)
def test_invalid_authorization_request_is_recorded(app: App, change: dict[str, Any], kind: ErrorKind) -> None:
    Client().get(AUTHORIZE, app.request(**change))
    assert get_recorded_kinds() == [kind]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"client_secret": "wrong"}, ErrorKind.SECRET),
        ({"client_secret": None}, ErrorKind.SECRET_MISSING),
        ({"code_verifier": "x" * 43}, ErrorKind.VERIFIER),
        ({"code_verifier": None}, ErrorKind.VERIFIER),
        ({"code": "other"}, ErrorKind.CODE),
        ({"redirect_uri": "https://notes.example/other"}, ErrorKind.REDIRECT),
        ({"grant_type": "password"}, ErrorKind.GRANT_TYPE),
        ({"resource": "https://elsewhere.example"}, ErrorKind.RESOURCE),
    ],
)
def test_invalid_token_request_is_recorded(
    ada: User, app: App, change: dict[str, Any], kind: ErrorKind
) -> None:
    assert app.redeem(app.code(ada), **change).status_code in (400, 401)
    assert get_recorded_kinds() == [kind]


def redeem_expired_code(app: App, ada: User) -> Any:
    code = app.code(ada)
    AuthorizationCode.objects.update(expires=timezone.now())
    return app.redeem(code)


def redeem_twice(app: App, ada: User) -> Any:
    code = app.code(ada)
    app.redeem(code)
    return app.redeem(code)


def refresh_with_unknown_token(app: App, ada: User) -> Any:
    return app.refresh("picard_rt_nonsense")


def refresh_with_more_scopes(app: App, ada: User) -> Any:
    old = app.connect(ada, scope=scopes.READ)["refresh_token"]
    return app.refresh(old, scope=f"{scopes.READ} {scopes.WRITE}")


def redeem_after_expiry(app: App, ada: User) -> Any:
    code = app.code(ada)
    AppGrant.objects.update(ends_at=timezone.now())
    return app.redeem(code)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (redeem_expired_code, ErrorKind.CODE_EXPIRED),
        (redeem_twice, ErrorKind.CODE_USED),
        (refresh_with_unknown_token, ErrorKind.REFRESH),
        (refresh_with_more_scopes, ErrorKind.WIDER),
        (redeem_after_expiry, ErrorKind.ENDED),
    ],
)
def test_response_and_console_show_the_reason(
    ada: User, ada_client: Client, app: App, act: Callable[[App, User], Any], kind: ErrorKind
) -> None:
    assert act(app, ada).json()["error_description"]
    assert get_recorded_kinds() == [kind]
    page = ada_client.get(f"/developer/{app.application.client_id}/")
    assert str(kind.label) in page.content.decode()
    assert str(HINTS[kind]) in page.content.decode().replace("&#x27;", "'")


def test_calls_with_missing_scope_or_wrong_audience_are_recorded(ada: User, app: App) -> None:
    def call(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        body = '{"text": "x"}'
        return Client(headers=headers).post(
            "/api/v1/memories/", body, content_type="application/json"
        ).status_code  # fmt: skip

    assert call(access_token(ada, app, scopes.READ)) == 403
    assert call(access_token(ada, app, path=MCP)) == 401
    assert sorted(get_recorded_kinds()) == [ErrorKind.AUDIENCE, ErrorKind.SCOPE_MISSING]


def test_recording_of_wrong_audience_is_rate_limited(ada: User, app: App, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    mcp_client = Client(headers={"authorization": f"Bearer {access_token(ada, app, path=MCP)}"})
    assert [mcp_client.get("/api/v1/memories/").status_code for _ in range(4)] == [401] * 4
    assert Mistake.objects.get().times == 2


def test_mcp_call_without_scope_is_recorded(ada: User, ada_client: Client, app: App) -> None:
    reader = mcp_app_of(ada, scopes.READ, app=app)
    for _ in range(2):
        response = reader.call("add_memory", text="x")
        assert (response.status, "insufficient_scope" in response.headers["WWW-Authenticate"]) == (403, True)
    assert (get_recorded_kinds(), Mistake.objects.get().times) == ([ErrorKind.SCOPE_MISSING], 2)
    page = ada_client.get(f"/developer/{app.application.client_id}/").content.decode()
    assert str(HINTS[ErrorKind.SCOPE_MISSING]) in page


def test_repeated_error_is_counted_in_one_row(
    app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    mistake = Mistake.objects.get()
    assert (mistake.times, mistake.kind) == (3, ErrorKind.SCOPE)
    assert mistake.first_at <= mistake.last_at
    with django_assert_max_num_queries(4):
        Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))


def test_no_request_content_is_stored(ada: User, app: App) -> None:
    code = app.code(ada)
    app.redeem(code, client_secret="a-secret-of-somebody", redirect_uri="https://told.example/")
    Client().get(AUTHORIZE, app.request(redirect_uri="https://told.example/", state="told"))
    stored = str(list(Mistake.objects.values()))
    for secret in (code, "a-secret", "told", app.verifier, ada.email):
        assert secret not in stored


@pytest.mark.parametrize("client_id", ["nobody", "", "nul\0"])
def test_errors_of_unowned_apps_are_not_recorded(client_id: str, app: App) -> None:
    Client().get(AUTHORIZE, app.request(client_id=client_id))
    app.redeem("x", client_id=client_id)
    Application.objects.update(user=None)  # self-registered, or registered by the command
    Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    assert get_recorded_kinds() == []


def test_denials_and_successes_are_not_recorded(ada: User, ada_client: Client, app: App) -> None:
    ada_client.post(AUTHORIZE, {"answer": "cancel"}, query_params=app.request())
    app.refresh(app.connect(ada)["refresh_token"])
    assert get_recorded_kinds() == []


def test_errors_are_purged_after_a_month(app: App) -> None:
    Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    retention.run_steps()
    assert get_recorded_kinds() == [ErrorKind.SCOPE]
    Mistake.objects.update(last_at=timezone.now() - timedelta(days=31))
    retention.run_steps()
    assert get_recorded_kinds() == []


def test_only_the_developer_can_clear_errors(ada_client: Client, bob_client: Client, app: App) -> None:
    Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    address = f"/developer/{app.application.client_id}/mistakes/"
    assert bob_client.post(address).status_code == 404
    assert get_recorded_kinds() == [ErrorKind.SCOPE]
    ada_client.post(address)
    assert get_recorded_kinds() == []


def test_every_kind_has_a_hint() -> None:
    assert HINTS.keys() == set(ErrorKind)


def test_paused_grant_is_not_recorded_as_error(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    grants.pause_grant(AppGrant.objects.get())
    assert app.refresh(old).status_code == 200
    assert get_recorded_kinds() == []
