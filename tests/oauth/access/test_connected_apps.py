"""Connected apps: a person sees what each did, and can narrow, pause, end and undo it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes
from memories.models import Memory, Tag
from memories.services import reads, writes
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


def acting(ada: User, app: App) -> Actor:
    return authenticate_token(access_token(ada, app), Channel.API)


def page(client: Client, grant: AppGrant, act: str = "") -> str:
    return client.get(f"{APPS}{grant.pk}/{act}").content.decode()


def post(client: Client, grant: AppGrant, act: str, **form: Any) -> int:
    return int(client.post(f"{APPS}{grant.pk}/{act}/", form).status_code)


def test_the_list_says_what_each_may_do_and_did(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    remember(ada, "one")
    remember(ada, "two")
    actor = acting(ada, app)
    reads.list_memories(actor)
    reads.list_memories(actor)
    writes.create_memory(actor, text="three")
    shown = " ".join(ada_client.get(APPS).content.decode().split())
    for words in ("Notes", "Read and search your memories", "read 2 memories", "wrote 1"):
        assert words in shown


def test_the_detail_shows_exactly_what_was_read(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    seen, _unseen = remember(ada, "Ada likes sweet peas."), remember(ada, "Ada hates rain.")
    reads.get_memory(acting(ada, app), seen.pk)
    shown = page(ada_client, grant)
    assert "Ada likes sweet peas." in shown
    assert "Ada hates rain." not in shown
    assert f"/memories/{seen.pk}/" in shown
    writes.trash_memory(Actor(user=ada, door=Channel.WEB), seen.pk)
    assert "1 deleted memory" in page(ada_client, grant)


@pytest.mark.parametrize("act", ["", "narrow", "pause", "disconnect", "forget"])
def test_another_persons_app_is_not_there(bob_client: Client, grant: AppGrant, act: str) -> None:
    address = f"{APPS}{grant.pk}/{act}/" if act else f"{APPS}{grant.pk}/"
    answer = bob_client.post(address) if act else bob_client.get(address)
    assert answer.status_code == 404
    assert AppGrant.objects.get().paused_at is None


@pytest.mark.parametrize("act", ["", "narrow", "pause", "disconnect", "forget"])
def test_nobody_is_sent_to_log_in(grant: AppGrant, act: str) -> None:
    address = f"{APPS}{grant.pk}/{act}/" if act else f"{APPS}{grant.pk}/"
    assert (Client().post(address) if act else Client().get(address)).status_code == 302
    assert AppGrant.objects.get().paused_at is None


def test_narrowing_counts_at_once(ada: User, ada_client: Client, app: App, grant: AppGrant) -> None:
    token = access_token(ada, app)
    tag = remember(ada, "one", tags=["work"]).tags.get()
    remember(ada, "two")
    choice = {"scopes": [scopes.READ], "reach": "tagged", "tags": [str(tag.pk)], "ends": "day"}
    assert post(ada_client, grant, "narrow", **choice) == 302
    actor = authenticate_token(token, Channel.API)
    assert (actor.scopes, actor.only_tags) == (frozenset({scopes.READ}), frozenset({tag.pk}))
    assert reads.count_memories(actor) == 1
    assert actor.until is not None


def test_it_is_not_widened_here(ada: User, ada_client: Client, app: App) -> None:
    grant = allow(ada, app, scopes.READ)
    assert post(ada_client, grant, "narrow", scopes=[scopes.READ, scopes.WRITE], reach="all") == 422
    assert AppGrant.objects.get().scopes == [scopes.READ]


def narrowed(ada: User, app: App) -> AppGrant:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    return allow(ada, app, only_tags=frozenset({tag.pk}))


@pytest.mark.parametrize("said", [{}, {"reach": ""}, {"reach": "some"}, {"reach": "tagged"}])
def test_what_says_nothing_of_its_reach_changes_nothing(
    said: dict[str, str], ada: User, ada_client: Client, app: App
) -> None:
    before = narrowed(ada, app)
    assert post(ada_client, before, "narrow", scopes=[scopes.READ], ends="never", **said) == 422
    after = AppGrant.objects.get()
    assert (after.scopes, after.only_tags) == (before.scopes, before.only_tags)


def test_an_app_whose_tags_are_gone_is_not_widened_by_the_form_as_it_stands(
    ada: User, ada_client: Client, app: App
) -> None:
    grant = narrowed(ada, app)
    Tag.objects.all().delete()
    shown = page(ada_client, grant)
    ticked = {
        name: re.findall(rf'name="{name}" value="([^"]+)"[^>]* checked', shown) for name in ("reach", "tags")
    }
    assert (ticked["reach"], len(ticked["tags"]), "(a tag no longer used)" in shown) == (["tagged"], 1, True)
    assert post(ada_client, grant, "narrow", scopes=[scopes.READ], **ticked) == 302
    assert AppGrant.objects.get().only_tags == grant.only_tags


def test_who_has_no_tags_need_not_choose(ada: User, ada_client: Client, grant: AppGrant) -> None:
    assert '<input type="hidden" name="reach" value="all">' in page(ada_client, grant)


def test_an_end_stays_unless_it_is_changed(ada: User, ada_client: Client, app: App) -> None:
    end = timezone.now() + timedelta(days=3)
    grant = allow(ada, app, scopes.READ, ends_at=end)
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all", ends="keep")
    assert AppGrant.objects.get().ends_at == end
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all", ends="never")
    assert AppGrant.objects.get().ends_at is None


def test_a_paused_app_stays_so_until_it_may_go_on(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    for _pressed_twice in range(2):
        assert post(ada_client, grant, "pause", state="paused") == 302
        with pytest.raises(InvalidAccessToken):
            authenticate_token(token, Channel.API)
    assert 'value="on"' in page(ada_client, grant)
    post(ada_client, grant, "pause", state="on")
    assert authenticate_token(token, Channel.API).user == ada


def test_disconnecting_ends_everything(ada: User, ada_client: Client, app: App) -> None:
    body = app.connect(ada)
    assert post(ada_client, AppGrant.objects.get(), "disconnect") == 302
    with pytest.raises(InvalidAccessToken):
        authenticate_token(body["access_token"], Channel.API)
    app.connect(ada)  # again allowed: the old tokens do not come back
    assert app.refresh(body["refresh_token"]).status_code == 400


def test_what_it_wrote_can_be_put_in_the_trash(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    mine = remember(ada, "mine")
    theirs = writes.create_memory(acting(ada, app), text="theirs")
    assert post(ada_client, grant, "forget") == 302
    assert list(Memory.objects.filter(deleted_at__isnull=True)) == [mine]
    ada_client.post(f"/memories/{theirs.pk}/restore/")
    assert Memory.objects.filter(deleted_at__isnull=True).count() == 2


def record(client: Client) -> str:
    return " ".join(client.get(f"{APPS}activity/").content.decode().split())


def test_all_that_is_decided_about_an_app_is_in_the_record(
    ada: User, ada_client: Client, bob_client: Client, app: App
) -> None:
    app.connect(ada)
    grant = AppGrant.objects.get()
    post(ada_client, grant, "narrow", scopes=[scopes.READ], reach="all")
    for state in ("paused", "on"):
        post(ada_client, grant, "pause", state=state)
    post(ada_client, grant, "disconnect")
    shown = record(ada_client)
    done = ["connected", "access changed", "paused", "resumed", "disconnected"]
    at = [shown.index(f"<bdi>Notes</bdi>: {each}<") for each in reversed(done)]
    assert at == sorted(at)
    assert shown.count("by you") == len(done)
    assert "Notes" not in record(bob_client)


def test_what_a_disconnected_app_read_stays_in_the_record(
    ada: User, ada_client: Client, app: App, grant: AppGrant
) -> None:
    remember(ada, "Ada likes sweet peas.")
    reads.list_memories(acting(ada, app))
    post(ada_client, grant, "disconnect")
    assert "Ada likes sweet peas." in record(ada_client)


def delete_app(app: App) -> None:
    app.application.delete()


def delete_all_apps(app: App) -> None:
    Application.objects.all().delete()


def delete_its_developer(app: App) -> None:
    User.objects.get(email="bob@example.org").delete()


@pytest.mark.parametrize("act", [delete_app, delete_all_apps, delete_its_developer])
def test_an_app_that_is_deleted_is_disconnected_in_the_record(
    ada: User, bob: User, ada_client: Client, act: Callable[[App], None]
) -> None:
    app = make_app(user=bob)
    app.connect(ada)
    app.connect(bob)
    act(app)
    shown = record(ada_client)
    assert "(an app that is no longer registered)</bdi>: disconnected" in shown
    assert "by the developer or an administrator" in shown


def test_a_person_may_be_deleted_with_apps_of_their_own(ada: User, bob: User) -> None:
    app = make_app(user=bob)
    app.connect(bob)
    connection.check_constraints()
    bob.delete()
    connection.check_constraints()
    assert not Application.objects.exists()


def test_the_record_takes_as_many_queries_for_many_lines(
    ada: User, ada_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        make_app(f"App {number}").connect(ada)
    with django_assert_max_num_queries(6):
        record(ada_client)


def test_the_number_of_queries_does_not_grow_with_the_apps(
    ada: User, ada_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        allow(ada, make_app(f"App {number}"))
    with django_assert_max_num_queries(7):
        ada_client.get(APPS)


# --- A changed password -----------------------------------------------------------------------------------


def test_a_changed_password_ends_tokens_and_keeps_what_was_chosen(
    ada: User, ada_client: Client, app: App
) -> None:
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


def test_a_reset_password_disconnects_all_apps(ada: User, app: App) -> None:
    from allauth.account.signals import password_reset

    app.connect(ada)
    password_reset.send(sender=User, request=None, user=ada)
    assert not AppGrant.objects.exists()
