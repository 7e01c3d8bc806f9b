"""One migration at a time per database, whoever starts it."""

from contextlib import AbstractContextManager

from django.db.backends.base.base import BaseDatabaseWrapper

from core.db.locks import DatabaseLock, hold_session_lock


def migration_lock(connection: BaseDatabaseWrapper) -> AbstractContextManager[None]:
    """Wait until no other session of this database migrates, then keep the others from it."""
    return hold_session_lock(connection, DatabaseLock.MIGRATION)
