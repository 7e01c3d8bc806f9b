"""Conversations keep one place per turn, whatever is imported of them, and neighbors are found across gaps."""

from importlib import import_module
from itertools import pairwise
from typing import Any
from uuid import uuid4, uuid5

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import User
from memories.models import Memory, MemoryVector
from memories.portability.imports.places import ConversationPlaces
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem, split_to_limits
from memories.search.query import search_memories
from memories.services import writes
from memories.services.writes import NewMemory
from tests.database import owning_tables
from tests.factories import session
from tests.memories.portability.imports.test_imported_ids import connect, export_lines
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories
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


def test_each_place_is_of_one_memory(ada: User) -> None:
    chat = str(uuid4())
    lines = [{"text": f"Zebra {n}.", "conversation": chat, "position": n % 2} for n in range(40)]
    batch = run_import(session(ada), jsonl_file(*lines))
    assert batch.counts["new"] == 40
    more = [{"text": "Zebra again.", "conversation": chat, "position": 0}]
    run_import(session(ada), jsonl_file(*more, *more))
    saved = saved_memories(ada)
    assert sorted(memory.position for memory in saved if memory.position is not None) == list(range(41))
    assert saved[0].position == 0
    assert MemoryVector.objects.values("sequence").distinct().count() == 41


def test_taken_places_beyond_the_last_one_are_none(ada: User) -> None:
    item = {"conversation": str(uuid4()), "position": 2**31 - 1}
    run_import(session(ada), jsonl_file({**item, "text": "One."}, {**item, "text": "Two."}))
    assert [memory.position for memory in saved_memories(ada)] == [2**31 - 1, None]


def test_memory_in_the_trash_gives_up_its_place(ada: User) -> None:
    line = {"conversation": str(uuid4()), "position": 7}
    run_import(session(ada), jsonl_file({**line, "text": "One."}))
    [first] = saved_memories(ada)
    writes.trash_memory(session(ada), first.pk)
    run_import(session(ada), jsonl_file({**line, "text": "Two."}))
    [second] = saved_memories(ada)
    assert (second.position, Memory.objects.get(pk=first.pk).position) == (7, None)
    writes.restore_memory(session(ada), first.pk)
    assert MemoryVector.objects.get(memory=first).sequence is None


def test_places_do_not_tell_an_app_what_it_cannot_see(ada: User) -> None:
    line = {"conversation": str(uuid4()), "position": 7}
    run_import(session(ada), jsonl_file({**line, "text": "Private."}))
    writes.create_memory(session(ada), text="Work.", tags=["work"])
    work = connect(ada, "work")
    run_import(work, jsonl_file({**line, "text": "At work."}))
    [exported] = [each for each in export_lines(work) if each["text"] == "At work."]
    assert exported["position"] == 7


def test_database_refuses_a_second_memory_at_a_place(ada: User) -> None:
    chat = uuid4()
    items = [
        NewMemory("One.", conversation=chat, position=0),
        NewMemory("Two.", conversation=chat, position=1),
    ]
    writes.create_memories(session(ada), items)
    with pytest.raises(IntegrityError), transaction.atomic():
        Memory.objects.filter(owner=ada).update(position=0)


@pytest.mark.plain(reason="runs an old migration")
def test_migration_renumbers_shared_places(ada: User, bob: User) -> None:
    migration = import_module("memories.migrations.0022_places_and_public_rows")
    chat = uuid4()
    for user in (ada, bob):
        items = [NewMemory(f"{n}.", conversation=chat, position=10 * n) for n in range(6)]
        writes.create_memories(session(user), items)
    writes.create_memories(session(ada), [NewMemory("x", conversation=uuid4(), position=5)])
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("drop index one_memory_a_place")
        for number, position in enumerate([0, 0, 0, 1, 9, 2**31 - 1]):
            memory = saved_memories(ada)[number]
            shift = position - 10 * number
            Memory.objects.filter(pk=memory.pk).update(position=position)
            MemoryVector.objects.filter(memory=memory).update(sequence=F("sequence") + shift)
        late = writes.create_memories(session(ada), [NewMemory("late", conversation=chat, position=50)])[0]
        Memory.objects.filter(pk=late.pk).update(position=2**31 - 1)
        cursor.execute(migration.RENUMBER)
    saved = saved_memories(ada)
    assert [memory.position for memory in saved] == [0, 1, 2, 3, 9, 2**31 - 1, 5, None]
    assert [memory.position for memory in saved_memories(bob)] == [0, 10, 20, 30, 40, 50]
    sequences = list(
        MemoryVector.objects.filter(owner=ada).order_by("memory_id").values_list("sequence", flat=True)
    )
    assert sequences[-1] is None
    assert [each - (sequences[0] or 0) for each in sequences[:5] if each is not None] == [0, 1, 2, 3, 9]
