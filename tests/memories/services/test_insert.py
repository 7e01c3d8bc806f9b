"""New memories are stored completely or not at all, and returned as stored."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models.functions import Now

from accounts.models import User
from memories.jobs import retention
from memories.models import AuditEvent, Memory, MemoryTag, MemoryVector, Tag
from memories.services import insert, writes
from memories.services.tags import get_tags
from tests.factories import make_person, session

pytestmark = pytest.mark.django_db
LONG = " ".join(f"word{number}" for number in range(900))  # several passages


@pytest.fixture
def committed(transactional_db: None) -> User:
    return make_person("ada")


def test_returned_rows_equal_stored_rows(ada: User) -> None:
    items = [
        writes.NewMemory("Rex is a dog.", "public", ["Pets", "home"], datetime(2999, 1, 1, tzinfo=UTC)),
        writes.NewMemory("Peanuts. No.", conversation=uuid4(), position=3),
    ]
    for created in writes.create_memories(session(ada), items):
        stored = Memory.objects.get(pk=created.pk)
        assert {tag.pk for tag in get_tags(created)} == {tag.pk for tag in stored.tags.all()}
        stored.text, created.text  # noqa: B018 - decrypted
        for field in Memory._meta.concrete_fields:
            assert getattr(created, field.attname) == getattr(stored, field.attname), field.name


def test_each_passage_has_its_own_words(ada: User) -> None:
    created = writes.create_memories(
        session(ada), [writes.NewMemory(text) for text in ("One zebra.", LONG, "Two zebras.")]
    )
    counts = [MemoryVector.objects.filter(memory=memory).count() for memory in created]
    assert counts[0] == counts[2] == 1
    assert counts[1] > 1
    for row in MemoryVector.objects.filter(memory=created[1]):
        assert len(row.tokens) > 50
    assert (
        MemoryVector.objects.get(memory=created[0]).tokens
        != MemoryVector.objects.get(memory=created[2]).tokens
    )


def test_no_memories_cause_no_statement(ada: User, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert writes.create_memories(session(ada), []) == []


def test_many_memories_are_all_or_nothing(committed: User) -> None:
    rows = [Memory(owner_id=committed.pk, text=text, source="web") for text in ("one", "two")]
    rows[1].pk = rows[0].pk
    with pytest.raises(IntegrityError):
        insert.insert_memories(session(committed), rows, [[], []])
    for model in (Memory, MemoryVector, AuditEvent):
        assert not model._default_manager.exists()


def test_concurrent_creation_of_same_tag_shares_it(committed: User) -> None:
    """Transactions wait for each other's tags but not forever."""
    writers, barrier = 8, Barrier(8)

    def write(number: int) -> None:
        try:
            barrier.wait(10)
            writes.create_memory(session(committed), text=f"Note {number}.", tags=[f"tag{number % 2}", "all"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert Tag.objects.count() == 3
    assert MemoryTag.objects.count() == 2 * writers


def test_concurrent_tags_in_opposite_order_do_not_deadlock(committed: User) -> None:
    writers, rounds, barrier = 4, 5, Barrier(4)

    def write(number: int) -> None:
        try:
            for turn in range(rounds):
                names = [f"{turn} {letter}" for letter in "abcdef"]
                barrier.wait(10)
                with transaction.atomic():
                    for name in names if number % 2 else reversed(names):
                        writes.create_memory(session(committed), text="A note.", tags=[name])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert Tag.objects.count() == 6 * rounds
    assert MemoryTag.objects.count() == 6 * rounds * writers


def test_memory_being_restored_is_not_purged(committed: User) -> None:
    memory = writes.create_memory(session(committed), text="A note.")
    writes.trash_memory(session(committed), memory.pk)
    Memory.objects.update(deleted_at=Now() - timedelta(days=31))

    def purge() -> int:
        try:
            with transaction.atomic():
                return retention.purge_memories()
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        writes.restore_memory(session(committed), memory.pk)
        assert other.submit(purge).result(30) == 0
    assert Memory.objects.get().deleted_at is None
