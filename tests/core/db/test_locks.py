"""Locks conflict with a session that uses the lock numbers of the previous release."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from core.db import locks
from core.db.locks import DatabaseLock, OwnerLock

OWNER = UUID("0198c0de-0000-7000-8000-00000000beef")
FAMILY = UUID("f198c0de-1111-4222-8333-444444444444")  # its number is negative

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    connection.ensure_connection()
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as session:
        yield session


def is_free(other: psycopg.Connection[Any], number: str) -> bool:
    """Return whether the other session can acquire the lock of this number. It releases it at once."""
    row = other.execute(f"select pg_try_advisory_xact_lock({number})").fetchone()
    return bool(row and row[0])


TABLES = {
    OwnerLock.MEMORIES: "memories_memory",
    OwnerLock.LINKS: "memories_memory.supersedes",
    OwnerLock.TAGS: "memories_tag",
    OwnerLock.SAVED_FILTERS: "memories_savedfilter",
    OwnerLock.PLACES: "memories_memory.conversation",
    OwnerLock.IMPORT_PREVIEW: "look at import",
}


def _lock_in_a_statement(lock: OwnerLock) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {locks.lock_owner_sql(lock, '%(owner)s')}", {"owner": OWNER})


@pytest.mark.parametrize("lock", OwnerLock)
@pytest.mark.parametrize(
    "acquire",
    [lambda lock: locks.lock_owner(lock, OWNER), lambda lock: locks.try_lock_owner(lock, OWNER), _lock_in_a_statement],
)  # fmt: skip
def test_owner_lock_is_held_for_the_transaction_under_its_number(
    other: psycopg.Connection[Any], lock: OwnerLock, acquire: Callable[[OwnerLock], object]
) -> None:
    number = f"hashtextextended('{TABLES[lock]} ' || '{OWNER}'::uuid, 0)"
    with transaction.atomic():
        acquire(lock)
        assert not is_free(other, number)
        others = [f"hashtextextended('{table} ' || '{OWNER}'::uuid, 0)" for table in TABLES.values()]
        assert [each for each in others if not is_free(other, each)] == [number]
    assert is_free(other, number)


@pytest.mark.parametrize("number", [DatabaseLock.RETENTION, -(2**63), 2**63 - 1])
def test_try_lock_fails_while_another_session_holds_the_lock(
    other: psycopg.Connection[Any], number: int
) -> None:
    with transaction.atomic():
        assert locks.try_lock(number)
        assert not is_free(other, f"'{number:d}'::bigint")
    with other.transaction(), transaction.atomic():
        assert is_free(other, f"'{number:d}'::bigint")
        assert not locks.try_lock(number)


def test_lock_numbers_are_unchanged() -> None:
    assert (DatabaseLock.RETENTION, DatabaseLock.MIGRATION) == (4_300_001, 0x7069636172_64)
    assert locks.get_lock_number(b"\xff" * 7 + b"\xfe more") == -2


def test_uuid_is_locked_by_its_first_eight_bytes(other: psycopg.Connection[Any]) -> None:
    number = locks.get_lock_number(FAMILY.bytes)
    assert number < 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"select {locks.lock_uuid_sql('%s::uuid')}", [FAMILY])
        assert not is_free(other, f"'{number}'::bigint")
    assert is_free(other, f"'{number}'::bigint")


def test_session_lock_waits_and_is_released(
    other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "POLL_S", 0.01)
    other.execute("select pg_advisory_lock(%s)", [DatabaseLock.MIGRATION])
    release = Thread(target=other.execute, args=["select pg_sleep(0.1), pg_advisory_unlock_all()"])
    release.start()
    with locks.hold_session_lock(connection, DatabaseLock.MIGRATION):
        release.join()
        assert not is_free(other, f"{DatabaseLock.MIGRATION:d}")
    assert is_free(other, f"{DatabaseLock.MIGRATION:d}")


def test_interrupted_session_lock_closes_its_connection(other: psycopg.Connection[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), locks.hold_session_lock(connection, DatabaseLock.MIGRATION):
        raise KeyboardInterrupt
    assert connection.connection is None
    other.execute("set lock_timeout = '10s'")
    other.execute("select pg_advisory_lock(%s)", [DatabaseLock.MIGRATION])


def test_worker_is_live_until_it_is_unlocked(other: psycopg.Connection[Any]) -> None:
    worker = locks.lock_worker(other)
    assert worker in live_workers()
    locks.unlock_worker(other)
    assert worker not in live_workers()


def live_workers() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(locks.LIVE_WORKERS_SQL)
        return {worker for (worker,) in cursor.fetchall()}
