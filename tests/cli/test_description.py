"""What the SDK sends and reads is what docs/openapi.yaml describes."""

import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import pytest
import yaml
from picard_memory import FieldError, Picard, models
from picard_memory.operations import OPERATIONS

from picard.config.paths import PROJECT

ID, OTHER = "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90", "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e91"
TIME = datetime(2026, 1, 31, tzinfo=UTC)
# Where the description calls a schema by another name than the SDK its model.
SCHEMA_NAMES = {
    "PendingApproval": "Waiting",
    "SearchResults": "Hits",
    "Extraction": "Proposals",
    "FieldError": "ProblemEntry",
}

PARSERS: dict[str, Callable[[str], object]] = {
    "integer": int, "array": lambda text: [text], "boolean": lambda text: text == "true",
}  # fmt: skip


@cache
def load_description() -> dict[str, Any]:
    text = (PROJECT / "docs" / "openapi.yaml").read_text(encoding="utf-8")
    description: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return description


def iterate_operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in load_description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def find_operation(method: str, path: str) -> dict[str, Any]:
    [found] = [
        operation
        for each, template, operation in iterate_operations()
        if each == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    return found


def validate(value: object, schema: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # slow import

    Draft202012Validator({**schema, "components": load_description()["components"]}).validate(value)


class DescribedServer:
    """Checks requests against the description, and answers with its examples."""

    def __init__(self) -> None:
        self.operations: set[str] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        operation = find_operation(request.method, request.url.path)
        self.operations.add(operation["operationId"])
        self._check_parameters(request, operation.get("parameters", []))
        self._check_body(request, operation)
        status = min(operation["responses"])
        content = operation["responses"][status].get("content")
        if not content:
            return httpx.Response(int(status))
        described = content.get("application/json", next(iter(content.values())))
        [example, *_] = [each["value"] for each in described.get("examples", {}).values()] or [{}]
        if isinstance(example, dict) and "next_cursor" in example:
            example |= {"next_cursor": None}
        return httpx.Response(int(status), json=example)

    def _check_parameters(self, request: httpx.Request, parameters: list[dict[str, Any]]) -> None:
        schemas = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
        for name, value in request.url.params.items():
            kinds = schemas[name].get("type", "string")
            kind = kinds if isinstance(kinds, str) else kinds[0]  # the other one is null
            validate(PARSERS.get(kind, str)(value), schemas[name])
        headers = {each["name"].lower() for each in parameters if each["in"] == "header"}
        assert {"idempotency-key", "if-match", "if-none-match"} & set(request.headers) <= headers

    def _check_body(self, request: httpx.Request, operation: dict[str, Any]) -> None:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            validate(json.loads(request.content), content["application/json"]["schema"])
        elif not content:
            assert not request.content


@pytest.fixture
def server() -> DescribedServer:
    return DescribedServer()


@pytest.fixture
def client(server: DescribedServer) -> Iterator[Picard]:
    transport = httpx.MockTransport(server.answer)
    with Picard("https://memory.example.org", "a-token", transport=transport) as client:
        yield client


def test_every_call_is_an_operation_of_the_description(server: DescribedServer, client: Picard) -> None:
    fields: dict[str, Any] = {"tags": ["food"], "visibility": "public", "expires_at": TIME, "pinned": True}
    filters: dict[str, Any] = {
        "tags_any": ["food"], "tags_all": [ID], "visibility": "private", "source": "web", "since": TIME,
    }  # fmt: skip
    client.add("I run.", **fields, supersedes=ID, on_duplicate="return")
    client.get(ID)
    client.edit(ID, text="I walk.", **fields | {"expires_at": None}, supersedes=None, if_version=1)
    client.trash(ID, if_version=2)
    assert list(client.iter_memories(**filters, until=TIME, pinned=True))
    assert client.search("running", limit=5, **filters, until=TIME)
    client.change_many([{"op": "create", "text": "I run.", "tags": []}, {"op": "trash", "id": ID}])
    client.list_similar(ID)
    client.unite(ID, OTHER, merge=True)
    client.keep_both(ID, OTHER)
    assert list(client.iter_history(ID))
    client.restore_version(ID, 1)
    assert list(client.iter_tags())
    client.ask("What do I do?", turns=[{"role": "user", "text": "Hello."}])
    client.get_context(500, "sport")
    client.extract("I run.")
    client.preview_import([("notes.txt", io.BytesIO(b"I run."))], chats="mine", text_column="note")
    client.list_imports()
    client.get_import(ID)
    client.discard_import(ID)
    client.run_import(ID, publish=True)
    client.undo_import(ID)
    assert b"".join(client.export("csv"))
    client.whoami()
    assert list(client.iter_activity())
    assert server.operations == set(OPERATIONS)


def test_operations_have_the_methods_and_paths_of_the_description() -> None:
    described = {operation["operationId"]: (method, path) for method, path, operation in iterate_operations()}
    assert {name: each[:2] for name, each in OPERATIONS.items()} == {
        name: described[name] for name in OPERATIONS
    }


def test_operations_with_a_key_are_those_of_the_description() -> None:
    with_key = {
        operation["operationId"]
        for _method, _path, operation in iterate_operations()
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
    }
    assert {name for name, each in OPERATIONS.items() if each.has_key} == with_key & set(OPERATIONS)


@pytest.mark.parametrize(
    "model",
    [
        FieldError,
        *(
            each
            for each in vars(models).values()
            if dataclasses.is_dataclass(each) and isinstance(each, type)
        ),
    ],
    ids=lambda model: model.__name__,
)
def test_every_field_of_a_model_is_in_the_description(model: Any) -> None:
    schema = load_description()["components"]["schemas"][SCHEMA_NAMES.get(model.__name__, model.__name__)]
    fields = {field.name for field in dataclasses.fields(model)}
    assert fields <= set(schema["properties"])
    required = {each.name for each in dataclasses.fields(model) if each.default is dataclasses.MISSING}
    assert required <= set(schema.get("required", ()))
