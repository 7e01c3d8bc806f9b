"""A lock that allows one migration at a time per database."""

from contextlib import AbstractContextManager

from django.db.backends.base.base import BaseDatabaseWrapper

from core.db.locks import DatabaseLock, hold_session_lock


def migration_lock(connection: BaseDatabaseWrapper) -> AbstractContextManager[None]:
    """Wait until no other session migrates this database, then block others from migrating."""
    return hold_session_lock(connection, DatabaseLock.MIGRATION)
