"""The number of SQL statements of an app request, including token check, rate limit and audit."""

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
MAX_READ_STATEMENTS = 4
MAX_CREATE_STATEMENTS = 10  # with BEGIN and COMMIT, which are SAVEPOINT and RELEASE within a test
NEW_TAG_STATEMENTS = 3  # a lock, the number of tags, and the new rows


@pytest.fixture
def notes(ada: User, index: Callable[[], int]) -> Caller:
    """Return an app that has sent a request before, of a user with indexed memories."""
    writes.create_memories(
        session(ada), [NewMemory(f"Sweet peas number {number}.", tags=("garden",)) for number in range(12)]
    )
    index()
    app = app_of(ada, scopes.READ, scopes.WRITE)
    app("get", "/memories/")
    return app


def statements(send: Callable[[], int]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert send() in (200, 201)
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("query", ["", "?limit=10", "?tags_any={tag}"])
def test_list_takes_at_most_four_statements(ada: User, notes: Caller, query: str) -> None:
    path = "/memories/" + query.format(tag=list_tags(session(ada)).tags[0].pk)
    assert len(executed := statements(lambda: notes("get", path).status)) <= MAX_READ_STATEMENTS, executed


@pytest.mark.plain(reason="a cluster takes more statements")
def test_search_takes_at_most_four_statements(notes: Caller) -> None:
    def search() -> int:
        answer = notes("post", "/memories/search/", {"query": "sweet peas", "limit": 10})
        assert len(answer.json["results"]) == 10
        return answer.status

    search()
    assert len(executed := statements(search)) <= MAX_READ_STATEMENTS, executed


def test_reading_a_memory_takes_at_most_four_statements(ada: User, notes: Caller) -> None:
    memory = remember(ada, "One.", tags=["garden"])
    assert (
        len(executed := statements(lambda: notes("get", f"/memories/{memory.pk}/").status))
        <= MAX_READ_STATEMENTS
    ), executed


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}], ids=["without key", "with key"])
@pytest.mark.parametrize(
    "tags", [[], ["garden"], ["garden", "a new one"]], ids=["untagged", "tagged", "new tag"]
)
@pytest.mark.plain(reason="a cluster takes more statements")
def test_creating_a_memory_takes_at_most_ten_statements(
    notes: Caller, tags: list[str], key: dict[str, str]
) -> None:
    def create() -> int:
        return notes("post", "/memories/", {"text": "A fresh one.", "tags": tags}, **key).status

    most = MAX_CREATE_STATEMENTS + (NEW_TAG_STATEMENTS if "a new one" in tags else 0)
    assert len(executed := statements(create)) <= most, executed
