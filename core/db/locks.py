"""All advisory locks of PostgreSQL: their numbers, and how they are acquired.

The numbers never change: a server of the previous release may run beside this one during an upgrade. Locks of a
session need a direct connection, or a pooler of sessions; a pooler of transactions would lose them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

POLL_S = 0.5
WORKER_CLASS = 42  # of the locks (class, worker)


class DatabaseLock(IntEnum):
    """Locks of the whole database, each a number."""

    RETENTION = 4_300_001
    MIGRATION = 0x7069636172_64  # "picard"


class OwnerLock(StrEnum):
    """Locks of one user's data. PostgreSQL hashes the value and the user's id to a number."""

    MEMORIES = "memories_memory"
    TAGS = "memories_tag"
    LINKS = "memories_memory.supersedes"
    PLACES = "memories_memory.conversation"
    SAVED_FILTERS = "memories_savedfilter"
    IMPORT_PREVIEW = "look at import"


# --- Until the end of the transaction ---------------------------------------------------------------------


def try_lock(number: int) -> bool:
    """Acquire the lock of a number, of 64 bits with a sign. False, at once, while another transaction holds it."""
    return _select("pg_try_advisory_xact_lock(%s)", [number])


def lock_owner(lock: OwnerLock, owner_id: UUID) -> None:
    """Acquire the lock of one user's data. Wait while another transaction holds it."""
    _select(lock_owner_sql(lock), [owner_id])


def try_lock_owner(lock: OwnerLock, owner_id: UUID) -> bool:
    """Acquire the lock of one user's data. False, at once, while another transaction holds it."""
    return _select(f"pg_try_advisory_xact_lock({_owner_number_sql(lock, '%s')})", [owner_id])


def lock_owner_sql(lock: OwnerLock, owner: str = "%s") -> str:
    """`lock_owner` as an expression of another statement; `owner` is that statement's parameter."""
    return f"pg_advisory_xact_lock({_owner_number_sql(lock, owner)})"


def lock_uuid_sql(column: str) -> str:
    """An expression that acquires the lock of a UUID, whose number is the UUID's first eight bytes."""
    return f"pg_advisory_xact_lock(('x' || left(replace({column}::text, '-', ''), 16))::bit(64)::bigint)"


def get_lock_number(digest: bytes) -> int:
    """The number of a lock that is named by a digest: its first eight bytes."""
    return int.from_bytes(digest[:8], "big", signed=True)


# --- Until the end of the session -------------------------------------------------------------------------


@contextmanager
def hold_session_lock(of: BaseDatabaseWrapper, number: int) -> Iterator[None]:
    """Hold the lock of a number in the session of this connection. Wait while another session holds it."""
    # Poll instead of waiting: a waiting statement holds a snapshot, which would block CREATE INDEX CONCURRENTLY
    # in another session.
    while not _select("pg_try_advisory_lock(%s)", [number], of):
        time.sleep(POLL_S)
    try:
        yield
    except BaseException:
        of.close()  # releases the lock too; an interrupted connection may not accept another statement
        raise
    _select("pg_advisory_unlock(%s)", [number], of)


# The workers whose session is open, by the number that `lock_worker` returned.
LIVE_WORKERS_SQL = f"""
select objid::bigint from pg_locks where locktype = 'advisory' and classid = {WORKER_CLASS} and granted
and database = (select oid from pg_database where datname = current_database())"""  # noqa: S608 # nosec B608


def lock_worker(session: psycopg.Connection[Any]) -> int:
    """Acquire the lock of an indexing worker in its own session. Return the number of the worker."""
    worker = session.info.backend_pid
    session.execute("select pg_advisory_lock(%s, %s)", [WORKER_CLASS, worker])
    return worker


def unlock_worker(session: psycopg.Connection[Any]) -> None:
    """Release the lock before closing the session: PostgreSQL releases locks of a closed session with a delay."""
    session.execute("select pg_advisory_unlock_all()")


def _owner_number_sql(lock: OwnerLock, owner: str) -> str:
    return f"hashtextextended('{lock} ' || {owner}::uuid, 0)"


def _select(expression: str, params: list[Any], of: BaseDatabaseWrapper | None = None) -> bool:
    with (of or connection).cursor() as cursor:
        cursor.execute(f"select {expression}", params)
        return bool(cursor.fetchone()[0])
