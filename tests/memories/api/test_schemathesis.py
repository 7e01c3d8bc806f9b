"""Fuzzing: requests generated from the OpenAPI description never cause 5xx or undescribed responses."""

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from memories import scopes
from memories.api.openapi.schema import OPERATIONS
from memories.api.openapi.views import get_openapi_document
from memories.models import Memory
from memories.services import writes
from oauth.models import AppGrant
from tests.chaos.report import record
from tests.factories import remember, session
from tests.memories.api.callers import app_of
from tests.oauth.flows import personal_token

pytestmark = pytest.mark.django_db

CASES = int(os.environ.get("FUZZ_CASES", "1000"))  # in total, over all operations and both callers
RANDOM = "FUZZ_CASES" in os.environ  # otherwise the same cases every time
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def reader(ada: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {personal_token(ada, scopes.READ).secret}"}


def writer(ada: User) -> dict[str, str]:
    return app_of(ada, *scopes.DESCRIPTIONS).headers


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Stop requests from closing the connection that the test transaction uses, as the Django test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _no_request_logging() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def memory(ada: User) -> Memory:
    saved = remember(ada, "First.", tags=["a", "b"])
    writes.update_memory(session(ada), saved.pk, text="Then.")
    writes.trash_memory(session(ada), remember(ada, "Gone.").pk)
    return saved


@cache
def get_operations() -> dict[str, Any]:
    """Return all operations by their ID, as schemathesis parses them."""
    api = schemathesis.openapi.from_dict(get_openapi_document())
    api.app = WSGIHandler()
    operations: list[Any] = [result.ok() for result in cast(Any, api.get_all_operations())]
    return {each.definition.raw["operationId"]: each for each in operations}


def has_input(operation: Any) -> bool:
    return bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))


def get_cases_per_operation() -> int:
    """Return the number of cases per caller and operation, so that the total is at least CASES."""
    return math.ceil(CASES / len(CALLERS) / sum(map(has_input, get_operations().values())))


CALLERS = (reader, writer)
sent_cases: Counter[tuple[str, str]] = Counter()


@pytest.mark.slow
@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_response_matches_the_description(
    name: str, who: Any, ada: User, memory: Memory, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000_000
    settings.WORK_SECONDS_PER_MINUTE = 0
    headers = who(ada)
    operation = get_operations()[name]
    grant, other = AppGrant.objects.get(), remember(ada, "Another.")
    path_parameters = {
        "memory_id": str(memory.pk),
        "version": 1,
        "grant_id": str(grant.pk),
        "other_id": str(other.pk),
    }
    existing = {name: value for name, value in path_parameters.items() if f"{{{name}}}" in operation.path}
    strategies = [operation.as_strategy(GenerationMode.POSITIVE)]
    if has_input(operation):
        strategies.insert(0, operation.as_strategy(GenerationMode.NEGATIVE))
    if existing:
        strategies.insert(0, operation.as_strategy(GenerationMode.POSITIVE, path_parameters=existing))
    remaining = get_cases_per_operation() if has_input(operation) else 1
    for strategies_left, strategy in zip(range(len(strategies), 0, -1), strategies, strict=True):
        count = _run_cases(strategy, headers, at_most=math.ceil(remaining / strategies_left))
        remaining -= count
        sent_cases[name, who.__name__] += count


@pytest.mark.slow
def test_total_number_of_cases_was_reached() -> None:
    if len(sent_cases) < len(OPERATIONS) * len(CALLERS):
        pytest.skip("not all operations were tested")
    record(
        f"fuzzed requests of {len(OPERATIONS)} operations",
        tries=sent_cases.total(),
        lost=0,
        what="answers of 5xx",
    )
    assert sent_cases.total() >= CASES


def _run_cases(strategy: Any, headers: dict[str, str], *, at_most: int) -> int:
    """Run up to `at_most` cases and return their number."""
    count = 0

    @hypothesis_settings(
        max_examples=at_most,
        deadline=None,
        database=None,
        derandomize=not RANDOM,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run_case(case: Any) -> None:
        nonlocal count
        count += 1
        case.call_and_validate(base_url="http://testserver", headers=headers, checks=CHECKS)

    run_case()
    return count
