"""Search puts what holds now before what it replaced."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from memories.models import AuditEvent, Memory, Tag
from memories.models.visibility import Filters
from memories.search.query import Hit, Relevance, search_memories
from memories.services import writes
from memories.services.tags import get_tag_names
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db

OLD = "I live in Berlin, near the zoo."
NEW = "I moved to Hamburg."


def search(user: User, query: str, **how: Any) -> list[Hit]:
    return search_memories(session(user), query, **how).hits


def find_texts(user: User, query: str, **how: Any) -> list[str]:
    return [hit.memory.text for hit in search(user, query, **how)]


@pytest.fixture
def older(ada: User) -> Memory:
    return remember(ada, OLD)


def test_the_newer_memory_comes_first(ada: User, older: Memory, index: Callable[[], int]) -> None:
    newer = remember(ada, NEW)
    index()
    assert find_texts(ada, "Where do I live?") == [OLD, NEW]
    writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
    first, second = search(ada, "Where do I live?")
    assert (first.memory.text, second.memory.text) == (NEW, OLD)
    assert first.replaces is not None
    assert first.score >= second.score
    assert second.memory.superseded_by is not None
    assert second.memory.superseded_by.id == newer.pk
    writes.update_memory(session(ada), newer.pk, supersedes=None)
    assert find_texts(ada, "Where do I live?") == [OLD, NEW]


def test_the_newest_of_a_chain_takes_the_place_of_an_older_hit(ada: User, older: Memory) -> None:
    remember(ada, "The zoo opens at nine.")
    middle = remember(ada, NEW, supersedes=older.pk)
    newest = remember(ada, "I moved to Kiel.", tags=["home"], supersedes=middle.pk)
    hits = search(ada, "zoo near Berlin", only_related=True)
    assert [hit.memory.text for hit in hits] == ["I moved to Kiel.", OLD, "The zoo opens at nine."]
    added = hits[0].memory
    assert (get_tag_names(added), added.superseded and added.superseded.id) == (["home"], middle.pk)
    writes.trash_memory(session(ada), newest.pk)
    assert find_texts(ada, "zoo near Berlin", only_related=True)[:2] == [NEW, OLD]


def test_all_hits_of_a_chain_come_newest_first(ada: User) -> None:
    last: Memory | None = None
    for year in range(2020, 2024):
        last = remember(ada, f"My weight in {year} is noted.", supersedes=last and last.pk)
    for number in range(3):
        remember(ada, f"My weight limit on flight {number}.")
    found = find_texts(ada, "my weight in 2020 is noted")
    chain = [text for text in found if "noted" in text]
    assert chain == [f"My weight in {year} is noted." for year in range(2023, 2019, -1)]


def test_the_old_text_as_a_phrase_finds_the_old_memory_next(ada: User, older: Memory) -> None:
    remember(ada, NEW, supersedes=older.pk)
    remember(ada, "Berlin has a zoo that I live near.")
    assert find_texts(ada, "live in Berlin, near the zoo")[:2] == [NEW, OLD]


def test_limit_holds_with_an_added_memory(ada: User, older: Memory) -> None:
    remember(ada, NEW, supersedes=older.pk)
    assert find_texts(ada, "zoo", limit=1) == [NEW]


def test_an_added_memory_matches_the_filters(ada: User, older: Memory) -> None:
    middle = remember(ada, NEW, tags=["home"], supersedes=older.pk)
    writes.update_memory(session(ada), older.pk, tags=["home"])
    remember(ada, "I moved to Kiel.", supersedes=middle.pk)
    home = Filters(tags_any=frozenset(Tag.objects.values_list("pk", flat=True)))
    assert find_texts(ada, "zoo", filters=home) == [NEW, OLD]
    assert find_texts(ada, "zoo", filters=Filters(visibility="public")) == []


def test_others_do_not_learn_of_a_private_newer_memory(ada: User, bob: User) -> None:
    ada.persona_enabled = True
    ada.save()
    older = remember(ada, OLD, visibility="public")
    newer = remember(ada, NEW, supersedes=older.pk)
    [hit] = search(bob, "zoo", owner=ada)
    assert (hit.memory.pk, hit.memory.superseded_by, hit.memory.has_successor) == (older.pk, None, True)
    writes.update_memory(session(ada), newer.pk, visibility="public")
    assert find_texts(bob, "zoo", owner=ada) == [NEW, OLD]


def test_a_limited_app_finds_only_what_it_sees(ada: User) -> None:
    older = remember(ada, OLD, tags=["work"])
    remember(ada, NEW, supersedes=older.pk)
    limited = app(ada, only_tags=frozenset(Tag.objects.values_list("pk", flat=True)))
    assert [hit.memory.text for hit in search_memories(limited, "zoo").hits] == [OLD]


def test_the_audit_names_what_was_returned(ada: User, older: Memory) -> None:
    newer = remember(ada, NEW, supersedes=older.pk)
    search_memories(app(ada), "zoo", limit=1)
    assert AuditEvent.objects.get(action="memory:search").memory_ids == [newer.pk]


def test_a_related_old_memory_keeps_the_newer_one(ada: User, older: Memory, index: Callable[[], int]) -> None:
    remember(ada, "Hamburg.", supersedes=older.pk)
    index()
    [first, second] = search(ada, "zoo", only_related=True)
    assert (first.memory.text, second.memory.text) == ("Hamburg.", OLD)
    assert first.relevance == second.relevance != Relevance.NONE


def test_links_cost_at_most_two_statements(ada: User, older: Memory) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            search(ada, "zoo")
        return len(captured)

    without = count()
    remember(ada, "A lion in the zoo.", supersedes=remember(ada, "A tiger in the zoo.").pk)
    assert count() == without + 1
    remember(ada, NEW, supersedes=older.pk)
    assert count() == without + 2
