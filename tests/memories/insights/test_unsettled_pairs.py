"""Duplicates and possible updates among a user's newest memories."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from memories.insights import unsettled_pairs
from memories.insights.unsettled_pairs import find_unsettled
from memories.search.near_duplicates import dismiss_duplicate, merge_memories
from memories.services import writes
from tests.factories import remember, session


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"


def list_texts(user: User) -> list[tuple[str, str]]:
    return [(pair.older.text, pair.newer.memory.text) for pair in find_unsettled(session(user)).pairs]


def test_duplicates_and_updates_are_found_whatever_their_visibility(
    ada: User, bob: User, index: Callable[[], int]
) -> None:
    remember(ada, "My dog likes long walks.")
    remember(ada, "My dog likes long walks!", visibility="public")
    remember(ada, "My shoe size is 41.")
    remember(ada, "My shoe size is 42.")
    remember(ada, "The train leaves at nine.")
    remember(bob, "The train leaves at nine!", visibility="public")
    index()
    found = find_unsettled(session(ada))
    assert found.compared == 5
    assert {(pair.older.text, pair.newer.is_same, bool(pair.newer.update)) for pair in found.pairs} == {
        ("My dog likes long walks.", True, False),
        ("My shoe size is 41.", False, True),
    }


def test_settled_pairs_are_gone(ada: User, index: Callable[[], int]) -> None:
    pairs = [
        (remember(ada, f"My {pet} likes long walks."), remember(ada, f"My {pet} likes long walks!"))
        for pet in ("dog", "uncle", "pony")
    ]
    sizes = remember(ada, "My shoe size is 41."), remember(ada, "My shoe size is 42.")
    index()
    assert len(list_texts(ada)) == 4
    dismiss_duplicate(session(ada), pairs[0][0].pk, pairs[0][1].pk)
    merge_memories(session(ada), pairs[1][0].pk, pairs[1][1].pk)
    writes.trash_memory(session(ada), pairs[2][1].pk)
    writes.update_memory(session(ada), sizes[1].pk, supersedes=sizes[0].pk)
    index()
    assert list_texts(ada) == []


def test_only_the_newest_memories_are_compared(
    ada: User, index: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsettled_pairs, "MAX_MEMORIES", 2)
    for text in ("The dog runs.", "The dog runs!", "Something else."):
        remember(ada, text)
    index()
    assert find_unsettled(session(ada)).compared == 2
    assert list_texts(ada) == []


def test_nothing_is_found_before_memories_are_indexed(ada: User) -> None:
    remember(ada, "The dog runs.")
    remember(ada, "The dog runs!")
    assert find_unsettled(session(ada)).compared == 0
