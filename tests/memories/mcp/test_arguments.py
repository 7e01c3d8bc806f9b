"""Arguments as language models write them: what is empty is not given, and removes nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from memories.models import Memory
from memories.services.tags import get_tag_names
from tests.factories import remember
from tests.memories.mcp.callers import LEGACY, MODERN, Caller, app_of

pytestmark = pytest.mark.django_db

EMPTY = [None, "", "  ", "null", "None", "undefined", " NULL "]
TEXT = "The zebra."


def get_tags(caller: Caller, tags: Any) -> list[str]:
    memory_id = caller.call("add_memory", text=f"Saved at {timezone.now()}.", tags=tags).data["id"]
    return get_tag_names(Memory.objects.get(pk=memory_id))


@pytest.mark.parametrize("empty", EMPTY)
def test_empty_argument_is_not_given(empty: Any, ada: User) -> None:
    remember(ada, TEXT, tags=["animals"])
    caller = app_of(ada)
    optional = dict.fromkeys(
        ("limit", "tags", "since", "until", "visibility", "max_tokens", "nonsense"), empty
    )
    assert caller.call("search", query="zebra", **optional).texts == [TEXT]
    assert caller.call("list_recent", limit=empty, since=empty, max_tokens=empty).texts == [TEXT]
    assert caller.call("ask_persona", question="zebra", handle=empty).data["mode"]
    added = caller.call("add_memory", text="New.", tags=empty, expires_at=empty, tag=empty, pinned=empty).data
    assert (added["tags"], "expires_at" in added) == ([], False)
    assert caller.call("fetch", id=added["id"], max_tokens=empty, uri=empty).data["text"] == "New."


@pytest.mark.parametrize("empty", [*EMPTY, [""], [None], ["null", " "], ",", "[null]", '[""]'])
def test_empty_value_removes_nothing(empty: Any, ada: User) -> None:
    expires_at = datetime(2099, 1, 1, tzinfo=UTC)
    memory = remember(ada, TEXT, tags=["animals"], expires_at=expires_at)
    others = {"text": None, "expires_at": None} if isinstance(empty, list) or empty in (",", "[null]", '[""]') else {
        "text": empty, "expires_at": empty
    }  # fmt: skip
    data = app_of(ada).call("update_memory", id=str(memory.pk), tags=empty, **others).data
    assert (data["version"], data["tags"]) == (1, ["animals"])
    assert "Nothing was changed" in data["note"]
    memory.refresh_from_db()
    assert (memory.text, memory.expires_at) == (TEXT, expires_at)


@pytest.mark.parametrize("nothing", [[], "[]", "[ ]"])
def test_only_an_explicit_empty_list_removes_tags(nothing: Any, ada: User) -> None:
    memory = remember(ada, TEXT, tags=["animals"])
    caller = app_of(ada)
    # As a model fills the form of a client in strict mode.
    filled = {
        "id": str(memory.pk), "text": "The okapi.", "tags": nothing, "expires_at": "", "pinned": "unchanged",
    }  # fmt: skip
    assert caller.call("update_memory", **filled).data["tags"] == ["animals"]
    assert caller.call("update_memory", id=str(memory.pk), tags=nothing).data["tags"] == []


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ('["a","b"]', ["a", "b"]), ("['a', 'b']", ["a", "b"]), ("[a, b]", ["a", "b"]), ("a, b", ["a", "b"]),
        ("a、b", ["a", "b"]),
        ('"a", "b"', ["a", "b"]), ('"a"', ["a"]), ("a", ["a"]), (["a", None, "", "b"], ["a", "b"]),
        (['["a", "b"]'], ["a", "b"]), (["a", "null"], ["a"]), ([2026, "a"], ["2026", "a"]), ("2026", ["2026"]),
        ("café, naïve", ["café", "naïve"]), ('["Ruth\'s"]', ["Ruth's"]), ("[]", []), ("null", []),
    ],
)  # fmt: skip
def test_tags_in_any_form_of_list(tags: Any, expected: list[str], ada: User) -> None:
    assert get_tags(app_of(ada), tags) == expected


@pytest.mark.parametrize("tags", [{"a": 1}, '{"a": 1}', [{"name": "a"}], 7, True, [True], [["a"]]])
def test_what_is_no_list_of_tags_is_named(tags: Any, ada: User) -> None:
    assert "tags" in app_of(ada).call("add_memory", text=TEXT, tags=tags).error_text
    assert not Memory.objects.exists()


@pytest.mark.parametrize("limit", ["2", 2.0, " 2 ", "2.0", "2e0"])
def test_number_in_any_form(limit: Any, ada: User) -> None:
    for number in range(4):
        remember(ada, f"Number {number}.")
    assert len(app_of(ada).call("list_recent", limit=limit).texts) == 2


@pytest.mark.parametrize(
    "limit", ["two", 2.5, True, [], {}, 0, -1, 101, 1e300, "9" * 5_000, "1e9999999", "inf", "nan"]
)
def test_what_is_no_number_is_named(limit: Any, ada: User) -> None:
    assert app_of(ada).call("list_recent", limit=limit).error_text.startswith("limit: ")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2099-01-01", "2099-01-01T14:59:59Z"), ("2099/1/1", "2099-01-01T14:59:59Z"),
        ("2099-01-01T10:00", "2099-01-01T01:00:00Z"), ("2099-01-01 10:00:00", "2099-01-01T01:00:00Z"),
        ("2099-01-01T10:00:00Z", "2099-01-01T10:00:00Z"), ("2099-01-01t10:00:00.5z", "2099-01-01T10:00:00.500000Z"),
        ("2099-01-01 10:00 UTC", "2099-01-01T10:00:00Z"), ("2099-01-01T10:00:00+02:00", "2099-01-01T08:00:00Z"),
        (" never ", None), ("NEVER", None),
    ],
)  # fmt: skip
def test_expiry_in_any_form(given: str, expected: str | None, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    caller = app_of(ada)
    added = caller.call("add_memory", text=TEXT, expires_at=given).data
    assert added.get("expires_at") == expected
    updated = caller.call("update_memory", id=added["id"], text="The okapi.", expires_at=given).data
    assert updated.get("expires_at") == expected


@pytest.mark.parametrize(
    "given", ["tomorrow", "2099", "2099-13-01", "in 3 days", 4_000_000_000, True, [], "10:00"]
)
def test_what_is_no_time_is_answered_with_the_forms(given: Any, ada: User) -> None:
    caller = app_of(ada)
    since = caller.call("list_recent", since=given).error_text
    expires_at = caller.call("add_memory", text=TEXT, expires_at=given).error_text
    assert since.startswith("since: Use a date such as 2026-12-01")
    assert expires_at == f"expires_at{since.removeprefix('since')[:-1]}, or “never”."
    assert not Memory.objects.exists()


def test_dates_alone_include_their_days(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    memory = remember(ada, TEXT)
    Memory.objects.update(created_at=datetime(2026, 3, 1, 14, 30, tzinfo=UTC))  # 23:30 in Tokyo
    caller = app_of(ada)
    for since, until, expected in [
        ("2026-03-01", "2026-03-01", 1), ("2026-03-02", "", 0), ("", "2026-02-28", 0),
        ("", "2026-03-01T23:00:00", 0), ("2026-03-01T23:30:00", "", 1),
    ]:  # fmt: skip
        found = caller.call("search", query="zebra", since=since, until=until).data["results"]
        assert len(found) == expected, (since, until)
    assert caller.call("list_recent", since="2026-03-02").texts == []
    assert memory.text == TEXT


@pytest.mark.parametrize(
    "arguments",
    [{"random_string": ""}, {"dummy": "x"}, {"input": {}}, {"a": None}, None, "", "{}", "null", [], "[]"],
)
def test_tool_without_parameters_ignores_made_up_ones(arguments: Any, ada: User) -> None:
    caller = app_of(ada)
    for caller.revision in (MODERN, LEGACY):
        answer = caller.ask("tools/call", {"name": "whoami", "arguments": arguments})
        assert answer.data["person"]["handle"] == ada.handle
        assert caller.ask("tools/call", {"name": "whoami"}).data


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
def test_arguments_as_json_text(revision: str, ada: User) -> None:
    remember(ada, TEXT)
    caller = app_of(ada)
    caller.revision = revision
    answer = caller.ask("tools/call", {"name": "search", "arguments": json.dumps({"query": "zebra"})})
    assert answer.texts == [TEXT]


def test_required_argument_may_be_a_word_for_nothing(ada: User) -> None:
    remember(ada, "A null pointer.")
    caller = app_of(ada)
    assert caller.call("search", query="null").texts == ["A null pointer."]
    assert caller.call("add_memory", text="None").data["title"] == "None"
    for tool, name in (
        ("search", "query"),
        ("add_memory", "text"),
        ("fetch", "id"),
        ("ask_persona", "question"),
    ):
        for empty in (None, "", " "):
            assert caller.call(tool, **{name: empty}).error_text == f"{name}: Required argument."


def test_unknown_argument_is_rejected_by_name(ada: User) -> None:
    for tool in ("search", "list_recent", "fetch"):
        error = app_of(ada).call(tool, query="x", id="x", canary="secret").error_text
        assert "canary: Unknown argument." in error
        assert "secret" not in error


@pytest.mark.parametrize("visibility", ["Private", " PRIVATE ", "any"])
def test_visibility_in_any_case(visibility: str, ada: User) -> None:
    remember(ada, TEXT)
    assert app_of(ada).call("search", query="zebra", visibility=visibility).texts == [TEXT]


@pytest.mark.parametrize(
    "form",
    ["{id}", "memory://{id}", "memory://{id}/", "MEMORY://{ID}", "{ID}", " {id} ", "{{{id}}}", "{hex}"],
)
def test_id_in_any_form(form: str, ada: User) -> None:
    memory = remember(ada, TEXT)
    given = form.format(id=memory.pk, ID=str(memory.pk).upper(), hex=memory.pk.hex)
    caller = app_of(ada)
    assert caller.call("fetch", id=given).data["text"] == TEXT
    if "://" in form:
        [content] = caller.read(given).result["contents"]
        assert json.loads(content["text"])["text"] == TEXT


def test_resources_with_final_slash(ada: User) -> None:
    caller = app_of(ada)
    for uri in (f"memories://{str(ada.pk).upper()}/", "memory://profile/", "Memory://profile"):
        assert caller.read(uri).result["contents"]


@pytest.mark.parametrize("topic", [None, "", " ", "tea", 7, ["tea"]])
def test_prompt_arguments_in_any_form(topic: Any, ada: User) -> None:
    for arguments in ({"topic": topic}, json.dumps({"topic": topic})):
        answer = app_of(ada).ask("prompts/get", {"name": "about_me", "arguments": arguments})
        text = answer.result["messages"][0]["content"]["text"]
        assert ("Topic: " in text) is (topic not in (None, "", " "))


@pytest.mark.parametrize("limit", [101, 10**9, "1000000000", 1e12, -(10**9)])
def test_number_out_of_range_is_named_as_such(limit: Any, ada: User) -> None:
    """A large number is a whole number too."""
    message = app_of(ada).call("search", query="zebra", limit=limit).error_text
    assert message.startswith("limit: Input should be ")
