"""Whether Citus distributes the tables of a database over several servers (docs/scaling.md)."""

from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection

IS_DISTRIBUTED_SQL = "to_regclass('pg_catalog.pg_dist_partition') is not null"

_known: "WeakKeyDictionary[psycopg.Connection[Any], bool]" = WeakKeyDictionary()


def is_distributed(raw: "psycopg.Connection[Any] | None" = None) -> bool:
    """Return whether the database of a connection, or of Django's, has Citus. Asked once per connection."""
    if raw is None:
        connection.ensure_connection()
        raw = connection.connection
    known = _known.get(raw)
    if known is None:
        row = psycopg.Cursor(raw).execute(f"select {IS_DISTRIBUTED_SQL}").fetchone()
        known = _known[raw] = row == (True,)
    return known
