"""Developers register apps, see a secret once, and rotate it without downtime; staff can view and revoke."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from oauth.models import AppGrant, Application
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import AccessToken, RefreshToken
from tests.factories import make_person
from tests.oauth.flows import REDIRECT, App, make_app

pytestmark = pytest.mark.django_db
CONSOLE = "/developer/"


def get_secret_from(page: bytes) -> str:
    return page.decode().split("picard_cs_")[1].split("<")[0]


def test_client_secret_is_shown_once(ada: User, ada_client: Client) -> None:
    page = ada_client.post(CONSOLE, {"name": "Mine", "redirect_uris": REDIRECT})
    application = Application.objects.get()
    secret = "picard_cs_" + get_secret_from(page.content)
    assert application.check_client_secret(secret)
    assert application.user == ada
    assert "no-store" in page["Cache-Control"]
    assert b"picard_cs_" not in ada_client.get(CONSOLE).content


def test_invalid_redirect_url_is_reported(ada_client: Client) -> None:
    page = ada_client.post(CONSOLE, {"name": "Mine", "redirect_uris": "http://a.example/cb"})
    assert page.status_code == 422
    assert b"http is only allowed for loopback" in page.content


@pytest.mark.parametrize(
    "name",
    [
        "Notes\u202e",  # changes the text direction
        "\u2067Notes",
        "No\u200dtes",  # a joiner without effect
        "\u200cNotes",
        "No\u00adtes",
        "Notes\u3164",
        "Notes\ufe0f",
        "Notes\U000e0041",  # a tag character
        "My\u00a0notes",
        "My\nnotes",
        "\uf8ff Notes",
        "x" * 81,
    ],
)
def test_names_with_invisible_characters_are_rejected(name: str, ada: User, ada_client: Client) -> None:
    assert ada_client.post(CONSOLE, {"name": name, "redirect_uris": REDIRECT}).status_code == 422
    with pytest.raises(CommandError):
        call_command("register_client", f"The {name}", REDIRECT)
    app = make_app(user=ada)
    changed = {"name": f"The {name}", "redirect_uris": REDIRECT}
    assert ada_client.post(f"{CONSOLE}{app.application.client_id}/", changed).status_code == 422
    assert Application.objects.get().name == "Notes"


@pytest.mark.parametrize(
    "name",
    [
        "My notes",
        "Café 📝",
        "פתקים",
        "メモ帳",
        "हिन्दी",
        "क्\u200dष",
        "یادداشت\u200cها",
        "မြွှေး",
        "İş & <b>",
        "x" * 80,
    ],
)
def test_names_of_all_scripts_are_accepted(name: str, ada_client: Client) -> None:
    ada_client.post(CONSOLE, {"name": name, "redirect_uris": REDIRECT})
    assert Application.objects.get().name == name


def test_previous_secret_works_after_rotation(ada: User, ada_client: Client) -> None:
    app = make_app(user=ada)
    page = ada_client.post(f"{CONSOLE}{app.application.client_id}/secret/")
    new = "picard_cs_" + get_secret_from(page.content)
    application = Application.objects.get()
    assert application.check_client_secret(new)
    assert application.check_client_secret(app.secret)


def test_second_rotation_revokes_the_first_secret(ada: User, ada_client: Client) -> None:
    app = make_app(user=ada)
    rotate = f"{CONSOLE}{app.application.client_id}/secret/"
    assert (
        b"rotate the secret again: this revokes the previous one immediately"
        in ada_client.post(rotate).content
    )
    ada_client.post(rotate)
    assert not Application.objects.get().check_client_secret(app.secret)


@pytest.mark.parametrize("act", ["secret", "delete"])
def test_app_of_another_user_is_not_found(ada: User, bob_client: Client, act: str) -> None:
    app = make_app(user=ada)
    assert bob_client.post(f"{CONSOLE}{app.application.client_id}/{act}/").status_code == 404
    assert Client().post(f"{CONSOLE}{app.application.client_id}/{act}/").status_code == 302
    assert Application.objects.exists()


def test_deleting_an_app_revokes_its_tokens(ada: User, bob: User, ada_client: Client) -> None:
    app = make_app(user=ada)
    token = app.connect(bob)["access_token"]
    ada_client.post(f"{CONSOLE}{app.application.client_id}/delete/")
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_register_client_command_prints_credentials(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("register_client", "Notes", REDIRECT, "http://127.0.0.1/cb", owner=ada.email)
    printed = dict(line.split("=", 1) for line in capsys.readouterr().out.split())
    application = Application.objects.get(client_id=printed["PICARD_CLIENT_ID"])
    assert application.check_client_secret(printed["PICARD_CLIENT_SECRET"])
    assert (application.user, application.name) == (ada, "Notes")


@pytest.mark.parametrize(
    ("arguments", "options"), [(["x", "http://a.example"], {}), (["x", REDIRECT], {"owner": "no@b.c"})]
)
def test_register_client_command_rejects_invalid_input(
    db: None, arguments: list[str], options: dict[str, str]
) -> None:
    with pytest.raises(CommandError):
        call_command("register_client", *arguments, **options)


# --- Staff ------------------------------------------------------------------------------------------------


@pytest.fixture
def connected(ada: User) -> tuple[App, dict[str, str]]:
    app = make_app()
    return app, app.connect(ada)


@pytest.mark.parametrize(
    "page",
    ["oauth/application", "oauth2_provider/accesstoken", "oauth2_provider/refreshtoken", "oauth/appgrant"],
)
def test_admin_pages_show_no_secrets(
    connected: tuple[App, dict[str, str]], carol_client: Client, ada_client: Client, page: str
) -> None:
    response = carol_client.get(f"/admin/{page}/")
    assert response.status_code == 200
    for stored in ("sha256$", "picard_at_", "picard_rt_", "picard_cs_"):
        assert stored not in response.content.decode()
    assert ada_client.get(f"/admin/{page}/").status_code in (302, 403)
    change = carol_client.get(f"/admin/{page}/{_first_id(page)}/change/")
    assert change.status_code == 200
    assert "sha256$" not in change.content.decode()


def _first_id(page: str) -> object:
    model = {
        "application": Application,
        "accesstoken": AccessToken,
        "refreshtoken": RefreshToken,
        "appgrant": AppGrant,
    }
    return model[page.split("/")[1]].objects.get().pk


@pytest.mark.parametrize(
    "page", ["oauth2_provider/accesstoken", "oauth2_provider/refreshtoken", "oauth/appgrant"]
)
def test_staff_can_revoke_selected_rows(
    connected: tuple[App, dict[str, str]], carol_client: Client, page: str
) -> None:
    app, body = connected
    form = {"action": "end", "_selected_action": [str(_first_id(page))]}
    assert carol_client.post(f"/admin/{page}/", form).status_code == 302
    with pytest.raises(InvalidAccessToken):
        authenticate_token(body["access_token"], Channel.API)
    assert app.refresh(body["refresh_token"]).status_code == 400


def test_only_superuser_can_set_may_manage(carol_client: Client) -> None:
    app = make_app()
    address = f"/admin/oauth/application/{app.application.pk}/change/"
    assert carol_client.post(address, {"may_manage": "on"}).status_code == 403
    root = Client()
    root.force_login(make_person("root", is_staff=True, is_superuser=True))
    root.post(address, {"may_manage": "on", "redirect_uris": "https://evil.example/"})
    application = Application.objects.get()
    assert (application.may_manage, application.redirect_uris) == (True, REDIRECT)
