"""Rate limits, and the number of SQL statements per request."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from memories.services import writes
from tests.factories import remember, session
from tests.memories.api.callers import Caller, anonymous, app_of, session_of

pytestmark = pytest.mark.django_db


def test_each_app_of_each_user_is_limited_separately(ada: User, bob: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    notes = app_of(ada)
    assert [notes("get", "/whoami/").status for _ in range(3)] == [200, 200, 429]
    limited = notes("get", "/memories/")
    assert (limited.code, limited.headers["Retry-After"]) == ("rate_limited", "30")
    assert [caller("get", "/whoami/").status for caller in (app_of(ada), app_of(bob), session_of(ada))] == [
        200
    ] * 3


def test_token_guessing_is_limited_by_ip_address(settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 2
    guesses = [
        anonymous()(
            "get", "/whoami/", Authorization=f"Bearer picard_at_{n:043}", X_Forwarded_For=f"1.1.1.{n}"
        ).status
        for n in range(4)
    ]
    assert guesses == [401, 401, 429, 429]


def test_rejected_requests_count_towards_the_limit(ada: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    notes = app_of(ada)
    assert [notes("post", "/memories/", {"text": ""}).status for _ in range(3)] == [400, 400, 429]


# --- Statements -------------------------------------------------------------------------------------------------


def statements(caller: Caller, method: str, path: str, body: Any = None) -> list[str]:
    """Return the SQL statements of a repeated request, including BEGIN and COMMIT."""
    caller(method, path, body)
    with CaptureQueriesContext(connection) as queries:
        answer = caller(method, path, body)
    assert answer.status < 300, answer.content
    return [query["sql"] for query in queries.captured_queries]


@pytest.fixture
def notes(ada: User) -> Caller:
    for number in range(12):
        remember(ada, f"The zebra number {number}.", tags=["animals", "zoo"])
    return app_of(ada)


@pytest.mark.plain(reason="a cluster takes more statements")
def test_list_takes_three_statements_including_rate_limit_and_audit(notes: Caller) -> None:
    executed = statements(notes, "get", "/memories/?limit=10")
    assert len(executed) <= 3, executed


@pytest.mark.plain(reason="a cluster takes more statements")
def test_search_takes_four_statements_including_rate_limit_and_audit(notes: Caller) -> None:
    executed = statements(notes, "post", "/memories/search/", {"query": "zebra number 3"})
    assert len(executed) <= 4, executed


@pytest.mark.django_db(transaction=True)
@pytest.mark.plain(reason="a cluster takes more statements")
def test_create_takes_six_statements_including_begin_and_commit(ada: User) -> None:
    executed = statements(app_of(ada), "post", "/memories/", {"text": "I live in Rome.", "tags": ["home"]})
    assert len(executed) <= 6, executed


@pytest.mark.plain(reason="a cluster takes more statements")
def test_reading_a_memory_takes_three_statements(notes: Caller, ada: User) -> None:
    memory = writes.create_memory(session(ada), text="One.", tags=["a"])
    assert len(statements(notes, "get", f"/memories/{memory.pk}/")) <= 3
