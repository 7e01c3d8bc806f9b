"""Settings of a session: kept by the session, or sent with each transaction where a pooler is in between.

A pooler of transactions gives each transaction another session of the server, which it shares with other clients. So
nothing may be set there for longer than a transaction, and what must hold is part of each one (core/db/cursors.py).
"""

from collections.abc import Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg._preparing import PrepareManager


class TransactionSettings:
    """What each transaction of a connection begins with. `sql` sets it, `names` and `values` are the same in parts.

    comment: ends each prepared statement. The pooler's sessions outlive the process, and a session refuses a statement
    whose columns have other types than when it was planned: so after a migration, statements must have other texts.
    """

    def __init__(self, schema: str) -> None:
        self.comment = f" /* {schema} */"
        self._settings: dict[str, str] = {}
        self.update({})

    def update(self, settings: Mapping[str, str]) -> None:
        self._settings |= settings
        self.names, self.values = tuple(self._settings), list(self._settings.values())
        self.sql = "".join(f"set local {name} = '{value}';" for name, value in self._settings.items())


class _KeptStatements(PrepareManager):
    """psycopg's prepared statements, without DEALLOCATE ALL after a rollback.

    It would drop the statements that a pooler has prepared for others in this session. Those of the protocol survive
    a rollback.
    """

    def clear(self) -> bool:
        return False


_pooled: "WeakKeyDictionary[psycopg.Connection[Any], TransactionSettings]" = WeakKeyDictionary()


def mark_pooled(raw: "psycopg.Connection[Any]", schema: str) -> None:
    """Note that a pooler of transactions is between this new connection and the server.

    schema: a word that differs after each migration.
    """
    statements = _KeptStatements()
    statements.prepare_threshold = raw.prepare_threshold
    raw._prepared = statements
    _pooled[raw] = TransactionSettings(schema)


def get_transaction_settings(raw: "psycopg.Connection[Any]") -> TransactionSettings | None:
    """Return what is sent with each transaction; None if the connection has a session of its own."""
    return _pooled.get(raw)


def set_for_session(raw: "psycopg.Connection[Any]", settings: Mapping[str, str]) -> None:
    """Set these until the connection is closed. The values are constants."""
    if pooled := _pooled.get(raw):
        pooled.update(settings)
    else:
        statements = "".join(f"set {name} = '{value}';" for name, value in settings.items())
        raw.execute(cast(Any, statements))
