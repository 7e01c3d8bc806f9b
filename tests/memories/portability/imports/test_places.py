"""Conversations keep one place per turn, whatever is imported of them, and neighbors are found across gaps."""

from itertools import pairwise
from typing import Any
from uuid import uuid4, uuid5

import pytest

from accounts.models import User
from memories.models import Memory
from memories.portability.imports.places import ConversationPlaces
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem, split_to_limits
from memories.search.query import search_memories
from memories.services import writes
from memories.services.writes import NewMemory
from tests.factories import session
from tests.memories.portability.imports.test_run import run_import, saved_memories
from tests.memories.portability.samples.files import chatgpt_conversation, file_of

pytestmark = pytest.mark.django_db
LONG = " ".join(f"This is sentence {number}." for number in range(1_200))
TURNS = [
    ("user", "Where do I plant beans?"),
    ("assistant", "By the wall."),
    ("user", LONG),
    ("assistant", "I see."),
    ("user", "And the zebra?"),
]


def place(*items: ImportItem) -> list[tuple[str, int]]:
    """Return text and position of the items as an import stores them."""
    places = ConversationPlaces(uuid4())
    placed = [
        places.assign(part, number, "chatgpt")
        for item in items
        for number, part in enumerate(split_to_limits(item))
    ]
    return [(item.text[:20], item.position or 0) for item in placed]


def turn(text: str, position: int | None, **fields: Any) -> ImportItem:
    return ImportItem(text, conversation="c", position=position, **fields)


@pytest.mark.parametrize("is_given", [True, False])
def test_turns_and_the_parts_of_long_ones_are_in_order(is_given: bool) -> None:
    items = [turn(text, number if is_given else None) for number, (_role, text) in enumerate(TURNS)]
    placed = place(*items)
    assert [text for text, _place in placed[:2]] == ["Where do I plant bea", "By the wall."]
    assert all(first < second for (_, first), (_, second) in pairwise(placed))
    assert len(placed) > len(TURNS)


def test_places_do_not_depend_on_what_else_is_imported() -> None:
    items = [turn(text, number) for number, (_role, text) in enumerate(TURNS)]
    assert set(place(*items[::2])) < set(place(*items))


def test_own_lines_keep_conversation_and_position() -> None:
    chat = str(uuid4())
    item = ImportItem("one", conversation=chat, position=7)
    assert ConversationPlaces(uuid4()).assign(item, 0, "picard") == item


def test_conversation_is_that_of_earlier_imports() -> None:
    owner_id = uuid4()
    placed = ConversationPlaces(owner_id).assign(turn("one", 3), 0, "chatgpt")
    assert placed.conversation == str(uuid5(owner_id, "chatgpt c"))


def test_longest_conversation_fits_the_column() -> None:
    assert place(turn("last", 10**9)) == [("last", 2**31 - 1)]


def test_long_text_without_conversation_is_split_into_consecutive_parts(ada: User) -> None:
    run_import(session(ada), file_of([{"text": LONG, "tags": ["a"]}]))
    parts = sorted(saved_memories(ada), key=lambda memory: memory.position or 0)
    assert [part.position for part in parts] == [0, 1, 2, 3]
    assert len({part.conversation for part in parts}) == 1
    assert all("a" in {tag.name for tag in part.tags.all()} for part in parts)


def test_answers_come_between_the_turns_of_an_earlier_import(ada: User) -> None:
    file = [chatgpt_conversation([("user", "First."), ("assistant", "Second."), ("user", "Third.")])]
    run_import(session(ada), file_of(file))
    before = {memory.text: memory.position for memory in saved_memories(ada)}
    batch = run_import(session(ada), file_of(file), chats=ChatFilter.ALL)
    assert (batch.counts["new"], batch.counts["duplicate"]) == (1, 2)
    after = {memory.text: memory.position for memory in saved_memories(ada)}
    assert before.items() <= after.items()
    assert len({memory.conversation for memory in saved_memories(ada)}) == 1


def test_repeated_turns_are_told_as_repeated(ada: User) -> None:
    turns = [("user", "Yes."), ("user", "No."), ("user", "Yes."), ("user", "Yes.")]
    batch = run_import(session(ada), file_of([chatgpt_conversation(turns)]))
    assert (batch.counts["new"], batch.counts["duplicate"]) == (2, 0)
    assert batch.counts["skipped"]["repeated"] == 2
    batch = run_import(session(ada), file_of([chatgpt_conversation(turns)]))
    assert (batch.counts["new"], batch.counts["duplicate"]) == (0, 4)


@pytest.mark.parametrize("step", [1, 2, 4, 4_096, 40_960])
def test_neighbors_are_found_across_gaps(ada: User, step: int) -> None:
    chat = uuid4()
    texts = ["Where is the zebra?", "In the garden.", "I see.", "Bye."]
    items = [NewMemory(text, conversation=chat, position=number * step) for number, text in enumerate(texts)]
    writes.create_memories(session(ada), [*items, NewMemory("No.", conversation=uuid4(), position=step)])
    found = [hit.memory.text for hit in search_memories(session(ada), "zebra").hits]
    assert found == texts[:3]


def test_deleted_memory_does_not_keep_its_neighbors_apart(ada: User) -> None:
    chat = uuid4()
    texts = ["Where is the zebra?", "Hm.", "Hm hm.", "In the garden."]
    items = [NewMemory(text, conversation=chat, position=number) for number, text in enumerate(texts)]
    first, *between, last = writes.create_memories(session(ada), items)
    for memory in between:
        writes.trash_memory(session(ada), memory.pk)
    assert [hit.memory.pk for hit in search_memories(session(ada), "zebra").hits] == [first.pk, last.pk]
    assert Memory.objects.count() == 4
