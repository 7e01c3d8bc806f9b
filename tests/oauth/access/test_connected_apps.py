"""Connected apps: users see their activity, and can limit, pause and disconnect them and undo their writes."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes
from memories.models import Memory, Tag
from memories.services import reads, writes
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.factories import remember
from tests.oauth.flows import App, access_token, allow, make_app

pytestmark = pytest.mark.django_db
APPS = "/accounts/apps/"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def grant(ada: User, app: App) -> AppGrant:
    return allow(ada, app)


def authenticate(ada: User, app: App) -> Actor:
    return authenticate_token(access_token(ada, app), Channel.API)


def page(client: Client, grant: AppGrant, act: str = "") -> str:
    return client.get(f"{APPS}{grant.pk}/{act}").content.decode()


def post(client: Client, grant: AppGrant, act: str, **form: Any) -> int:
    return int(client.post(f"{APPS}{grant.pk}/{act}/", form).status_code)


def test_list_shows_scopes_and_usage(ada: User, ada_client: Client, app: App, grant: AppGrant) -> None:
    remember(ada, "one")
    remember(ada, "two")
    actor = authenticate(ada, app)
    reads.list_memories(actor)
    reads.list_memories(actor)
    writes.create_memory(actor, text="three")
    html = " ".join(ada_client.get(APPS).content.decode().split())
    for text in ("Notes", "Read and search your memories", "read 2 memories", "wrote 1"):
        assert text in html


def test_app_page_shows_exactly_the_memories_read(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    memory, _unread = remember(ada, "Ada likes sweet peas."), remember(ada, "Ada hates rain.")
    reads.get_memory(authenticate(ada, app), memory.pk)
    html = page(ada_client, grant)
    assert "Ada likes sweet peas." in html
    assert "Ada hates rain." not in html
    assert f"/memories/{memory.pk}/" in html
    writes.trash_memory(Actor(user=ada, door=Channel.WEB), memory.pk)
    assert "1 deleted memory" in page(ada_client, grant)


@pytest.mark.parametrize("act", ["", "narrow", "pause", "disconnect", "forget"])
def test_app_of_another_user_is_not_found(bob_client: Client, grant: AppGrant, act: str) -> None:
    address = f"{APPS}{grant.pk}/{act}/" if act else f"{APPS}{grant.pk}/"
    response = bob_client.post(address) if act else bob_client.get(address)
    assert response.status_code == 404
    assert AppGrant.objects.get().paused_at is None


@pytest.mark.parametrize("act", ["", "narrow", "pause", "disconnect", "forget"])
def test_anonymous_user_is_redirected_to_login(grant: AppGrant, act: str) -> None:
    address = f"{APPS}{grant.pk}/{act}/" if act else f"{APPS}{grant.pk}/"
    assert (Client().post(address) if act else Client().get(address)).status_code == 302
    assert AppGrant.objects.get().paused_at is None


def test_limiting_access_applies_immediately(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    tag = remember(ada, "one", tags=["work"]).tags.get()
    remember(ada, "two")
    choice = {"scopes": [scopes.READ], "reach": "tagged", "tags": [str(tag.pk)], "ends": "day"}
    assert post(ada_client, grant, "narrow", **choice) == 302
    actor = authenticate_token(token, Channel.API)
    assert (actor.scopes, actor.only_tags) == (frozenset({scopes.READ}), frozenset({tag.pk}))
    assert reads.count_memories(actor) == 1
    assert actor.until is not None


def test_settings_page_cannot_add_scopes(ada: User, ada_client: Client, app: App) -> None:
    grant = allow(ada, app, scopes.READ)
    assert post(ada_client, grant, "narrow", scopes=[scopes.READ, scopes.WRITE], reach="all") == 422
    assert AppGrant.objects.get().scopes == [scopes.READ]


def allow_tag_work(ada: User, app: App) -> AppGrant:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    return allow(ada, app, only_tags=frozenset({tag.pk}))


@pytest.mark.parametrize("form", [{}, {"reach": ""}, {"reach": "some"}, {"reach": "tagged"}])
def test_form_without_valid_reach_changes_nothing(
    form: dict[str, str], ada: User, ada_client: Client, app: App
) -> None:
    before = allow_tag_work(ada, app)
    assert post(ada_client, before, "narrow", scopes=[scopes.READ], ends="never", **form) == 422
    after = AppGrant.objects.get()
    assert (after.scopes, after.only_tags) == (before.scopes, before.only_tags)


def test_saving_unchanged_form_keeps_limit_to_deleted_tags(ada: User, ada_client: Client, app: App) -> None:
    grant = allow_tag_work(ada, app)
    Tag.objects.all().delete()
    html = page(ada_client, grant)
    checked = {
        name: re.findall(rf'name="{name}" value="([^"]+)"[^>]* checked', html) for name in ("reach", "tags")
    }
    assert (checked["reach"], len(checked["tags"]), "(a tag no longer used)" in html) == (["tagged"], 1, True)
    assert post(ada_client, grant, "narrow", scopes=[scopes.READ], **checked) == 302
    assert AppGrant.objects.get().only_tags == grant.only_tags


def test_user_without_tags_need_not_choose_memories(ada: User, ada_client: Client, grant: AppGrant) -> None:
    assert '<input type="hidden" name="reach" value="all">' in page(ada_client, grant)


def test_expiry_stays_unless_changed(ada: User, ada_client: Client, app: App) -> None:
    end = timezone.now() + timedelta(days=3)
    grant = allow(ada, app, scopes.READ, ends_at=end)
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all", ends="keep")
    assert AppGrant.objects.get().ends_at == end
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all", ends="never")
    assert AppGrant.objects.get().ends_at is None


def test_paused_app_stays_paused_until_resumed(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    for _click in range(2):
        assert post(ada_client, grant, "pause", state="paused") == 302
        with pytest.raises(InvalidAccessToken):
            authenticate_token(token, Channel.API)
    assert 'value="on"' in page(ada_client, grant)
    post(ada_client, grant, "pause", state="on")
    assert authenticate_token(token, Channel.API).user == ada


def test_disconnecting_revokes_all_tokens(ada: User, ada_client: Client, app: App) -> None:
    body = app.connect(ada)
    assert post(ada_client, AppGrant.objects.get(), "disconnect") == 302
    with pytest.raises(InvalidAccessToken):
        authenticate_token(body["access_token"], Channel.API)
    app.connect(ada)  # reconnecting does not restore the old tokens
    assert app.refresh(body["refresh_token"]).status_code == 400


def test_memories_written_by_app_can_be_moved_to_trash(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    mine = remember(ada, "mine")
    theirs = writes.create_memory(authenticate(ada, app), text="theirs")
    assert post(ada_client, grant, "forget") == 302
    assert list(Memory.objects.filter(deleted_at__isnull=True)) == [mine]
    ada_client.post(f"/memories/{theirs.pk}/restore/")
    assert Memory.objects.filter(deleted_at__isnull=True).count() == 2


def get_activity(client: Client) -> str:
    return " ".join(client.get(f"{APPS}activity/").content.decode().split())


def test_every_change_of_a_grant_is_listed_in_activity(
    ada: User, ada_client: Client, bob_client: Client, app: App
) -> None:
    app.connect(ada)
    grant = AppGrant.objects.get()
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all")
    for state in ("paused", "on"):
        post(ada_client, grant, "pause", state=state)
    post(ada_client, grant, "disconnect")
    html = get_activity(ada_client)
    events = ["connected", "access changed", "paused", "resumed", "disconnected"]
    positions = [html.index(f"<bdi>Notes</bdi>: {each}<") for each in reversed(events)]
    assert positions == sorted(positions)  # newest first
    assert html.count("by you") == len(events)
    assert "Notes" not in get_activity(bob_client)


def test_activity_of_a_disconnected_app_is_kept(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    remember(ada, "Ada likes sweet peas.")
    reads.list_memories(authenticate(ada, app))
    post(ada_client, grant, "disconnect")
    assert "Ada likes sweet peas." in get_activity(ada_client)


def delete_app(app: App) -> None:
    app.application.delete()


def delete_all_apps(app: App) -> None:
    Application.objects.all().delete()


def delete_its_developer(app: App) -> None:
    User.objects.get(email="bob@example.org").delete()


@pytest.mark.parametrize("act", [delete_app, delete_all_apps, delete_its_developer])
def test_deleting_an_app_is_listed_as_disconnection(
    ada: User, bob: User, ada_client: Client, act: Callable[[App], None]
) -> None:
    app = make_app(user=bob)
    app.connect(ada)
    app.connect(bob)
    act(app)
    html = get_activity(ada_client)
    assert "(an app that is no longer registered)</bdi>: disconnected" in html
    assert "by the developer or an administrator" in html


def test_user_with_own_apps_can_be_deleted(ada: User, bob: User) -> None:
    app = make_app(user=bob)
    app.connect(bob)
    connection.check_constraints()
    bob.delete()
    connection.check_constraints()
    assert not Application.objects.exists()


def test_activity_uses_constant_number_of_queries(
    ada: User,
    ada_client: Client,
    settings: LazySettings,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 0  # a busy machine stores the work in a query of its own
    for number in range(8):
        make_app(f"App {number}").connect(ada)
    with django_assert_max_num_queries(6):
        get_activity(ada_client)


def test_app_list_uses_constant_number_of_queries(
    ada: User,
    ada_client: Client,
    settings: LazySettings,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 0  # a busy machine stores the work in a query of its own
    for number in range(8):
        allow(ada, make_app(f"App {number}"))
    with django_assert_max_num_queries(7):
        ada_client.get(APPS)


# --- Password changes ---------------------------------------------------------------------------------------


def test_password_change_revokes_tokens_and_keeps_grants(ada: User, ada_client: Client, app: App) -> None:
    body = app.connect(ada)
    form = {
        "oldpassword": "correct horse battery",
        "password1": "another good phrase",
        "password2": "another good phrase",
    }
    assert ada_client.post("/accounts/password/change/", form).status_code == 302
    with pytest.raises(InvalidAccessToken):
        authenticate_token(body["access_token"], Channel.API)
    assert app.refresh(body["refresh_token"]).status_code == 400
    assert AppGrant.objects.exists()


def test_password_reset_disconnects_all_apps(ada: User, app: App) -> None:
    from allauth.account.signals import password_reset

    app.connect(ada)
    password_reset.send(sender=User, request=None, user=ada)
    assert not AppGrant.objects.exists()


def test_app_that_was_disconnected_meanwhile_is_not_found(
    ada: User, ada_client: Client, grant: AppGrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other request commits after this one has read the grant."""
    read = grants.get_grant

    def disconnect_after_read(*given: Any, **options: Any) -> AppGrant:
        found = read(*given, **options)
        grants.revoke_grant(AppGrant.objects.get(pk=found.pk))
        return found

    monkeypatch.setattr(grants, "get_grant", disconnect_after_read)
    choices = {"scopes": grant.scopes, "reach": "all", "ends": "day"}
    for act, form in (("narrow", choices), ("pause", {"state": "off"}), ("pause", {"state": "on"})):
        assert post(ada_client, grant, act, **form) == 404
        grant = allow(ada, make_app())
