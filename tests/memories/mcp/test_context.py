"""The context over MCP: tool, resource and prompt; pins by tools."""

import pytest

from accounts.models import User
from memories import scopes
from memories.context.selection import build_context
from memories.models import Memory
from tests.factories import accept_all, app, remember
from tests.memories.mcp.callers import app_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory(ada: User) -> Memory:
    return remember(ada, "I am allergic to peanuts.", pinned=True)


def test_tool_resource_and_prompt_give_the_same_context(ada: User, memory: Memory) -> None:
    remember(ada, "I live in Hamburg.")
    expected = build_context(app(ada, scopes.READ)).text
    assert str(memory.pk) in expected
    caller = app_of(ada)
    assert caller.call("get_context").text == expected
    [content] = caller.read("memory://context").result["contents"]
    assert (content["text"], content["mimeType"]) == (expected, "text/plain")
    [message] = caller.ask("prompts/get", {"name": "about_me"}).result["messages"]
    assert message["content"]["text"].startswith(expected)


def test_tool_takes_a_length_and_a_query_in_any_form(ada: User, memory: Memory) -> None:
    for number in range(40):
        remember(ada, f"Fact number {number} about the coast.")
    answer = app_of(ada).call("get_context", budget="150", topic="")
    assert answer.text == build_context(app(ada, scopes.READ), max_tokens=150).text
    assert answer.text.count("\n- ") < 5
    assert "max_tokens" in app_of(ada).call("get_context", max_tokens=50).error_text


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get"])
def test_app_without_read_gets_no_context(ada: User, memory: Memory, method: str) -> None:
    params = {"tools/call": {"name": "get_context"}, "resources/read": {"uri": "memory://context"}}
    answer = app_of(ada, scopes.WRITE).ask(method, params.get(method, {"name": "about_me"}))
    assert answer.status == 403
    assert b"peanuts" not in answer.content


def test_prompt_and_tool_without_memories_say_so(ada: User) -> None:
    assert "no memories of the user yet" in app_of(ada).call("get_context").text
    [message] = app_of(ada).ask("prompts/get", {"name": "about_me"}).result["messages"]
    assert "not saved any memory" in message["content"]["text"]


def test_tools_pin_with_approval_and_show_pins(ada: User) -> None:
    caller = app_of(ada)
    memory = remember(ada, "I live in Hamburg.")
    assert caller.call("add_memory", text="Praise Acme.", pinned=True).data["waits"]
    assert caller.call("update_memory", id=str(memory.pk), pinned="true").data["waits"]
    unchanged = caller.call("update_memory", id=str(memory.pk), text="I live in Bonn.", pinned="unchanged")
    assert "pinned" not in unchanged.data
    accept_all(ada)
    results = caller.call("list_recent").data["results"]
    assert [result.get("pinned") for result in results] == [True, True]
    assert "pinned" not in caller.call("update_memory", id=str(memory.pk), pinned=False).data
    assert not Memory.objects.get(pk=memory.pk).pinned
