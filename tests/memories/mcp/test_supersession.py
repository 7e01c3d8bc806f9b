"""A memory that an AI app adds or updates replaces an older one, and results say what is past."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from accounts.models import User
from memories import scopes
from memories.models import Memory
from tests.factories import remember
from tests.memories.mcp.callers import app_of, page_of
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db

OLD, NEW = "I live in Berlin.", "I moved from Berlin to Hamburg."


@pytest.fixture
def older(ada: User) -> Memory:
    return remember(ada, OLD)


@pytest.mark.parametrize(
    ("name", "form"), [("supersedes", "{}"), ("replaces", "memory://{}"), ("supersedes", None)]
)
def test_added_memory_replaces_an_older_one(ada: User, older: Memory, name: str, form: str | None) -> None:
    value = page_of(older.pk) if form is None else form.format(older.pk)
    added = app_of(ada).call("add_memory", text=NEW, **{name: value}).data
    assert added["supersedes"] == str(older.pk)
    metadata = app_of(ada).call("fetch", id=str(older.pk)).data["metadata"]
    assert metadata["superseded_by"] == added["id"]
    created_at = Memory.objects.get(pk=added["id"]).created_at
    assert parse_datetime(metadata["superseded_at"]) == created_at


def test_updated_memory_replaces_an_older_one(ada: User, older: Memory) -> None:
    newer = remember(ada, "Hamburg is home.")
    data = app_of(ada).call("update_memory", id=str(newer.pk), supersedes=str(older.pk)).data
    assert (data["supersedes"], data["version"]) == (str(older.pk), 2)
    unchanged = app_of(ada).call("update_memory", id=str(newer.pk), text="Hamburg.", supersedes="").data
    assert unchanged["supersedes"] == str(older.pk)


def test_results_show_what_is_past_after_what_holds(
    ada: User, older: Memory, index: Callable[[], int]
) -> None:
    added = app_of(ada).call("add_memory", text=NEW, supersedes=str(older.pk)).data
    index()
    for tool, arguments in (("search", {"query": "Berlin"}), ("list_recent", {})):
        newer, past = app_of(ada).call(tool, **arguments).data["results"]
        assert (newer["id"], newer["supersedes"]) == (added["id"], str(older.pk))
        assert "superseded_at" not in newer
        assert (past["text"], past["superseded_by"]) == (OLD, added["id"])


def get_refusal(ada: User, **arguments: Any) -> str:
    return app_of(ada).call("add_memory", text="New.", **arguments).refused


def test_links_that_are_impossible_are_refused(ada: User, bob: User, older: Memory) -> None:
    of_bob = remember(bob, "Private.")
    assert get_refusal(ada, supersedes=str(of_bob.pk)) == get_refusal(ada, supersedes="the Berlin one")
    assert "Not found." in get_refusal(ada, supersedes=str(of_bob.pk))
    app_of(ada).call("add_memory", text=NEW, supersedes=str(older.pk))
    assert "already supersedes" in get_refusal(ada, supersedes=str(older.pk))
    assert not Memory.objects.exclude(owner=bob).exclude(pk=older.pk).filter(supersedes=None).exists()


def test_link_can_need_approval(ada: User, older: Memory) -> None:
    app = make_app()
    allow(ada, app, asks_first=True)
    caller = app_of(ada, scopes.READ, scopes.WRITE, app=app)
    assert caller.call("add_memory", text=NEW, supersedes=str(older.pk)).data["waits"]
    assert "superseded_at" not in caller.call("fetch", id=str(older.pk)).data["metadata"]


def test_tools_say_when_to_supersede(ada: User) -> None:
    tools = {tool["name"]: tool for tool in app_of(ada).ask("tools/list").result["tools"]}
    for name in ("add_memory", "update_memory"):
        assert "supersede" in tools[name]["description"]
        assert "replaces" in tools[name]["inputSchema"]["properties"]["supersedes"]["description"]
