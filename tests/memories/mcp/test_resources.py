"""Resources and prompts."""

import json
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from memories.services.tags import find_tags
from tests.factories import remember
from tests.memories.mcp.callers import app_of
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db


def contents(answer: Any) -> Any:
    [content] = answer.result["contents"]
    assert content["mimeType"] == "application/json"
    return json.loads(content["text"])


def test_resources_and_templates_are_listed(ada: User) -> None:
    caller = app_of(ada)
    uris = [resource["uri"] for resource in caller.ask("resources/list").result["resources"]]
    assert uris == ["memory://profile", "memory://context", f"memories://{ada.pk}"]
    templates = caller.ask("resources/templates/list").result["resourceTemplates"]
    assert [each["uriTemplate"] for each in templates] == ["memory://{id}", "memories://{user_id}"]


def test_each_resource_can_be_read(ada: User) -> None:
    memory = remember(ada, "The zebra sleeps.", tags=["animals"])
    caller = app_of(ada)
    assert contents(caller.read(f"memory://{memory.pk}"))["text"] == "The zebra sleeps."
    listed = contents(caller.read(f"memories://{ada.pk}"))["results"]
    assert [row["text"] for row in listed] == ["The zebra sleeps."]
    profile = contents(caller.read("memory://profile"))
    assert profile["handle"] == ada.handle
    assert ada.email not in str(profile)


def test_resources_of_others_look_like_missing_ones(ada: User, bob: User) -> None:
    memory = remember(ada, "The zebra canary.", visibility="public")
    caller = app_of(bob)
    for uri in (f"memory://{memory.pk}", f"memories://{ada.pk}"):
        prefix = uri.partition("://")[0]
        absent = f"{prefix}://{uuid4()}"
        forbidden, missing = caller.read(uri), caller.read(absent)
        assert forbidden.status == missing.status
        assert forbidden.content.replace(uri.encode(), b"") == missing.content.replace(absent.encode(), b"")


@pytest.mark.parametrize(
    "uri", ["memory://", "memory://x", "memories://me", "file:///etc/passwd", "memory://profile/x", "x"]
)
def test_invalid_uri_is_not_found(uri: str, ada: User) -> None:
    answer = app_of(ada).read(uri)
    assert answer.json["error"]["code"] == -32602


def test_app_limited_to_tags_reads_only_those_memories(ada: User) -> None:
    remember(ada, "Inside.", tags=["work"])
    outside = remember(ada, "Outside canary.", tags=["home"])
    [tag] = find_tags(ada.pk, ["work"])
    app = make_app()
    allow(ada, app, only_tags=frozenset({tag.pk}))
    caller = app_of(ada, app=app)
    assert [row["text"] for row in contents(caller.read(f"memories://{ada.pk}"))["results"]] == ["Inside."]
    assert "error" in caller.read(f"memory://{outside.pk}").json


def test_prompts_refer_to_the_tools(ada: User) -> None:
    caller = app_of(ada)
    names = [listed["name"] for listed in caller.ask("prompts/list").result["prompts"]]
    assert names == ["about_me", "remember_this"]
    prompt = caller.ask("prompts/get", {"name": "about_me", "arguments": {"topic": "tea"}})
    assert "tea" in prompt.result["messages"][0]["content"]["text"]
    prompt = caller.ask("prompts/get", {"name": "remember_this", "arguments": {"text": "I like tea."}})
    assert "add_memory" in prompt.result["messages"][0]["content"]["text"]
    assert "error" in caller.ask("prompts/get", {"name": "remember_this"}).json
    assert "error" in caller.ask("prompts/get", {"name": "else"}).json
