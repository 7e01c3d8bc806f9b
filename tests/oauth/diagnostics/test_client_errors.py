"""A developer sees what their app asked wrongly, with a hint; nothing that it sent is kept."""

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


def noted() -> list[str]:
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
def test_a_wrong_question_is_noted(app: App, change: dict[str, Any], kind: ErrorKind) -> None:
    Client().get(AUTHORIZE, app.request(**change))
    assert noted() == [kind]


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
def test_a_wrong_token_request_is_noted(ada: User, app: App, change: dict[str, Any], kind: ErrorKind) -> None:
    assert app.redeem(app.code(ada), **change).status_code in (400, 401)
    assert noted() == [kind]


def expire(app: App, ada: User) -> Any:
    code = app.code(ada)
    AuthorizationCode.objects.update(expires=timezone.now())
    return app.redeem(code)


def use_twice(app: App, ada: User) -> Any:
    code = app.code(ada)
    app.redeem(code)
    return app.redeem(code)


def refresh_nonsense(app: App, ada: User) -> Any:
    return app.refresh("picard_rt_nonsense")


def refresh_for_more(app: App, ada: User) -> Any:
    old = app.connect(ada, scope=scopes.READ)["refresh_token"]
    return app.refresh(old, scope=f"{scopes.READ} {scopes.WRITE}")


def redeem_when_it_is_over(app: App, ada: User) -> Any:
    code = app.code(ada)
    AppGrant.objects.update(ends_at=timezone.now())
    return app.redeem(code)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (expire, ErrorKind.CODE_EXPIRED),
        (use_twice, ErrorKind.CODE_USED),
        (refresh_nonsense, ErrorKind.REFRESH),
        (refresh_for_more, ErrorKind.WIDER),
        (redeem_when_it_is_over, ErrorKind.ENDED),
    ],
)
def test_the_answer_and_the_console_say_why(
    ada: User, ada_client: Client, app: App, act: Callable[[App, User], Any], kind: ErrorKind
) -> None:
    assert act(app, ada).json()["error_description"]
    assert noted() == [kind]
    page = ada_client.get(f"/developer/{app.application.client_id}/")
    assert str(kind.label) in page.content.decode()
    assert str(HINTS[kind]) in page.content.decode().replace("&#x27;", "'")


def test_calls_without_the_scope_or_at_the_wrong_door_are_noted(ada: User, app: App) -> None:
    def call(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        form = '{"text": "x"}'
        return Client(headers=headers).post(
            "/api/v1/memories/", form, content_type="application/json"
        ).status_code  # fmt: skip

    assert call(access_token(ada, app, scopes.READ)) == 403
    assert call(access_token(ada, app, path=MCP)) == 401
    assert sorted(noted()) == [ErrorKind.AUDIENCE, ErrorKind.SCOPE_MISSING]


def test_calls_at_the_wrong_door_are_noted_no_oftener_than_calls_may_be_made(
    ada: User, app: App, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    for_mcp = Client(headers={"authorization": f"Bearer {access_token(ada, app, path=MCP)}"})
    assert [for_mcp.get("/api/v1/memories/").status_code for _ in range(4)] == [401] * 4
    assert Mistake.objects.get().times == 2


def test_an_mcp_call_without_the_scope_is_noted_with_the_same_hint(
    ada: User, ada_client: Client, app: App
) -> None:
    reader = mcp_app_of(ada, scopes.READ, app=app)
    for _ in range(2):
        refused = reader.call("add_memory", text="x")
        assert (refused.status, "insufficient_scope" in refused.headers["WWW-Authenticate"]) == (403, True)
    assert (noted(), Mistake.objects.get().times) == ([ErrorKind.SCOPE_MISSING], 2)
    page = ada_client.get(f"/developer/{app.application.client_id}/").content.decode()
    assert str(HINTS[ErrorKind.SCOPE_MISSING]) in page


def test_it_costs_one_statement_and_one_row_however_often(
    app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        Client().get(AUTHORIZE, app.request(scope="nonsense"))
    mistake = Mistake.objects.get()
    assert (mistake.times, mistake.kind) == (3, ErrorKind.SCOPE)
    assert mistake.first_at <= mistake.last_at
    with django_assert_max_num_queries(4):
        Client().get(AUTHORIZE, app.request(scope="nonsense"))


def test_nothing_that_was_sent_is_kept(ada: User, app: App) -> None:
    code = app.code(ada)
    app.redeem(code, client_secret="a-secret-of-somebody", redirect_uri="https://told.example/")
    Client().get(AUTHORIZE, app.request(redirect_uri="https://told.example/", state="told"))
    stored = str(list(Mistake.objects.values()))
    for sent in (code, "a-secret", "told", app.verifier, ada.email):
        assert sent not in stored


@pytest.mark.parametrize("client_id", ["nobody", "", "nul\0"])
def test_nobodys_mistakes_are_not_noted(client_id: str, app: App) -> None:
    Client().get(AUTHORIZE, app.request(client_id=client_id))
    app.redeem("x", client_id=client_id)
    Application.objects.update(user=None)  # registered itself, or by the command
    Client().get(AUTHORIZE, app.request(scope="nonsense"))
    assert noted() == []


def test_a_no_and_what_goes_well_are_no_mistakes(ada: User, ada_client: Client, app: App) -> None:
    ada_client.post(AUTHORIZE, {"answer": "cancel"}, query_params=app.request())
    app.refresh(app.connect(ada)["refresh_token"])
    assert noted() == []


def test_what_was_not_made_again_for_a_month_goes(app: App) -> None:
    Client().get(AUTHORIZE, app.request(scope="nonsense"))
    retention.run_steps()
    assert noted() == [ErrorKind.SCOPE]
    Mistake.objects.update(last_at=timezone.now() - timedelta(days=31))
    retention.run_steps()
    assert noted() == []


def test_a_developer_clears_them_and_nobody_else(ada_client: Client, bob_client: Client, app: App) -> None:
    Client().get(AUTHORIZE, app.request(scope="nonsense"))
    address = f"/developer/{app.application.client_id}/mistakes/"
    assert bob_client.post(address).status_code == 404
    assert noted() == [ErrorKind.SCOPE]
    ada_client.post(address)
    assert noted() == []


def test_every_kind_has_a_hint() -> None:
    assert HINTS.keys() == set(ErrorKind)


def test_a_paused_permission_is_no_mistake(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    grants.pause_grant(AppGrant.objects.get())
    assert app.refresh(old).status_code == 200
    assert noted() == []
