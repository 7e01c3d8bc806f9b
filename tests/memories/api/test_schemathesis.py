"""What nobody thought of: requests made of the description, valid and not. No answer is a 5xx or undescribed."""

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
from memories import scopes
from memories.api.openapi.schema import OPERATIONS
from memories.api.openapi.views import get_openapi_document
from memories.models import Memory
from memories.services import writes
from oauth.models import AppGrant
from tests.chaos.report import record
from tests.factories import remember, session
from tests.memories.api.callers import app_of

pytestmark = pytest.mark.django_db

CASES = int(os.environ.get("FUZZ_CASES", "5000"))  # of all operations and both callers together
RANDOM = "FUZZ_CASES" in os.environ  # otherwise the same cases each time
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


@pytest.fixture(autouse=True)
def _no_line_for_each_request() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def memory(ada: User) -> Memory:
    made = remember(ada, "First.", tags=["a", "b"])
    writes.update_memory(session(ada), made.pk, text="Then.")
    writes.trash_memory(session(ada), remember(ada, "Gone.").pk)
    return made


@cache
def described() -> dict[str, Any]:
    """Every operation by its id, as schemathesis reads it."""
    api = schemathesis.openapi.from_dict(get_openapi_document())
    api.app = WSGIHandler()
    found: list[Any] = [result.ok() for result in cast(Any, api.get_all_operations())]
    return {each.definition.raw["operationId"]: each for each in found}


def takes_something(operation: Any) -> bool:
    return bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))


def share() -> int:
    """How many cases one caller asks of one operation, so that all together ask CASES."""
    return math.ceil(CASES / len(CALLERS) / sum(map(takes_something, described().values())))


CALLERS = (reader, writer)
asked: Counter[tuple[str, str]] = Counter()


@pytest.mark.slow
@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_described(
    name: str, who: Any, ada: User, memory: Memory, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000_000
    headers = who(ada)
    operation = described()[name]
    grant, other = AppGrant.objects.get(), remember(ada, "Another.")
    named = {"memory_id": str(memory.pk), "version": 1, "grant_id": str(grant.pk), "other_id": str(other.pk)}
    there = {name: value for name, value in named.items() if f"{{{name}}}" in operation.path}
    strategies = [operation.as_strategy(GenerationMode.POSITIVE)]
    if takes_something(operation):
        strategies.insert(0, operation.as_strategy(GenerationMode.NEGATIVE))
    if there:
        strategies.insert(0, operation.as_strategy(GenerationMode.POSITIVE, path_parameters=there))
    left = share() if takes_something(operation) else 1
    for following, strategy in zip(range(len(strategies), 0, -1), strategies, strict=True):
        count = _ask(strategy, headers, at_most=math.ceil(left / following))
        left -= count
        asked[name, who.__name__] += count


@pytest.mark.slow
def test_so_many_cases_were_asked() -> None:
    if len(asked) < len(OPERATIONS) * len(CALLERS):
        pytest.skip("not all operations were asked")
    record(
        f"fuzzed requests of {len(OPERATIONS)} operations", tries=asked.total(), lost=0, what="answers of 5xx"
    )
    assert asked.total() >= CASES


def _ask(strategy: Any, headers: dict[str, str], *, at_most: int) -> int:
    """How many cases there were."""
    count = 0

    @tried(
        max_examples=at_most,
        deadline=None,
        database=None,
        derandomize=not RANDOM,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        nonlocal count
        count += 1
        case.call_and_validate(base_url="http://testserver", headers=headers, checks=CHECKS)

    ask()
    return count
