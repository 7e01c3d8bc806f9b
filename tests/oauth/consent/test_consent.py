"""A person is asked in words that they understand, may narrow what is asked for, and is asked every time."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.sessions.revocation import end_sessions
from memories import scopes
from memories.providers.chat_settings import ChatSettings
from oauth import rate_limits
from oauth.consent import views
from oauth.models import AppGrant, Application, Mistake
from oauth.tokens.families import AuthorizationCode
from tests.factories import remember
from tests.oauth.flows import YES, App, allow, exhaust, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
BOTH = [scopes.READ, scopes.WRITE]


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def people(ada: User, bob: User, carol: User) -> dict[str, User]:
    return {"ada": ada, "bob": bob, "carol": carol}


def answer(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.mark.parametrize(
    ("provider", "address", "named"),
    [
        ("openai", "", "api.openai.com"),
        ("openai", "https://vectors.example/v1", "vectors.example"),
        ("openai", "http://127.0.0.1:11434/v1", ""),
        ("local", "https://vectors.example/v1", ""),
    ],
)
@pytest.mark.parametrize("place", ["consent", "/accounts/profile/", "/help/"])
def test_whose_server_reads_every_text_is_said_where_it_counts(
    provider: str, address: str, named: str, place: str, ada_client: Client, app: App, settings: Settings
) -> None:
    settings.EMBEDDING_PROVIDER, settings.OPENAI_BASE_URL = provider, address
    there = (AUTHORIZE, app.request()) if place == "consent" else (place,)
    page = ada_client.get(*there).content.decode()
    assert (f"sends texts to <strong>{named}</strong>" in page) is bool(named)
    assert ("sends texts to" in page) is bool(named)


def test_the_page_says_who_asks_for_what_and_where_the_answer_goes(
    ada: User, ada_client: Client, app: App
) -> None:
    remember(ada, "Ada likes sweet peas.")
    page = ada_client.get(AUTHORIZE, app.request()).content.decode()
    for words in (
        "<bdi>Notes</bdi> requests access to your memories",
        "logged in as Ada (ada@example.org)",
        "notes.example",
        "Read and search your memories, including private ones.",
        "it could read 1 memory",
        "Ada likes sweet peas.",
    ):
        assert words in page
    assert "memories:read" not in page.replace('value="memories:read"', "")


def test_who_is_not_logged_in_logs_in_first_and_comes_back(app: App) -> None:
    response = Client().get(AUTHORIZE, app.request())
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/oauth/authorize/%3F")


def test_a_yes_goes_back_with_a_code_state_and_issuer(ada: User, ada_client: Client, app: App) -> None:
    said_yes = ada_client.post(AUTHORIZE, {**YES, "scopes": BOTH}, query_params=app.request())
    assert said_yes.status_code == 303
    given = answer(said_yes["Location"])
    assert given.keys() == {"code", "state", "iss"}
    assert (given["state"], given["iss"]) == ("some-state", "http://127.0.0.1:8000")
    grant = AppGrant.objects.get()
    assert (grant.user, grant.scopes, grant.only_tags, grant.ends_at) == (ada, BOTH, None, None)


def test_a_no_goes_back_as_access_denied_and_leaves_nothing(ada_client: Client, app: App) -> None:
    said_no = ada_client.post(AUTHORIZE, {"answer": "cancel"}, query_params=app.request())
    given = answer(said_no["Location"])
    assert given.pop("error_description", "") is not None
    assert given == {"error": "access_denied", "state": "some-state", "iss": "http://127.0.0.1:8000"}
    assert not AppGrant.objects.exists()


def test_a_person_narrows_by_scope_tag_and_time(ada: User, ada_client: Client, app: App) -> None:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    choice = {
        "answer": "allow",
        "scopes": [scopes.READ],
        "reach": "tagged",
        "tags": [str(tag.pk)],
        "ends": "week",
    }
    said_yes = ada_client.post(AUTHORIZE, choice, query_params=app.request())
    assert said_yes.status_code == 303
    grant = AppGrant.objects.get()
    assert (grant.scopes, grant.only_tags) == ([scopes.READ], [tag.pk])
    assert grant.ends_at is not None
    assert timedelta(days=6) < grant.ends_at - timezone.now() <= timedelta(days=7)
    assert AuthorizationCode.objects.get().scope == scopes.READ


@pytest.mark.parametrize(
    "choice",
    [
        {"scopes": []},
        {"scopes": [scopes.ADMIN]},
        {"scopes": BOTH, "reach": "tagged"},
        {"scopes": BOTH, "reach": "tagged", "tags": ["00000000-0000-7000-8000-000000000000"]},
        {"scopes": BOTH, "ends": "forever"},
        {"scopes": BOTH, "reach": ""},
        {"scopes": BOTH, "reach": "some"},
    ],
)
def test_what_cannot_be_chosen_is_said_on_the_page(
    ada_client: Client, app: App, choice: dict[str, object]
) -> None:
    said = ada_client.post(AUTHORIZE, {**YES, **choice}, query_params=app.request())
    assert said.status_code == 422
    assert not AppGrant.objects.exists()


def test_another_persons_tag_cannot_be_chosen(ada_client: Client, bob: User, app: App) -> None:
    theirs = remember(bob, "one", tags=["work"]).tags.get()
    choice = {"answer": "allow", "scopes": BOTH, "reach": "tagged", "tags": [str(theirs.pk)]}
    assert ada_client.post(AUTHORIZE, choice, query_params=app.request()).status_code == 422


def test_publishing_takes_an_extra_tick(ada_client: Client, app: App) -> None:
    page = ada_client.get(AUTHORIZE, app.request(scope=f"{scopes.READ} {scopes.PUBLISH}")).content.decode()
    boxes = {
        line.split('value="')[1].split('"')[0]: "checked" in line
        for line in page.split("<input")
        if 'name="scopes"' in line
    }
    assert boxes == {scopes.READ: True, scopes.PUBLISH: False}


@pytest.mark.parametrize("way", ["approval_prompt", "prompt"])
@pytest.mark.compliance("RFC 9700", "2.3")
def test_a_client_cannot_switch_the_question_off(ada: User, ada_client: Client, app: App, way: str) -> None:
    app.connect(ada)
    page = ada_client.get(AUTHORIZE, app.request(**{way: "auto"}))
    assert (page.status_code, page.templates[0].name) == (200, "oauth/consent.html")


def test_a_self_registered_app_is_said_to_be_one(ada_client: Client) -> None:
    app = make_app(registration_source=Application.RegistrationSource.DCR)
    assert b"registered itself" in ada_client.get(AUTHORIZE, app.request()).content


@pytest.mark.parametrize(
    ("owner", "is_said"),
    [(None, False), ("ada", False), ("bob", True), ("carol", False), ("carol, who has left", True)],
)
def test_an_app_that_nobody_answerable_has_checked_is_said_to_be_one(
    owner: str | None, is_said: bool, people: dict[str, User], ada_client: Client
) -> None:
    """ada, who is asked, knows her own; carol is of the staff."""
    app = make_app(user=people[owner.split(",")[0]] if owner else None)
    if owner and "left" in owner:
        User.objects.filter(pk=people["carol"].pk).update(is_active=False)
    page = ada_client.get(AUTHORIZE, app.request()).content
    assert (b"Its name is not verified" in page) == is_said
    assert b"registered itself" not in page


@pytest.mark.compliance("RFC 9700", "4.11.2")
@pytest.mark.parametrize(("owner", "status"), [("bob", 400), ("carol", 303)])
def test_who_registers_an_app_in_the_console_can_send_nobody_anywhere(
    owner: str, status: int, people: dict[str, User], ada_client: Client
) -> None:
    app = make_app(user=people[owner])
    for browser in (Client(), ada_client):
        answer = browser.get(AUTHORIZE, app.request(code_challenge=None))
        assert (answer.status_code, "Location" in answer) == (status, status == 303)


@pytest.mark.parametrize(
    ("uri", "goes_to", "stays_here"),
    [
        ("https://notes.example:444/callback", "notes.example", False),
        ("http://127.0.0.1:8000/cb", "127.0.0.1", True),
        ("vscode://claude.ai/cb", "vscode:", True),
        ("cursor://anysphere.cursor-mcp/oauth", "cursor:", True),
    ],
)
def test_the_name_of_a_host_stands_for_a_host(
    uri: str, goes_to: str, stays_here: bool, ada_client: Client, app: App
) -> None:
    Application.objects.update(redirect_uris=uri)
    page = ada_client.get(AUTHORIZE, app.request(redirect_uri=uri)).content.decode()
    assert f"You will be redirected to <strong>{goes_to}</strong>" in page
    assert ("a program on this device" in page) == stays_here


@pytest.mark.compliance("RFC 6585", "4")
def test_who_asks_wrongly_over_and_over_waits_and_is_noted_no_more(ada: User, ada_client: Client) -> None:
    app = make_app(user=ada)
    assert Client().get(AUTHORIZE, app.request(scope="nonsense")).status_code == 400
    exhaust(rate_limits.INVALID_AUTHORIZATION_REQUESTS)
    later = Client().get(AUTHORIZE, app.request(scope="nonsense"))
    assert (later.status_code, int(later["Retry-After"]) >= 1) == (429, True)
    assert Mistake.objects.get().times == 1
    assert ada_client.get(AUTHORIZE, app.request()).status_code == 200


def test_allow_and_cancel_are_equally_large(ada_client: Client, app: App) -> None:
    page = ada_client.get(AUTHORIZE, app.request()).content.decode()
    assert "actions-equal" in page


def test_a_letter_tells_of_a_newly_connected_app(ada: User, app: App) -> None:
    app.connect(ada)
    app.connect(ada)
    [letter] = mail.outbox
    assert letter.to == [ada.email]
    assert letter.subject == "Notes is connected to your memories"
    assert "Read and search your memories" in letter.body


def test_asking_again_replaces_what_was_allowed(ada: User, app: App) -> None:
    app.connect(ada)
    app.connect(ada, scope=scopes.READ)
    assert AppGrant.objects.get().scopes == [scopes.READ]


def test_an_app_that_asks_anew_is_not_offered_more_memories_or_time(
    ada: User, ada_client: Client, app: App
) -> None:
    """The page as it stands keeps to what the person chose the last time."""
    tag = remember(ada, "one", tags=["work"]).tags.get()
    allow(ada, app, only_tags=frozenset([tag.pk]), ends_at=timezone.now() + timedelta(days=2))
    before = AppGrant.objects.get()
    form = ada_client.get(AUTHORIZE, app.request()).context["form"]
    as_it_stands = {name: form[name].value() for name in ("scopes", "reach", "tags", "ends")}
    ada_client.post(AUTHORIZE, {"answer": "allow", **as_it_stands}, query_params=app.request())
    after = AppGrant.objects.get()
    assert after.consented_at > before.consented_at
    assert (after.only_tags, after.ends_at) == ([tag.pk], before.ends_at)
    AppGrant.objects.update(ends_at=timezone.now())
    form = ada_client.get(AUTHORIZE, app.request()).context["form"]
    assert (form["reach"].value(), form["ends"].value()) == ("tagged", "never")


@pytest.mark.parametrize("end", [end_sessions, lambda ada: User.objects.update(is_active=False)])
def test_a_yes_under_way_does_not_outlast_the_log_in(
    end: Callable[[User], object], ada: User, ada_client: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else who is in and says yes all the time stays connected by none of them."""

    def meanwhile(_actor: object) -> list[tuple[str, str]]:
        end(User.objects.get())
        return []

    monkeypatch.setattr(views, "_get_tag_choices", meanwhile)
    said_yes = ada_client.post(AUTHORIZE, {**YES, "scopes": BOTH}, query_params=app.request())
    assert said_yes["Location"].startswith("/accounts/login/?next=/oauth/authorize/")
    assert not AppGrant.objects.exists()
    assert not AuthorizationCode.objects.exists()


ASKS_PERSONAS = f"{scopes.READ} {scopes.PERSONA}"


@pytest.mark.parametrize(
    ("allowed", "scope", "is_said"),
    [
        ("model.example", ASKS_PERSONAS, True),
        ("model.example", scopes.READ, True),
        ("model.example", scopes.WRITE, False),
        ("other.example", ASKS_PERSONAS, False),
        ("", ASKS_PERSONAS, False),
    ],
)
def test_the_page_says_which_model_elsewhere_would_read_along(
    ada: User, ada_client: Client, app: App, settings: Settings, allowed: str, scope: str, is_said: bool
) -> None:
    settings.CHAT = ChatSettings("a-model", base_url="https://model.example/v1")
    User.objects.update(chat_provider=allowed)
    page = ada_client.get(AUTHORIZE, app.request(scope=scope)).content.decode()
    assert ("sent to model.example" in page) == is_said


def test_a_model_on_this_machine_reads_along_unsaid(
    ada: User, ada_client: Client, app: App, settings: Settings
) -> None:
    settings.CHAT = ChatSettings("a-model", base_url="http://127.0.0.1:1/v1")
    User.objects.update(chat_provider="127.0.0.1")
    assert b"127.0.0.1, which" not in ada_client.get(AUTHORIZE, app.request(scope=ASKS_PERSONAS)).content
