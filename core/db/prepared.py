"""The few statements that are too hot to be planned anew each time, or too much for the ORM."""

from collections.abc import Mapping
from typing import Any, cast
from weakref import WeakSet

import psycopg
from django.db import connection
from psycopg.pq import TransactionStatus

_generic_plan_connections: WeakSet[psycopg.Connection] = WeakSet()


class _PreparedCursor(psycopg.Cursor):
    """Prepares what it executes on the server, so that planning (half of the hot statements' time) is paid once."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        return super().execute(query, params, prepare=True)


def fetch_prepared(sql: str, params: Mapping[str, object] | list[object]) -> list[tuple[Any, ...]]:
    """All rows of a statement that is prepared once per connection, with generic plans.

    The caller's transaction, query counting and error classes are Django's, as with `connection.cursor()`.
    """
    connection.ensure_connection()
    _force_generic_plan(connection.connection)
    raw: Any = _PreparedCursor(connection.connection)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(raw) as cursor:
        cursor.execute(sql, cast(Any, params))
        if connection.queries_logged:  # psycopg forgets the text of a prepared statement
            connection.queries_log[-1]["sql"] = sql
        return list(cursor.fetchall())


def _force_generic_plan(raw: psycopg.Connection) -> None:
    """Let PostgreSQL keep the first plan. Left to itself it plans anew each time for owners of few memories, which
    takes longer than their search. Not within a transaction, since a rollback would take the setting back."""
    outside = raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE
    if outside and raw not in _generic_plan_connections:
        raw.execute("set plan_cache_mode = force_generic_plan")
        _generic_plan_connections.add(raw)
