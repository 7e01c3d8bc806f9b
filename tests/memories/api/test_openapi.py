"""The OpenAPI description is complete, correct, committed as docs/openapi.yaml and readable offline."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from memories import scopes
from memories.api import urls
from memories.api.openapi.examples import MEMORY
from memories.api.openapi.responses import PROBLEM_CODES
from memories.api.openapi.schema import OPERATIONS
from memories.api.openapi.views import get_openapi_document
from memories.portability.exports.formats import EXPORT_FORMATS
from picard.config.paths import PROJECT
from tests.memories.api.test_permissions import REQUESTS

METHODS = {"get", "post", "put", "patch", "delete"}
NAMES = Path(__file__).with_name("openapi_names.json")


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in get_openapi_document()["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_committed_description_matches_the_code(tmp_path: Any) -> None:
    """To update it, run manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"""
    path = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    assert path.read_text() == (PROJECT / "docs" / "openapi.yaml").read_text()


def test_component_names_and_operation_ids_are_stable() -> None:
    """Generated clients name their types and functions after these; renaming a class must not change them."""
    names = {
        "components": sorted(get_openapi_document()["components"]["schemas"]),
        "operations": sorted(operations()),
    }
    assert names == json.loads(NAMES.read_text())


def test_description_is_openapi_3_1() -> None:
    assert get_openapi_document()["openapi"].startswith("3.1")


def test_every_operation_is_described_and_covered_by_permission_tests() -> None:
    assert set(operations()) == set(OPERATIONS)
    assert len(REQUESTS) == len(OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_has_examples_and_a_scope(name: str) -> None:
    operation = operations()[name]
    contents = [response["content"] for response in operation["responses"].values() if "content" in response]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"])
    for content in contents:
        assert all(media.get("examples") or media.get("example") for media in content.values())
    [oauth, *others] = operation["security"]
    assert set(oauth["oauth"]) <= set(scopes.DESCRIPTIONS)
    assert others == [{"token": []}, {"session": []}]
    assert list(get_openapi_document()["components"]["securitySchemes"]) == ["oauth", "session", "token"]


def test_memory_example_has_exactly_the_described_fields() -> None:
    properties = get_openapi_document()["components"]["schemas"]["Memory"]["properties"]
    assert list(properties) == list(MEMORY)


@pytest.mark.django_db
def test_served_description_names_its_own_server(settings: Settings) -> None:
    """The committed one names a variable, and OAuth URLs relative to it."""
    settings.PUBLIC_URL = "https://memory.example.org"
    served = Client().get("/api/schema/").json()
    committed = yaml.safe_load((PROJECT / "docs" / "openapi.yaml").read_text())
    [flow] = served["components"]["securitySchemes"]["oauth"]["flows"].values()
    [relative_flow] = committed["components"]["securitySchemes"]["oauth"]["flows"].values()
    assert served["servers"] == [{"url": "https://memory.example.org"}]
    assert committed["servers"][0]["url"] == "{origin}"
    for name, path in (
        ("authorizationUrl", "/oauth/authorize/"),
        ("tokenUrl", "/oauth/token/"),
        ("refreshUrl", "/oauth/token/"),
    ):
        assert (relative_flow[name], flow[name]) == (path, f"https://memory.example.org{path}")
    for document in (served, committed):
        del document["servers"], document["components"]["securitySchemes"]
    assert served == committed


@pytest.mark.django_db
def test_served_description_names_the_loopback_host_that_was_asked(settings: Settings) -> None:
    """Otherwise Swagger UI at localhost would send its requests to another origin."""
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    served = Client().get("/api/schema/", headers={"host": "localhost:8000"}).json()
    assert served["servers"] == [{"url": "http://localhost:8000"}]


def iterate_schemas(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each property of each component, with both names."""
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            yield name, field, described


def test_no_property_of_a_request_body_has_a_default() -> None:
    """openapi-typescript declares such a property as required."""
    found = [
        (name, field)
        for name, field, schema in iterate_schemas(get_openapi_document())
        if "default" in schema
    ]
    assert found == []


def test_values_that_may_be_added_are_described_as_strings() -> None:
    """An older client rejects a value that its enum lacks. What a request can choose, the client chooses itself."""
    schemas = get_openapi_document()["components"]["schemas"]
    assert {name for name, schema in schemas.items() if "enum" in schema} == {
        "OpEnum", "RoleEnum", "VisibilityEnum",
    }  # fmt: skip
    for component, field, value in (
        ("Whoami", "scopes", scopes.PUBLISH),
        ("App", "scopes", scopes.ADMIN),
        ("Event", "action", "memory:search"),
        ("Memory", "state", "pending"),
        ("Import", "format", "chatgpt"),
        ("Problem", "code", "insufficient_scope"),
    ):
        assert f"`{value}`" in schemas[component]["properties"][field]["description"]


def test_every_problem_code_is_described() -> None:
    documented = (PROJECT / "docs" / "api.md").read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    table = [line for line in documented.splitlines() if line.startswith("|")]
    assert set(PROBLEM_CODES) == set(re.findall(r"`([a-z_]+)`", "\n".join(table))) - {"errors"}


def test_strings_of_requests_have_their_own_limits() -> None:
    schemas = get_openapi_document()["components"]["schemas"]
    for component, field, limit in (
        ("SearchInRequest", "query", 1_000),
        ("QuestionInRequest", "question", 1_000),
        ("TurnInRequest", "text", 8_000),
        ("ConversationInRequest", "conversation", 20_000),
        ("PatchedTagChangesRequest", "name", 50),
        ("PatchedProfileChangesRequest", "bio", 300),
    ):
        assert schemas[component]["properties"][field]["maxLength"] == limit, component


def test_every_list_that_has_a_cursor_returns_the_next_one() -> None:
    document = get_openapi_document()
    for operation in operations().values():
        cursors = [each["schema"] for each in operation.get("parameters", ()) if each["name"] == "cursor"]
        for cursor in cursors:
            page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].split("/")[
                -1
            ]
            next_cursor = document["components"]["schemas"][page]["properties"]["next_cursor"]
            assert next_cursor["type"] == [cursor["type"], "null"], page
            assert next_cursor.get("format") == cursor.get("format"), page


def test_every_media_type_of_an_export_is_described() -> None:
    media_types = {each.media_type.partition(";")[0] for each in EXPORT_FORMATS.values()}
    assert set(operations()["export_memories"]["responses"]["200"]["content"]) == media_types


def test_documentation_page_loads_nothing_external_and_nothing_inline() -> None:
    response = Client().get("/api/docs/")
    html = response.content.decode()
    for directive in ("script-src 'self'", "style-src 'self'"):
        assert directive in response["Content-Security-Policy"].split("; ")
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "<script>" not in html
    assert "<style" not in html
    assert "//" not in html.replace("<!doctype html>", "")


def test_every_url_has_a_name() -> None:
    assert [pattern.name for pattern in urls.urlpatterns[:-1] if not pattern.name] == []
