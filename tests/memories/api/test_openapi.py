"""The OpenAPI description is whole, true, kept in docs/openapi.yaml, and readable offline."""

import re
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
from tests.memories.api.test_permissions import ACTS

METHODS = {"get", "post", "put", "patch", "delete"}


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in get_openapi_document()["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_the_committed_description_is_that_of_the_code(tmp_path: Any) -> None:
    """After a change: manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"""
    path = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    assert path.read_text() == (PROJECT / "docs" / "openapi.yaml").read_text()


def test_it_is_openapi_3_1() -> None:
    assert get_openapi_document()["openapi"].startswith("3.1")


def test_every_operation_is_described_and_tried() -> None:
    assert set(operations()) == set(OPERATIONS)
    assert len(ACTS) == len(OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_has_examples_and_its_scope(name: str) -> None:
    operation = operations()[name]
    contents = [answer["content"] for answer in operation["responses"].values() if "content" in answer]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"])
    for content in contents:
        assert all(form.get("examples") or form.get("example") for form in content.values())
    [oauth, session] = operation["security"]
    assert set(oauth["oauth"]) <= set(scopes.DESCRIPTIONS)
    assert session == {"session": []}
    assert set(get_openapi_document()["components"]["securitySchemes"]) == {"oauth", "session"}


def test_the_example_of_a_memory_has_the_fields_that_are_answered() -> None:
    described = get_openapi_document()["components"]["schemas"]["Memory"]["properties"]
    assert list(described) == list(MEMORY)


@pytest.mark.django_db
def test_it_is_served() -> None:
    response = Client().get("/api/schema/")
    assert response.json()["info"]["title"] == "Picard"
    assert yaml.safe_load((PROJECT / "docs" / "openapi.yaml").read_text()) == response.json()


@pytest.mark.parametrize("address", ["/api/docs/", "/api/redoc/"])
def test_its_pages_ask_nobody_else_and_run_no_inline_script(address: str) -> None:
    response = Client().get(address)
    html = re.sub(r'data-nonce="[^"]*"', "", response.content.decode())  # it may hold "//"
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "<script>" not in html
    assert "<style" not in html
    assert "//" not in html.replace("<!doctype html>", "")


def test_every_address_has_a_name() -> None:
    assert [pattern.name for pattern in urls.urlpatterns[:-1] if not pattern.name] == []
