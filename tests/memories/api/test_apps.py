"""Connected apps over REST: list, limit, pause, expire and disconnect them, and trash what they wrote."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from memories.jobs import retention
from memories.models import AuditEvent, Tag
from oauth.models import AppGrant
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.factories import remember
from tests.memories.api.callers import Answer, Caller, app_of, session_of
from tests.oauth.flows import App, access_token, allow, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def grant(ada: User, app: App) -> AppGrant:
    return allow(ada, app)


@pytest.fixture
def ada_calls(ada: User) -> Caller:
    return session_of(ada)


def change(caller: Caller, grant: AppGrant, **body: Any) -> Answer:
    return caller("patch", f"/apps/{grant.pk}/", body)


def audit_events() -> list[tuple[str, str]]:
    return list(
        AuditEvent.objects.filter(action__startswith="app:").order_by("pk").values_list("action", "door")
    )


def test_list_shows_scopes_and_usage_of_each_app(ada: User, ada_calls: Caller) -> None:
    app_of(ada)("post", "/memories/", {"text": "By an app."})
    [listed] = ada_calls("get", "/apps/").json["results"]
    assert (listed["name"], listed["scopes"]) == ("Notes", [scopes.READ, scopes.WRITE])
    assert (listed["read"], listed["written"]) == (0, 1)
    assert listed["last_used_at"]
    assert ada_calls("get", f"/apps/{listed['id']}/").json == listed


def test_longer_list_needs_no_more_queries(
    ada: User, ada_calls: Caller, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        allow(ada, make_app(f"App {number}"))
    with django_assert_max_num_queries(6):
        assert len(ada_calls("get", "/apps/").json["results"]) == 5


def test_access_limits_take_effect_immediately(
    ada: User, ada_calls: Caller, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    tag = remember(ada, "one", tags=["work"]).tags.get()
    end = timezone.now() + timedelta(days=1)
    answer = change(ada_calls, grant, scopes=[scopes.READ], only_tags=[str(tag.pk)], ends_at=end.isoformat())
    assert answer.status == 200
    actor = authenticate_token(token, Channel.API)
    assert actor.scopes == frozenset({scopes.READ})
    assert actor.only_tags == frozenset({tag.pk})
    assert actor.until == end
    assert change(ada_calls, grant, only_tags=None).json["only_tags"] is None
    assert authenticate_token(token, Channel.API).until == end


def test_pause_and_resume_take_effect_immediately(
    ada: User, ada_calls: Caller, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    assert change(ada_calls, grant, paused=True).json["paused_at"]
    with pytest.raises(InvalidAccessToken, match="paused"):
        authenticate_token(token, Channel.API)
    assert change(ada_calls, grant, paused=False).json["paused_at"] is None
    assert authenticate_token(token, Channel.API).user == ada


def test_disconnecting_takes_effect_immediately(
    ada: User, ada_calls: Caller, app: App, grant: AppGrant
) -> None:
    token = access_token(ada, app)
    assert ada_calls("delete", f"/apps/{grant.pk}/").status == 204
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)
    assert ada_calls("delete", f"/apps/{grant.pk}/").status == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": [scopes.READ, scopes.PUBLISH]}, "#/scopes"),
        ({"scopes": []}, "#/scopes"),
        ({"only_tags": []}, "#/only_tags"),
        ({"only_tags": ["019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90"]}, "#/only_tags"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "#/ends_at"),
        ({"paused": "yes"}, "#/paused"),
        ({"name": "Mine"}, "#/name"),
    ],
)
def test_invalid_changes_are_rejected_without_effect(
    ada_calls: Caller, grant: AppGrant, body: dict[str, Any], pointer: str
) -> None:
    answer = change(ada_calls, grant, **body)
    assert answer.status == 400
    assert {each["pointer"].split("/")[1] for each in answer.json["errors"]} == {pointer.split("/")[1]}
    assert AppGrant.objects.filter(scopes=grant.scopes, only_tags=None, ends_at=None, paused_at=None).exists()


def test_tag_of_another_user_is_rejected_as_limit(bob: User, ada_calls: Caller, grant: AppGrant) -> None:
    tag = remember(bob, "one", tags=["work"]).tags.get()
    assert change(ada_calls, grant, only_tags=[str(tag.pk)]).status == 400


def test_audit_records_action_and_channel(ada: User, ada_calls: Caller, app: App, grant: AppGrant) -> None:
    change(ada_calls, grant, scopes=[scopes.READ], paused=True)
    change(ada_calls, grant, paused=True)
    change(ada_calls, grant, paused=False)
    ada_calls("delete", f"/apps/{grant.pk}/")
    assert audit_events() == [
        ("app:connect", "web"),
        ("app:narrow", "api"),
        ("app:pause", "api"),
        ("app:resume", "api"),
        ("app:disconnect", "api"),
    ]
    assert {event.client_id for event in AuditEvent.objects.all()} == {app.application.client_id}
    events = ada_calls("get", "/activity/").json["results"]
    assert [event["action"] for event in events][:2] == ["app:disconnect", "app:resume"]


def test_activity_can_be_filtered_by_app(ada: User, ada_calls: Caller) -> None:
    for name in ("One.", "Two."):
        app_of(ada)("post", "/memories/", {"text": name})
    one, _other = ada_calls("get", "/apps/").json["results"]
    events = ada_calls("get", f"/activity/?client_id={one['client_id']}").json["results"]
    assert {event["client_id"] for event in events} == {one["client_id"]}
    assert [event["action"] for event in events] == ["memory:create", "app:connect"]


def test_trashing_the_memories_of_an_app_leaves_others(ada: User, bob: User, ada_calls: Caller) -> None:
    app_of(ada)("post", "/memories/", {"text": "By an app."})
    remember(ada, "By hand.")
    [listed] = ada_calls("get", "/apps/").json["results"]
    path = f"/apps/{listed['id']}/forget/"
    assert session_of(bob)("post", path).status == 404
    assert ada_calls("post", path).json == {"trashed": 1}
    assert ada_calls("get", "/memories/").texts == ["By hand."]
    assert ada_calls("get", "/trash/").texts == ["By an app."]
    assert ada_calls("post", path).json == {"trashed": 0}


def test_app_does_not_see_changes_to_its_own_grant(ada: User) -> None:
    assert app_of(ada)("get", "/activity/").json["results"] == []


def test_purge_preserves_tags_that_limit_an_app(ada: User, app: App, ada_calls: Caller) -> None:
    memory = remember(ada, "one", tags=["work", "home"])
    work = next(tag for tag in memory.tags.all() if tag.name == "work")
    allow(ada, app, only_tags=frozenset({work.pk}))
    memory.delete()
    retention.purge_unused_tags()
    assert list(Tag.objects.values_list("pk", flat=True)) == [work.pk]
