"""The consent page: what it shows, how users limit access, and that it is shown for every request."""

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
from oauth.access import grants
from oauth.consent import choices
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


def parse_response(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.mark.parametrize(
    ("provider", "address", "host"),
    [
        ("openai", "", "api.openai.com"),
        ("openai", "https://vectors.example/v1", "vectors.example"),
        ("openai", "http://127.0.0.1:11434/v1", ""),
        ("local", "https://vectors.example/v1", ""),
    ],
)
@pytest.mark.parametrize("place", ["consent", "/accounts/profile/", "/help/"])
def test_remote_embedding_provider_is_named(
    provider: str, address: str, host: str, place: str, ada_client: Client, app: App, settings: Settings
) -> None:
    settings.EMBEDDING_PROVIDER, settings.OPENAI_BASE_URL = provider, address
    target = (AUTHORIZE, app.request()) if place == "consent" else (place,)
    page = ada_client.get(*target).content.decode()
    assert (f"sends texts to <strong>{host}</strong>" in page) is bool(host)
    assert ("sends texts to" in page) is bool(host)


def test_consent_page_shows_app_scopes_and_redirect_host(ada: User, ada_client: Client, app: App) -> None:
    remember(ada, "Ada likes sweet peas.")
    page = ada_client.get(AUTHORIZE, app.request()).content.decode()
    for text in (
        "<bdi>Notes</bdi> requests access to your memories",
        "logged in as Ada (ada@example.org)",
        "notes.example",
        "Read and search your memories, including private ones.",
        "it could read 1 memory",
        "Ada likes sweet peas.",
    ):
        assert text in page
    assert "memories:read" not in page.replace('value="memories:read"', "")


def test_anonymous_user_logs_in_first(app: App) -> None:
    response = Client().get(AUTHORIZE, app.request())
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/oauth/authorize/%3F")


def test_approval_redirects_with_code_state_and_issuer(ada: User, ada_client: Client, app: App) -> None:
    response = ada_client.post(AUTHORIZE, {**YES, "scopes": BOTH}, query_params=app.request())
    assert response.status_code == 303
    parameters = parse_response(response["Location"])
    assert parameters.keys() == {"code", "state", "iss"}
    assert (parameters["state"], parameters["iss"]) == ("some-state", "http://127.0.0.1:8000")
    grant = AppGrant.objects.get()
    assert (grant.user, grant.scopes, grant.only_tags, grant.ends_at) == (ada, BOTH, None, None)


def test_denial_redirects_with_access_denied_and_stores_nothing(ada_client: Client, app: App) -> None:
    response = ada_client.post(AUTHORIZE, {"answer": "cancel"}, query_params=app.request())
    parameters = parse_response(response["Location"])
    assert parameters.pop("error_description", "") is not None
    assert parameters == {"error": "access_denied", "state": "some-state", "iss": "http://127.0.0.1:8000"}
    assert not AppGrant.objects.exists()


def test_user_can_limit_scopes_tags_and_time(ada: User, ada_client: Client, app: App) -> None:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    choice = {
        "answer": "allow",
        "scopes": [scopes.READ],
        "reach": "tagged",
        "tags": [str(tag.pk)],
        "ends": "week",
    }
    response = ada_client.post(AUTHORIZE, choice, query_params=app.request())
    assert response.status_code == 303
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
def test_invalid_choice_shows_the_page_again(ada_client: Client, app: App, choice: dict[str, object]) -> None:
    response = ada_client.post(AUTHORIZE, {**YES, **choice}, query_params=app.request())
    assert response.status_code == 422
    assert not AppGrant.objects.exists()


def test_tag_of_another_user_cannot_be_chosen(ada_client: Client, bob: User, app: App) -> None:
    theirs = remember(bob, "one", tags=["work"]).tags.get()
    choice = {"answer": "allow", "scopes": BOTH, "reach": "tagged", "tags": [str(theirs.pk)]}
    assert ada_client.post(AUTHORIZE, choice, query_params=app.request()).status_code == 422


def test_publish_scope_is_not_preselected(ada_client: Client, app: App) -> None:
    page = ada_client.get(AUTHORIZE, app.request(scope=f"{scopes.READ} {scopes.PUBLISH}")).content.decode()
    checkboxes = {
        line.split('value="')[1].split('"')[0]: "checked" in line
        for line in page.split("<input")
        if 'name="scopes"' in line
    }
    assert checkboxes == {scopes.READ: True, scopes.PUBLISH: False, scopes.WRITE: False}


@pytest.mark.parametrize("parameter", ["approval_prompt", "prompt"])
@pytest.mark.compliance("RFC 9700", "2.3")
def test_client_cannot_skip_the_consent_page(ada: User, ada_client: Client, app: App, parameter: str) -> None:
    app.connect(ada)
    page = ada_client.get(AUTHORIZE, app.request(**{parameter: "auto"}))
    assert (page.status_code, page.templates[0].name) == (200, "oauth/consent.html")


def test_self_registered_app_is_marked(ada_client: Client) -> None:
    app = make_app(registration_source=Application.RegistrationSource.DCR)
    assert b"registered itself" in ada_client.get(AUTHORIZE, app.request()).content


@pytest.mark.parametrize(
    ("owner", "is_shown"),
    [(None, False), ("ada", False), ("bob", True), ("carol", False), ("carol, who has left", True)],
)
def test_unverified_app_is_marked(
    owner: str | None, is_shown: bool, people: dict[str, User], ada_client: Client
) -> None:
    """ada is the user; carol is staff."""
    app = make_app(user=people[owner.split(",")[0]] if owner else None)
    if owner and "left" in owner:
        User.objects.filter(pk=people["carol"].pk).update(is_active=False)
    page = ada_client.get(AUTHORIZE, app.request()).content
    assert (b"Its name is not verified" in page) == is_shown
    assert b"registered itself" not in page


@pytest.mark.compliance("RFC 9700", "4.11.2")
@pytest.mark.parametrize(("owner", "status"), [("bob", 400), ("carol", 303)])
def test_unverified_app_cannot_be_used_as_open_redirector(
    owner: str, status: int, people: dict[str, User], ada_client: Client
) -> None:
    app = make_app(user=people[owner])
    for browser in (Client(), ada_client):
        response = browser.get(AUTHORIZE, app.request(code_challenge=None))
        assert (response.status_code, "Location" in response) == (status, status == 303)


@pytest.mark.parametrize(
    ("uri", "target", "is_local"),
    [
        ("https://notes.example:444/callback", "notes.example", False),
        ("http://127.0.0.1:8000/cb", "127.0.0.1", True),
        ("vscode://claude.ai/cb", "vscode:", True),
        ("cursor://anysphere.cursor-mcp/oauth", "cursor:", True),
    ],
)
def test_redirect_host_or_scheme_is_shown(
    uri: str, target: str, is_local: bool, ada_client: Client, app: App
) -> None:
    Application.objects.update(redirect_uris=uri)
    page = ada_client.get(AUTHORIZE, app.request(redirect_uri=uri)).content.decode()
    assert f"You will be redirected to <strong>{target}</strong>" in page
    assert ("a program on this device" in page) == is_local


@pytest.mark.compliance("RFC 6585", "4")
def test_repeated_invalid_requests_are_rate_limited_and_not_recorded(ada: User, ada_client: Client) -> None:
    app = make_app(user=ada)
    assert Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN)).status_code == 400
    exhaust(rate_limits.INVALID_AUTHORIZATION_REQUESTS)
    later = Client().get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    assert (later.status_code, int(later["Retry-After"]) >= 1) == (429, True)
    assert Mistake.objects.get().times == 1
    assert ada_client.get(AUTHORIZE, app.request()).status_code == 200


def test_allow_and_cancel_buttons_have_equal_size(ada_client: Client, app: App) -> None:
    page = ada_client.get(AUTHORIZE, app.request()).content.decode()
    assert "actions-equal" in page


def test_email_is_sent_when_an_app_is_first_connected(ada: User, app: App) -> None:
    app.connect(ada)
    app.connect(ada)
    [email] = mail.outbox
    assert email.to == [ada.email]
    assert email.subject == "Notes was connected to your account"
    assert "Read and search your memories" in email.body


def read_permissions(browser: Client, app: App, **changes: object) -> dict[str, tuple[bool, str]]:
    """Return by scope of the consent page whether it is preselected, and its text."""
    form = browser.get(AUTHORIZE, app.request(**changes)).context["form"]
    selected = form["scopes"].value()
    return {name: (name in selected, label) for name, label in form.fields["scopes"].choices}


def test_user_can_decline_writing_and_is_offered_it_again(ada: User, ada_client: Client, app: App) -> None:
    """The previous choice stays preselected when the app requests the same again."""
    assert [is_selected for is_selected, _text in read_permissions(ada_client, app).values()] == [True, True]
    app.redeem(app.code(ada, chosen=[scopes.READ]))
    permissions = read_permissions(ada_client, app)
    assert (permissions[scopes.READ][0], permissions[scopes.WRITE][0]) == (True, False)
    assert "You did not allow this before." in permissions[scopes.WRITE][1]
    assert app.connect(ada)["scope"] == " ".join(BOTH)
    assert read_permissions(ada_client, app)[scopes.WRITE][0]


@pytest.mark.compliance("RFC 6749", "3.3")
def test_app_that_requests_less_is_offered_the_rest(ada: User, ada_client: Client, app: App) -> None:
    """Apps on some MCP SDKs request only what the first challenge names."""
    permissions = read_permissions(ada_client, app, scope=scopes.READ)
    assert (permissions[scopes.READ][0], permissions[scopes.WRITE][0]) == (True, False)
    assert "The app does not request this." in permissions[scopes.WRITE][1]
    tokens = app.redeem(app.code(ada, scope=scopes.READ, chosen=BOTH)).json()
    assert tokens["scope"] == " ".join(BOTH)
    assert app.refresh(tokens["refresh_token"]).json()["scope"] == " ".join(BOTH)
    assert read_permissions(ada_client, app, scope=scopes.READ)[scopes.WRITE][0]  # as the user chose before


def test_app_that_requests_more_than_before_is_preselected_what_it_never_had(
    ada: User, ada_client: Client, app: App
) -> None:
    app.connect(ada, scope=scopes.READ)
    assert read_permissions(ada_client, app)[scopes.WRITE] == (
        True,
        "Add and edit memories, and move them to trash. <em>New.</em>",
    )


def test_permission_that_the_user_withdrew_is_not_preselected(
    ada: User, ada_client: Client, app: App
) -> None:
    app.connect(ada)
    grant = AppGrant.objects.get()
    choice = {"scopes": [scopes.READ], "reach": "all", "ends": "never"}
    ada_client.post(f"/accounts/apps/{grant.pk}/narrow/", choice)
    assert not read_permissions(ada_client, app)[scopes.WRITE][0]


def test_only_scopes_of_every_app_are_offered_unrequested(ada_client: Client) -> None:
    app = make_app(may_manage=True)
    assert set(read_permissions(ada_client, app, scope=scopes.PERSONA)) == {scopes.PERSONA, *BOTH}
    assert not any(read_permissions(ada_client, app, scope=scopes.PERSONA)[name][0] for name in BOTH)


def test_new_consent_replaces_the_previous_grant(ada: User, app: App) -> None:
    app.connect(ada)
    app.connect(ada, scope=scopes.READ)
    assert AppGrant.objects.get().scopes == [scopes.READ]


def test_consent_form_starts_with_previous_limits(ada: User, ada_client: Client, app: App) -> None:
    """The form starts with the user's previous choices."""
    tag = remember(ada, "one", tags=["work"]).tags.get()
    allow(ada, app, only_tags=frozenset([tag.pk]), ends_at=timezone.now() + timedelta(days=2))
    before = AppGrant.objects.get()
    form = ada_client.get(AUTHORIZE, app.request()).context["form"]
    unchanged = {name: form[name].value() for name in ("scopes", "reach", "tags", "ends")}
    ada_client.post(AUTHORIZE, {"answer": "allow", **unchanged}, query_params=app.request())
    after = AppGrant.objects.get()
    assert after.consented_at > before.consented_at
    assert (after.only_tags, after.ends_at) == ([tag.pk], before.ends_at)
    AppGrant.objects.update(ends_at=timezone.now())
    form = ada_client.get(AUTHORIZE, app.request()).context["form"]
    assert (form["reach"].value(), form["ends"].value()) == ("tagged", "never")


@pytest.mark.parametrize("end", [end_sessions, lambda ada: User.objects.update(is_active=False)])
def test_approval_in_flight_does_not_outlive_the_session(
    end: Callable[[User], object], ada: User, ada_client: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intruder who keeps approving apps does not stay connected after the sessions end."""

    def end_during_request(*_: object) -> list[tuple[str, str]]:
        end(User.objects.get())
        return []

    monkeypatch.setattr(choices, "list_tag_choices", end_during_request)
    response = ada_client.post(AUTHORIZE, {**YES, "scopes": BOTH}, query_params=app.request())
    assert response["Location"].startswith("/accounts/login/?next=/oauth/authorize/")
    assert not AppGrant.objects.exists()
    assert not AuthorizationCode.objects.exists()


PERSONA_SCOPES = f"{scopes.READ} {scopes.PERSONA}"


@pytest.mark.parametrize(
    ("allowed", "scope", "is_shown"),
    [
        ("model.example", PERSONA_SCOPES, True),
        ("model.example", scopes.READ, True),
        ("model.example", scopes.WRITE, False),
        ("other.example", PERSONA_SCOPES, False),
        ("", PERSONA_SCOPES, False),
    ],
)
def test_remote_chat_model_is_named(
    ada: User, ada_client: Client, app: App, settings: Settings, allowed: str, scope: str, is_shown: bool
) -> None:
    settings.CHAT = ChatSettings("a-model", base_url="https://model.example/v1")
    User.objects.update(chat_provider=allowed)
    page = ada_client.get(AUTHORIZE, app.request(scope=scope)).content.decode()
    assert ("sent to model.example" in page) == is_shown


def test_local_chat_model_is_not_named(ada: User, ada_client: Client, app: App, settings: Settings) -> None:
    settings.CHAT = ChatSettings("a-model", base_url="http://127.0.0.1:1/v1")
    User.objects.update(chat_provider="127.0.0.1")
    assert b"127.0.0.1, which" not in ada_client.get(AUTHORIZE, app.request(scope=PERSONA_SCOPES)).content


def test_user_connects_a_bounded_number_of_apps(
    ada: User, bob: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MAX_APPS", 2)
    first, second, third = (make_app(f"App {number}") for number in range(3))
    for app in (first, second, first):  # connecting again is always allowed
        allow(ada, app)
    choice = {**YES, "scopes": BOTH}
    refused = ada_client.post(AUTHORIZE, choice, query_params=third.request())
    assert refused.status_code == 422
    assert "You can connect at most 2 apps. Disconnect one first." in refused.content.decode()
    assert not AppGrant.objects.filter(application=third.application).exists()
    allow(bob, third)
    grants.revoke_grant(AppGrant.objects.get(application=second.application))
    assert ada_client.post(AUTHORIZE, choice, query_params=third.request()).status_code < 400
    assert AppGrant.objects.filter(user=ada, application=third.application).exists()
