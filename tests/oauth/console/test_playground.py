"""A developer tries their own app as themselves, and sees every request and answer without anything secret."""

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


class Trial:
    """The page as a developer goes through it."""

    def __init__(self, browser: Client, app: App) -> None:
        self.browser, self.app = browser, app
        self.address = f"/developer/{app.application.client_id}/try/"

    def act(self, act: str, **form: Any) -> Any:
        return self.browser.post(f"{self.address}{act}/", form)

    def secret(self) -> dict[str, str]:
        return {"client_secret": self.app.secret}

    def ask(self, *asked: str) -> str:
        """Where the yes leads back to."""
        self.act("allow")
        question = self.act("ask", scopes=asked)["Location"]
        yes = self.browser.post(question, {**YES, "scopes": asked})
        assert yes.status_code == 303
        return str(yes["Location"])

    def come_back(self, *asked: str) -> str:
        back = urlsplit(self.ask(*asked))
        assert self.browser.get(f"{back.path}?{back.query}")["Location"] == self.address
        return parse_qs(back.query)["code"][0]

    def page(self) -> str:
        return str(self.browser.get(self.address).content.decode())


@pytest.fixture(params=[False, True], ids=["with a secret", "public"])
def trial(request: pytest.FixtureRequest, ada: User, ada_client: Client) -> Trial:
    return Trial(ada_client, make_app(user=ada, is_public=request.param))


@pytest.fixture
def one(ada: User, ada_client: Client) -> Trial:
    return Trial(ada_client, make_app(user=ada))


def test_the_whole_way(ada: User, trial: Trial) -> None:
    remember(ada, "Ada likes sweet peas.")
    trial.come_back(scopes.READ, scopes.WRITE)
    tokens = trial.act("redeem", **trial.secret()).content.decode()
    assert "200 OK" in tokens
    assert "Ada likes sweet peas." in trial.act("call", call="list").content.decode()
    assert "sweet peas" in trial.act("call", call="search", text="peas").content.decode()
    assert "201 Created" in trial.act("call", call="create", text="Tried it.").content.decode()
    assert Memory.objects.get(source=f"api:{trial.app.application.client_id}").text == "Tried it."
    assert "200 OK" in trial.act("refresh", **trial.secret()).content.decode()
    assert "200 OK" in trial.act("give-back", **trial.secret()).content.decode()
    assert not AccessToken.objects.exists()
    assert "1. Request authorization" in trial.page()


def test_nothing_secret_is_shown_or_stored_in_the_clear(one: Trial) -> None:
    code = one.come_back(scopes.READ)
    shown = [one.page()]
    shown += [
        one.act("redeem", **one.secret()).content.decode(),
        one.act("call", call="whoami").content.decode(),
    ]
    assert "picard_at_…" in shown[1]
    assert "client_secret=$CLIENT_SECRET" in shown[1]
    assert "Authorization: Bearer $ACCESS_TOKEN" in shown[2].replace("&quot;", '"')
    kept = json.dumps(load_sessions())
    for place in (*shown, kept):
        assert not [secret for secret in (code, one.app.secret, "picard_at_a") if secret in place]
        assert "picard_at_" not in place.replace("picard_at_…", "")


def test_a_wrong_secret_is_answered_and_noted_with_a_hint(one: Trial) -> None:
    one.come_back(scopes.READ)
    said = one.act("redeem", client_secret="wrong").content.decode()
    assert "401 Unauthorized" in said
    assert Mistake.objects.get().kind == "secret"


def test_a_call_without_the_scope_says_which(one: Trial) -> None:
    one.come_back(scopes.READ)
    one.act("redeem", **one.secret())
    said = one.act("call", call="create", text="no").content.decode()
    assert "403 Forbidden" in said
    assert "memories:write" in said
    assert not Memory.objects.exists()


def test_it_is_a_real_consent_that_the_person_may_end(ada: User, one: Trial) -> None:
    one.come_back(scopes.READ)
    one.act("redeem", **one.secret())
    grant = AppGrant.objects.get(user=ada)
    one.browser.post(f"/accounts/apps/{grant.pk}/disconnect/")
    assert "401 Unauthorized" in one.act("call", call="whoami").content.decode()


@pytest.mark.parametrize("change", ["state=other", "iss=https://evil.example", "code="])
def test_an_answer_to_another_question_is_not_taken(one: Trial, change: str) -> None:
    back = urlsplit(one.ask(scopes.READ))
    told = {name: values[0] for name, values in parse_qs(back.query).items()}
    name, value = change.split("=")
    one.browser.get(back.path, told | {name: value})
    assert "2. Get a token" not in one.page()


def test_a_no_is_said(one: Trial) -> None:
    one.act("allow")
    question = one.act("ask", scopes=[scopes.READ])["Location"]
    back = urlsplit(one.browser.post(question, {"answer": "cancel"})["Location"])
    page = one.browser.get(f"{back.path}?{back.query}", follow=True)
    assert "access_denied" in page.content.decode()


def test_another_persons_app_cannot_be_tried(ada: User, bob_client: Client) -> None:
    theirs = Trial(bob_client, make_app(user=ada))
    assert bob_client.get(theirs.address).status_code == 404
    assert bob_client.get(theirs.address, {"code": "x", "state": "y"}).status_code == 404
    for act in ("allow", "ask", "redeem", "refresh", "give-back", "call", "over", "nonsense"):
        assert theirs.act(act).status_code == 404
    assert Client().get(theirs.address).status_code == 302


def test_without_tokens_there_is_nothing_to_do_with_them(one: Trial) -> None:
    one.act("allow")
    for act in ("redeem", "refresh", "give-back"):
        assert one.act(act, **one.secret()).status_code == 200
    assert "401 Unauthorized" in one.act("call", call="whoami").content.decode()
    assert one.act("call", call="nonsense").status_code == 422
    assert one.act("ask").status_code == 422


def test_the_developers_session_is_not_the_apps(ada: User, one: Trial) -> None:
    """What is called is called as the app: no cookie of the page stands in for its token."""
    remember(ada, "private")
    assert "private" not in one.act("call", call="list").content.decode()
    with pytest.raises(InvalidAccessToken):
        authenticate_token("picard_at_", Channel.API)
