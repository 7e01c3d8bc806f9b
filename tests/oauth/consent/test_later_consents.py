"""What a user decided at consent stays: the name that they allowed, and what they took off."""

import pytest
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from memories.services import writes
from oauth.access import grants
from oauth.models import AppGrant, Application
from tests.factories import session
from tests.memories.api.callers import session_of
from tests.memories.mcp.callers import app_of as mcp_app_of
from tests.oauth.flows import REDIRECT, YES, App, allow, make_app

pytestmark = pytest.mark.django_db
BOTH = (scopes.READ, scopes.WRITE)
NEW_NAME = "Picard Backup"


@pytest.fixture
def app() -> App:
    return make_app("Notes", registration_source=Application.RegistrationSource.DCR)


def rename(app: App) -> None:
    Application.objects.filter(pk=app.application.pk).update(name=NEW_NAME)


def open_consent(browser: Client, app: App, **changes: str) -> str:
    return browser.get("/oauth/authorize/", app.request(**changes)).content.decode()


def is_ticked(page: str, scope: str) -> bool:
    [field] = [part for part in page.split("<input") if f'value="{scope}"' in part]
    return "checked" in field.partition(">")[0]


# --- Names -----------------------------------------------------------------------------------------------------


def test_renamed_app_is_shown_as_the_one_that_was_allowed(ada: User, ada_client: Client, app: App) -> None:
    grant = allow(ada, app)
    token_caller = mcp_app_of(ada, app=app)
    memory_id = token_caller.call("add_memory", text="I keep bees.").data["id"]
    rename(app)
    for page in ("/accounts/apps/", f"/accounts/apps/{grant.pk}/"):
        shown = ada_client.get(page).content.decode()
        assert "<bdi>Notes</bdi>" in shown
        assert f"calls itself {NEW_NAME} since" in shown
        assert "notes.example" in shown
    for page in (
        "/accounts/apps/activity/",
        "/connect/",
        "/memories/",
        f"/memories/{memory_id}/",
        "/memories/insights/",
    ):
        shown = ada_client.get(page).content.decode()
        assert (page, "Notes" in shown, NEW_NAME in shown) == (page, True, False)
    [shown_app] = session_of(ada)("get", "/apps/").json["results"]
    assert (shown_app["name"], shown_app["new_name"], shown_app["host"]) == (
        "Notes",
        NEW_NAME,
        "notes.example",
    )


def test_app_that_kept_its_name_is_not_marked(ada: User, ada_client: Client, app: App) -> None:
    allow(ada, app)
    page = ada_client.get("/accounts/apps/").content.decode()
    assert ("renamed" in page, "calls itself" in page) == (False, False)
    assert session_of(ada)("get", "/apps/").json["results"][0]["new_name"] is None


def test_consent_page_says_that_the_app_was_renamed(ada: User, ada_client: Client, app: App) -> None:
    assert "connected this app as" not in open_consent(ada_client, app)
    allow(ada, app)
    assert "connected this app as" not in open_consent(ada_client, app)
    rename(app)
    assert "connected this app as <strong>Notes</strong>" in open_consent(ada_client, app)
    app.code(ada)
    assert AppGrant.objects.get().name == NEW_NAME
    assert "connected this app as" not in open_consent(ada_client, app)


def test_host_of_a_verified_app_is_not_needed(ada: User, ada_client: Client) -> None:
    allow(ada, make_app("Notes"))
    assert REDIRECT.split("/")[2] not in ada_client.get("/accounts/apps/").content.decode()


# --- Permissions -------------------------------------------------------------------------------------------------


def take_off_at_consent(ada: User, app: App) -> None:
    app.code(ada, chosen=[scopes.READ])


def take_off_under_connected_apps(ada: User, app: App) -> None:
    grant = allow(ada, app, *BOTH)
    form = {**YES, "scopes": [scopes.READ], "ends": "never"}
    browser = Client()
    browser.force_login(ada)
    assert browser.post(f"/accounts/apps/{grant.pk}/narrow/", form).status_code == 302


def take_off_over_rest(ada: User, app: App) -> None:
    grant = allow(ada, app, *BOTH)
    assert session_of(ada)("patch", f"/apps/{grant.pk}/", {"scopes": [scopes.READ]}).status == 200


@pytest.mark.parametrize("take_off", [take_off_at_consent, take_off_under_connected_apps, take_off_over_rest])
def test_repeated_request_does_not_tick_what_was_taken_off(
    ada: User, ada_client: Client, app: App, take_off: object
) -> None:
    assert callable(take_off)
    take_off(ada, app)
    for _ in range(2):
        page = open_consent(ada_client, app)
        assert (is_ticked(page, scopes.READ), is_ticked(page, scopes.WRITE)) == (True, False)
        assert "You did not allow this before." in page
        app.code(ada, chosen=[scopes.READ])  # as shown
    assert AppGrant.objects.get().scopes == [scopes.READ]
    app.code(ada, chosen=BOTH)  # and only the user puts it back
    assert is_ticked(open_consent(ada_client, app), scopes.WRITE)


def test_expired_access_is_renewed_without_what_was_taken_off(
    ada: User, ada_client: Client, app: App
) -> None:
    take_off_at_consent(ada, app)
    grants.pause_grant(AppGrant.objects.get())
    assert not is_ticked(open_consent(ada_client, app), scopes.WRITE)


def test_source_of_a_memory_names_the_app_as_it_was_allowed(ada: User, ada_client: Client, app: App) -> None:
    allow(ada, app)
    actor = grants.get_current_actor(ada.pk, app.application.client_id, Channel.API)
    assert actor is not None
    memory = writes.create_memory(actor, text="I keep bees.")
    rename(app)
    writes.update_memory(session(ada), memory.pk, text="I keep ants.")
    page = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert ("by the app Notes" in page, NEW_NAME in page) == (True, False)
