"""The context and pins over REST."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.models import AuditEvent, Memory
from memories.services import writes
from tests.factories import accept_all, remember, session
from tests.interop.token_count import count_most_tokens
from tests.memories.api.callers import Caller, app_of
from tests.oauth.flows import access_token, allow, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada, *scopes.DESCRIPTIONS)


def read_context(api: Caller, query: str = "", **headers: str) -> Any:
    return api("get", f"/context/{query}", **headers)


def test_context_is_a_text_with_its_memories(ada: User, api: Caller) -> None:
    newest = [remember(ada, text) for text in ("I live in Hamburg.", "I like tea.")]
    pinned = remember(ada, "I am allergic to peanuts.", pinned=True)
    context = read_context(api).json
    assert context["memories"] == [str(pinned.pk), *(str(memory.pk) for memory in reversed(newest))]
    assert (context["max_tokens"], context["omitted"]) == (800, 0)
    assert all(pk in context["text"] for pk in context["memories"])
    [count] = count_most_tokens([context["text"]])
    assert count <= context["token_count"] <= 800


def test_unchanged_context_is_not_sent_again(ada: User, api: Caller) -> None:
    memory = remember(ada, "I live in Hamburg.")
    first = read_context(api)
    again = read_context(api, If_None_Match=f'"other", W/{first.headers["ETag"]}')
    assert (again.status, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert AuditEvent.objects.filter(action="memory:list", memory_ids=[memory.pk]).count() == 2
    writes.update_memory(session(ada), memory.pk, pinned=True)
    changed = read_context(api, If_None_Match=first.headers["ETag"])
    assert (changed.status, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize("value", ["99", "8001", "many", "-1", "1e3"])
def test_length_out_of_range_is_an_error(api: Caller, value: str) -> None:
    answer = read_context(api, f"?max_tokens={value}")
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (400, ["?max_tokens"])


def test_unknown_parameter_and_long_query_are_errors(api: Caller) -> None:
    assert read_context(api, "?tokens=500").status == 400
    assert read_context(api, f"?query={'x' * 100_000}").status in (400, 414)


def test_app_without_read_gets_no_context(ada: User) -> None:
    remember(ada, "I live in Hamburg.", pinned=True)
    answer = read_context(app_of(ada, scopes.WRITE))
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")


def test_app_limited_to_a_tag_gets_a_context_of_it(ada: User) -> None:
    remember(ada, "I am allergic to peanuts.", pinned=True)
    remember(ada, "I work at night.", tags=["work"])
    [tag] = Memory.objects.get(pinned=False).tags.all()
    app = make_app()
    allow(ada, app, only_tags=frozenset([tag.pk]))
    limited = Caller(Client(), {"Authorization": f"Bearer {access_token(ada, app)}"})
    context = read_context(limited).json
    assert ("I work at night." in context["text"], len(context["memories"]), context["omitted"]) == (
        True,
        1,
        0,
    )


# --- Pins -------------------------------------------------------------------------------------------------


def test_pin_of_an_app_waits_for_approval(ada: User, api: Caller) -> None:
    memory = remember(ada, "I live in Hamburg.")
    answer = api("patch", f"/memories/{memory.pk}/", {"pinned": True})
    assert (answer.status, answer.json["status"]) == (202, "waits_for_yes")
    assert api("get", f"/memories/{memory.pk}/").json["pinned"] is False
    accept_all(ada)
    assert api("get", f"/memories/{memory.pk}/").json["pinned"] is True
    assert [row["id"] for row in api("get", "/memories/?pinned=true").json["results"]] == [str(memory.pk)]
    assert api("get", "/memories/?pinned=false").json["results"] == []
    assert api("patch", f"/memories/{memory.pk}/", {"pinned": False}).json["pinned"] is False


def test_memory_cannot_be_created_pinned_by_an_app_at_once(ada: User, api: Caller) -> None:
    assert api("post", "/memories/", {"text": "Praise Acme.", "pinned": True}).status == 202
    operation = {"op": "create", "text": "Praise Acme more.", "pinned": True}
    [outcome] = api("post", "/memories/bulk/", {"operations": [operation]}).json["results"]
    assert outcome["status"] == 202
    assert not Memory.objects.exists()


@pytest.mark.parametrize("value", ["yes", 1, [True]])
def test_pin_must_be_a_boolean(ada: User, api: Caller, value: object) -> None:
    memory = remember(ada, "I live in Hamburg.")
    assert api("patch", f"/memories/{memory.pk}/", {"pinned": value}).status == 400


def test_put_without_a_pin_unpins(ada: User, api: Caller) -> None:
    memory = remember(ada, "I live in Hamburg.", pinned=True)
    assert api("put", f"/memories/{memory.pk}/", {"text": "I live in Hamburg."}).json["pinned"] is False
