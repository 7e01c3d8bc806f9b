"""How often one may ask, and how many statements an answer costs."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from memories.services import writes
from tests.factories import remember, session
from tests.memories.api.callers import Caller, app_of, nobody, session_of

pytestmark = pytest.mark.django_db


def test_each_app_of_each_person_has_a_share(ada: User, bob: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    notes = app_of(ada)
    assert [notes("get", "/whoami/").status for _ in range(3)] == [200, 200, 429]
    late = notes("get", "/memories/")
    assert (late.code, late.headers["Retry-After"]) == ("rate_limited", "30")
    assert [caller("get", "/whoami/").status for caller in (app_of(ada), app_of(bob), session_of(ada))] == [
        200
    ] * 3


def test_guessing_tokens_is_limited_by_address(settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 2
    guesses = [
        nobody()(
            "get", "/whoami/", Authorization=f"Bearer picard_at_{n:043}", X_Forwarded_For=f"1.1.1.{n}"
        ).status
        for n in range(4)
    ]
    assert guesses == [401, 401, 429, 429]


def test_what_is_refused_counts_too(ada: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    notes = app_of(ada)
    assert [notes("post", "/memories/", {"text": ""}).status for _ in range(3)] == [400, 400, 429]


# --- Statements -------------------------------------------------------------------------------------------------


def statements(caller: Caller, method: str, path: str, body: Any = None) -> list[str]:
    """All that the request sent to the database, BEGIN and COMMIT included, once the process is warm."""
    caller(method, path, body)
    with CaptureQueriesContext(connection) as captured:
        answer = caller(method, path, body)
    assert answer.status < 300, answer.content
    return [query["sql"] for query in captured.captured_queries]


@pytest.fixture
def notes(ada: User) -> Caller:
    for number in range(12):
        remember(ada, f"The zebra number {number}.", tags=["animals", "zoo"])
    return app_of(ada)


def test_a_list_is_three_statements_with_limit_and_audit(notes: Caller) -> None:
    sent = statements(notes, "get", "/memories/?limit=10")
    assert len(sent) <= 3, sent


def test_a_search_is_four_statements_with_limit_and_audit(notes: Caller) -> None:
    sent = statements(notes, "post", "/memories/search/", {"query": "zebra number 3"})
    assert len(sent) <= 4, sent


@pytest.mark.django_db(transaction=True)
def test_an_add_is_six_statements_with_begin_and_commit(ada: User) -> None:
    sent = statements(app_of(ada), "post", "/memories/", {"text": "I live in Rome.", "tags": ["home"]})
    assert len(sent) <= 6, sent


def test_reading_one_is_three_statements(notes: Caller, ada: User) -> None:
    memory = writes.create_memory(session(ada), text="One.", tags=["a"])
    assert len(statements(notes, "get", f"/memories/{memory.pk}/")) <= 3
