"""What nobody thought of: requests made of the description, valid and not. No answer is a 5xx or undescribed."""

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tried
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from memories import scopes, services
from memories.api.docs import description
from memories.api.schema import OPERATIONS
from memories.models import Memory
from tests.factories import remember, session
from tests.memories.api.callers import app_of

pytestmark = pytest.mark.django_db

CASES = int(os.environ.get("FUZZ_CASES", "8"))  # of each operation, each caller, each mode
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def reader(ada: User) -> dict[str, str]:
    return app_of(ada, scopes.READ).headers


def writer(ada: User) -> dict[str, str]:
    return app_of(ada, *scopes.DESCRIPTIONS).headers


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: a request must not close the connection whose transaction the test is in."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def memory(ada: User) -> Memory:
    made = remember(ada, "First.", tags=["a", "b"])
    services.update_memory(session(ada), made.pk, text="Then.")
    services.trash_memory(session(ada), remember(ada, "Gone.").pk)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("who", [reader, writer])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_described(
    name: str, who: Any, ada: User, memory: Memory, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000_000
    described = schemathesis.openapi.from_dict(description())
    described.app = WSGIHandler()
    found: list[Any] = [result.ok() for result in cast(Any, described.get_all_operations())]
    [operation] = [each for each in found if each.definition.raw["operationId"] == name]
    headers = who(ada)
    named = {"memory_id": str(memory.pk), "version": 1}
    there = {name: value for name, value in named.items() if f"{{{name}}}" in operation.path}
    _try(operation.as_strategy(GenerationMode.POSITIVE), headers)
    if there:
        _try(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=there), headers)
    if operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"):
        _try(operation.as_strategy(GenerationMode.NEGATIVE), headers)


def _try(strategy: Any, headers: dict[str, str]) -> None:
    @tried(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        case.call_and_validate(base_url="http://testserver", headers=headers, checks=CHECKS)

    ask()
