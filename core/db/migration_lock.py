"""One migration at a time per database, whoever starts it."""

import contextlib
import time
from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = 0x7069636172_64  # "picard"; a session's advisory lock, so not through a pooler of transactions
POLL_S = 0.5


@contextlib.contextmanager
def migration_lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Waits until no other session of this database migrates."""
    # Asked again and again instead of waited for: a waiting statement would hold a snapshot, for whose end
    # CREATE INDEX CONCURRENTLY of the other migration waits.
    while not _ask(connection, "select pg_try_advisory_lock(%s)"):
        time.sleep(POLL_S)
    try:
        yield
    except BaseException:
        connection.close()  # lets go too; an interrupted connection may not be fit for another statement
        raise
    _ask(connection, "select pg_advisory_unlock(%s)")


def _ask(connection: BaseDatabaseWrapper, query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query, [LOCK])
        return bool(cursor.fetchone()[0])
