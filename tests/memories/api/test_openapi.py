"""The OpenAPI description is complete, correct, committed as docs/openapi.yaml and readable offline."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from memories import scopes
from memories.api import urls
from memories.api.openapi.examples import MEMORY
from memories.api.openapi.schema import OPERATIONS
from memories.api.openapi.views import get_openapi_document
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
    [oauth, session] = operation["security"]
    assert set(oauth["oauth"]) <= set(scopes.DESCRIPTIONS)
    assert session == {"session": []}
    assert set(get_openapi_document()["components"]["securitySchemes"]) == {"oauth", "session"}


def test_memory_example_has_exactly_the_described_fields() -> None:
    properties = get_openapi_document()["components"]["schemas"]["Memory"]["properties"]
    assert list(properties) == list(MEMORY)


@pytest.mark.django_db
def test_description_is_served() -> None:
    response = Client().get("/api/schema/")
    assert response.json()["info"]["title"] == "Picard"
    assert yaml.safe_load((PROJECT / "docs" / "openapi.yaml").read_text()) == response.json()


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_documentation_pages_load_nothing_external_and_no_inline_script(path: str) -> None:
    response = Client().get(path)
    html = re.sub(r'data-nonce="[^"]*"', "", response.content.decode())  # may contain "//"
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "<script>" not in html
    assert "<style" not in html
    assert "//" not in html.replace("<!doctype html>", "")


def test_every_url_has_a_name() -> None:
    assert [pattern.name for pattern in urls.urlpatterns[:-1] if not pattern.name] == []
