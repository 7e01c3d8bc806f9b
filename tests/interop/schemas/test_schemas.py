"""The tools' input schemas arrive whole in the function schemas of three model providers' SDKs."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from tests.factories import remember
from tests.memories.mcp.callers import app_of

pytestmark = pytest.mark.django_db

HERE = Path(__file__).resolve().parent
PYTHON = Path(settings.BASE_DIR) / "build" / "interop-schemas" / "bin" / "python"
# What every converter and every model's API takes.
KEYWORDS = {"type", "description", "properties", "required", "items", "enum", "minimum", "maximum"}
UPDATE = "update_memory"


def find_python() -> Path:
    """Return the Python with the SDKs. Without it, skip the test, or fail if CI=true."""
    if (PYTHON.parent.parent / ".installed").exists():
        return PYTHON
    if os.environ.get("CI") == "true":
        pytest.fail("build/interop-schemas is missing, and CI=true: `make test` installs it")
    pytest.skip("build/interop-schemas is missing: run `make test`")


def list_tools(user: User) -> dict[str, Any]:
    return {tool["name"]: tool for tool in app_of(user).ask("tools/list").result["tools"]}


def iter_schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for each in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from iter_schemas(each)


def without_casts(schema: Any) -> Any:
    """Return Gemini's schema with the names of types and the numbers of JSON Schema."""
    if isinstance(schema, dict):
        return {
            name: value.lower() if name == "type" else without_casts(value) for name, value in schema.items()
        }
    return [without_casts(each) for each in schema] if isinstance(schema, list) else schema


@pytest.fixture
def converted(ada: User) -> Any:
    tools = {"tools": list(list_tools(ada).values())}
    command = [str(find_python()), str(HERE / "convert.py")]
    run = subprocess.run(
        command, input=json.dumps(tools), capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr[-3_000:]
    return json.loads(run.stdout)


def test_schemas_have_only_plain_types(ada: User) -> None:
    for tool in list_tools(ada).values():
        for schema in iter_schemas(tool["inputSchema"]):
            assert schema.keys() <= KEYWORDS, tool["name"]
            assert isinstance(schema["type"], str)
        for name, schema in tool["inputSchema"]["properties"].items():
            assert schema["description"], f"{tool['name']}.{name}"
        for schema in iter_schemas(tool["outputSchema"]):
            assert not schema.keys() & {"$ref", "$defs", "anyOf", "default", "additionalProperties"}


def test_converters_lose_nothing(ada: User, converted: Any) -> None:
    for name, tool in list_tools(ada).items():
        assert converted[name]["anthropic"] == tool["inputSchema"]
        assert converted[name]["openai"] == tool["inputSchema"]
        assert without_casts(converted[name]["gemini"]) == tool["inputSchema"]


def test_strict_schemas_can_be_filled_without_effect(ada: User, converted: Any) -> None:
    """In strict mode a model gives every argument, so each optional one has a value that means nothing."""
    for name, tool in list_tools(ada).items():
        schema = converted[name]["openai_strict"]["schema"]
        assert schema["properties"] == tool["inputSchema"]["properties"]
        assert set(schema.get("required", ())) == set(schema["properties"])
        assert converted[name]["openai_strict"]["strict"] is bool(schema["properties"])

    memory = remember(ada, "Old.", tags=["old"])
    caller = app_of(ada)
    expires_at = caller.call(UPDATE, id=str(memory.pk), expires_at="2099-01-01").data["expires_at"]
    filled: dict[str, Any] = {"string": "", "array": [], "null": None}
    for empty in ({"string", "array"}, {"null"}):
        optional = {
            name: next(value for kind, value in filled.items() if kind in empty & {schema["type"], "null"})
            for name, schema in converted[UPDATE]["openai_strict"]["schema"]["properties"].items()
            if name not in ("id", "text")
        }
        data = caller.call(UPDATE, id=str(memory.pk), text=f"New {len(empty)}.", **optional).data
        assert (data["tags"], data["expires_at"]) == (["old"], expires_at)
        everything = {"limit": 10, "max_tokens": 3_000, "visibility": "any", **optional}
        searched = {**dict.fromkeys(("since", "until", "tags"), optional["expires_at"]), **everything}
        searched.pop("expires_at")
        assert caller.call("search", query="New", **searched).texts == [f"New {len(empty)}."]
