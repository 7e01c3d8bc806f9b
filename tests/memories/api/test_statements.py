"""What a request of an app costs the database, with its token, rate limit and audit: so many statements, no more."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from memories import scopes
from memories.services import writes
from memories.services.reads import list_tags
from memories.services.writes import NewMemory
from tests.factories import remember, session
from tests.memories.api.callers import Caller, app_of

pytestmark = pytest.mark.django_db
READING = 4
ADDING = 10  # with BEGIN and COMMIT, which are a savepoint and its release within a test


@pytest.fixture
def notes(ada: User, index: Callable[[], int]) -> Caller:
    """An app that has asked before, of a person with some memories, all of them indexed."""
    writes.create_memories(
        session(ada), [NewMemory(f"Sweet peas number {number}.", tags=("garden",)) for number in range(12)]
    )
    index()
    app = app_of(ada, scopes.READ, scopes.WRITE)
    app("get", "/memories/")
    return app


def statements(act: Callable[[], int]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert act() in (200, 201)
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("query", ["", "?limit=10", "?tags_any={tag}"])
def test_a_list_takes_at_most_four_statements(ada: User, notes: Caller, query: str) -> None:
    path = "/memories/" + query.format(tag=list_tags(session(ada))[0].pk)
    assert len(found := statements(lambda: notes("get", path).status)) <= READING, found


def test_a_search_takes_at_most_four_statements(notes: Caller) -> None:
    def search() -> int:
        answer = notes("post", "/memories/search/", {"query": "sweet peas", "limit": 10})
        assert len(answer.json["results"]) == 10
        return answer.status

    search()
    assert len(found := statements(search)) <= READING, found


def test_reading_one_takes_at_most_four_statements(ada: User, notes: Caller) -> None:
    memory = remember(ada, "One.", tags=["garden"])
    assert len(found := statements(lambda: notes("get", f"/memories/{memory.pk}/").status)) <= READING, found


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}], ids=["plain", "with a key"])
@pytest.mark.parametrize("tags", [[], ["garden", "a new one"]], ids=["untagged", "tagged"])
def test_adding_takes_at_most_ten_statements(notes: Caller, tags: list[str], key: dict[str, str]) -> None:
    def add() -> int:
        return notes("post", "/memories/", {"text": "A fresh one.", "tags": tags}, **key).status

    assert len(found := statements(add)) <= ADDING, found
