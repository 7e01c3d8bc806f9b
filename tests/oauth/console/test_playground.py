"""Playground: developers test their app and see every request and response without secrets."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from memories.models import Memory
from oauth.models import AppGrant, Mistake
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import AccessToken
from tests.factories import load_sessions, remember
from tests.oauth.flows import YES, App, make_app

pytestmark = pytest.mark.django_db


class Playground:
    """The playground as a developer uses it."""

    def __init__(self, browser: Client, app: App) -> None:
        self.browser, self.app = browser, app
        self.address = f"/developer/{app.application.client_id}/try/"

    def act(self, act: str, **form: Any) -> Any:
        return self.browser.post(f"{self.address}{act}/", form)

    def secret(self) -> dict[str, str]:
        return {"client_secret": self.app.secret}

    def authorize(self, *scope_names: str) -> str:
        """Return the callback URL after approval."""
        self.act("allow")
        authorization_url = self.act("ask", scopes=scope_names)["Location"]
        response = self.browser.post(authorization_url, {**YES, "scopes": scope_names})
        assert response.status_code == 303
        return str(response["Location"])

    def receive_code(self, *scope_names: str) -> str:
        callback = urlsplit(self.authorize(*scope_names))
        assert self.browser.get(f"{callback.path}?{callback.query}")["Location"] == self.address
        return parse_qs(callback.query)["code"][0]

    def page(self) -> str:
        return str(self.browser.get(self.address).content.decode())


@pytest.fixture(params=[False, True], ids=["with a secret", "public"])
def any_playground(request: pytest.FixtureRequest, ada: User, ada_client: Client) -> Playground:
    return Playground(ada_client, make_app(user=ada, is_public=request.param))


@pytest.fixture
def playground(ada: User, ada_client: Client) -> Playground:
    return Playground(ada_client, make_app(user=ada))


def test_complete_flow(ada: User, any_playground: Playground) -> None:
    remember(ada, "Ada likes sweet peas.")
    any_playground.receive_code(scopes.READ, scopes.WRITE)
    tokens = any_playground.act("redeem", **any_playground.secret()).content.decode()
    assert "200 OK" in tokens
    assert "Ada likes sweet peas." in any_playground.act("call", call="list").content.decode()
    assert "sweet peas" in any_playground.act("call", call="search", text="peas").content.decode()
    assert "201 Created" in any_playground.act("call", call="create", text="Tried it.").content.decode()
    assert Memory.objects.get(source=f"api:{any_playground.app.application.client_id}").text == "Tried it."
    assert "200 OK" in any_playground.act("refresh", **any_playground.secret()).content.decode()
    assert "200 OK" in any_playground.act("give-back", **any_playground.secret()).content.decode()
    assert not AccessToken.objects.exists()
    assert "1. Request authorization" in any_playground.page()


def test_secrets_are_neither_shown_nor_stored_unencrypted(playground: Playground) -> None:
    code = playground.receive_code(scopes.READ)
    pages = [playground.page()]
    pages += [
        playground.act("redeem", **playground.secret()).content.decode(),
        playground.act("call", call="whoami").content.decode(),
    ]
    assert "picard_at_…" in pages[1]
    assert "client_secret=$CLIENT_SECRET" in pages[1]
    assert "Authorization: Bearer $ACCESS_TOKEN" in pages[2].replace("&quot;", '"')
    stored = json.dumps(load_sessions())
    for text in (*pages, stored):
        assert not [secret for secret in (code, playground.app.secret, "picard_at_a") if secret in text]
        assert "picard_at_" not in text.replace("picard_at_…", "")


def test_wrong_secret_is_reported_and_recorded(playground: Playground) -> None:
    playground.receive_code(scopes.READ)
    html = playground.act("redeem", client_secret="wrong").content.decode()
    assert "401 Unauthorized" in html
    assert Mistake.objects.get().kind == "secret"


def test_call_without_scope_names_the_scope(playground: Playground) -> None:
    playground.receive_code(scopes.READ)
    playground.act("redeem", **playground.secret())
    html = playground.act("call", call="create", text="no").content.decode()
    assert "403 Forbidden" in html
    assert "memories:write" in html
    assert not Memory.objects.exists()


def test_playground_grant_can_be_disconnected(ada: User, playground: Playground) -> None:
    playground.receive_code(scopes.READ)
    playground.act("redeem", **playground.secret())
    grant = AppGrant.objects.get(user=ada)
    playground.browser.post(f"/accounts/apps/{grant.pk}/disconnect/")
    assert "401 Unauthorized" in playground.act("call", call="whoami").content.decode()


@pytest.mark.parametrize("change", ["state=other", "iss=https://evil.example", "code="])
def test_callback_with_wrong_parameter_is_rejected(playground: Playground, change: str) -> None:
    callback = urlsplit(playground.authorize(scopes.READ))
    parameters = {name: values[0] for name, values in parse_qs(callback.query).items()}
    name, value = change.split("=")
    playground.browser.get(callback.path, parameters | {name: value})
    assert "2. Get a token" not in playground.page()


def test_denial_is_shown(playground: Playground) -> None:
    playground.act("allow")
    authorization_url = playground.act("ask", scopes=[scopes.READ])["Location"]
    callback = urlsplit(playground.browser.post(authorization_url, {"answer": "cancel"})["Location"])
    page = playground.browser.get(f"{callback.path}?{callback.query}", follow=True)
    assert "access_denied" in page.content.decode()


def test_app_of_another_user_cannot_be_tested(ada: User, bob_client: Client) -> None:
    others_playground = Playground(bob_client, make_app(user=ada))
    assert bob_client.get(others_playground.address).status_code == 404
    assert bob_client.get(others_playground.address, {"code": "x", "state": "y"}).status_code == 404
    for act in ("allow", "ask", "redeem", "refresh", "give-back", "call", "over", "nonsense"):
        assert others_playground.act(act).status_code == 404
    assert Client().get(others_playground.address).status_code == 302


def test_steps_without_tokens_fail_gracefully(playground: Playground) -> None:
    playground.act("allow")
    for act in ("redeem", "refresh", "give-back"):
        assert playground.act(act, **playground.secret()).status_code == 200
    assert "401 Unauthorized" in playground.act("call", call="whoami").content.decode()
    assert playground.act("call", call="nonsense").status_code == 422
    assert playground.act("ask").status_code == 422


def test_session_does_not_authenticate_api_calls(ada: User, playground: Playground) -> None:
    """API calls authenticate with the app's token only, not with the session cookie."""
    remember(ada, "private")
    assert "private" not in playground.act("call", call="list").content.decode()
    with pytest.raises(InvalidAccessToken):
        authenticate_token("picard_at_", Channel.API)


def test_playground_works_under_another_loopback_name(ada: User) -> None:
    """The log-in page sends developers with a passkey to localhost, where their session stays."""
    browser = Client(headers={"host": "localhost:8000"})
    browser.force_login(ada)
    playground = Playground(browser, make_app(user=ada))
    callback = playground.authorize(scopes.READ)
    assert callback.startswith(f"http://localhost:8000{playground.address}")
    assert "http://localhost:8000/oauth/token/" in browser.get("/developer/").content.decode()
    assert browser.get(callback.removeprefix("http://localhost:8000"))["Location"] == playground.address
    assert "200 OK" in playground.act("redeem", **playground.secret()).content.decode()
    assert "200 OK" in playground.act("call", call="whoami").content.decode()
