"""Prepared statements, for hot queries and those too complex for the ORM.

They are planned once. Planning is half the time of hot queries.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, cast
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from psycopg.pq import TransactionStatus

from core.db.cursors import NumberedCursor, PreparedCursor
from core.db.distribution import is_distributed
from core.db.session_settings import set_for_session

_prepared_connections: WeakSet[psycopg.Connection] = WeakSet()


def fetch_prepared(sql: str, params: Mapping[str, object] | list[object]) -> list[tuple[Any, ...]]:
    """Return all rows of a statement that is prepared once per connection, with a generic plan.

    Transactions, query logging and error classes are Django's, as with `connection.cursor()`.
    """
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look for it in each of these lines
    database.ensure_connection()
    _prepare_connection(database.connection)
    if isinstance(params, list):
        sql = _number_params(sql)
        raw: Any = NumberedCursor(database.connection)
    else:
        raw = PreparedCursor(database.connection)
    is_logged = database.queries_logged
    with database.make_debug_cursor(raw) if is_logged else database.make_cursor(raw) as cursor:
        cursor.execute(sql, cast(Any, params))
        if is_logged:  # psycopg does not provide the text of a prepared statement
            database.queries_log[-1]["sql"] = sql
        return list(cursor.fetchall())


@lru_cache(maxsize=512)
def _number_params(sql: str) -> str:
    """Return the statement with $1 for the first %s and so on. psycopg would look for them on each call."""
    numbers = count(1)
    return re.sub("%[s%]", lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", sql)


def format_array(values: Iterable[object]) -> str:
    """Return PostgreSQL's text form of an array, for values that need no escaping: ids, numbers, times, hex.

    psycopg's own lists take ten times as long, since it inspects the type of each value, and have another type for
    larger numbers, for which the statement is prepared again.
    """
    return f"{{{','.join('null' if value is None else str(value) for value in values)}}}"


def iterate_binary(sql: str, params: Sequence[object], *, portion: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a statement in portions, with values in PostgreSQL's binary form, which psycopg need not parse.

    All are of one snapshot. Needs a transaction.
    """
    with connection.cursor() as cursor:  # it sends who acts, once for the transaction
        cursor.execute(f"declare portions no scroll cursor for {sql}", cast(Any, params))
        raw: Any = psycopg.Cursor(connection.connection)
        while rows := raw.execute(f"fetch {portion} from portions", binary=True).fetchall():
            yield rows
        cursor.execute("close portions")


def _prepare_connection(raw: psycopg.Connection) -> None:
    """Set plan_cache_mode so that PostgreSQL reuses the first plan, unless the database is distributed.

    By default it replans every time for users with few memories, which takes longer than their search. But Citus
    chooses the node of a statement by the values of its parameters, which a generic plan does not know. Skip this in a
    transaction, whose rollback would undo the setting.
    """
    if raw in _prepared_connections:
        return
    distributed = is_distributed(raw)  # also for the cursor, which could not ask in the middle of a pipeline
    if raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE:
        if not distributed:
            set_for_session(raw, {"plan_cache_mode": "force_generic_plan"})
        _prepared_connections.add(raw)
