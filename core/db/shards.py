"""Tables in shards by owner: which owners one statement may name.

A plain PostgreSQL takes a statement on rows of many owners. Where the rows are in shards (docs/scaling.md), a statement
that locks rows, or joins them with what only one node has, must be of one owner.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection

OWNERS = 500  # of a statement on a plain PostgreSQL

IS_SHARDED = """
select exists (select from pg_catalog.pg_extension where extname = 'citus')
or exists (select from pg_catalog.pg_partitioned_table)
"""

_is_sharded: "WeakKeyDictionary[psycopg.Connection[Any], bool]" = WeakKeyDictionary()


def is_sharded() -> bool:
    """Return whether the database has tables in shards. Asked once for each connection."""
    connection.ensure_connection()
    raw = connection.connection
    if raw not in _is_sharded:
        with connection.cursor() as cursor:
            cursor.execute(IS_SHARDED)
            [_is_sharded[raw]] = cursor.fetchone()
    return _is_sharded[raw]


def group_owners(owner_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield the owners in groups of which one statement may lock rows: each alone where tables are sharded."""
    ids, size = list(dict.fromkeys(owner_ids)), 1 if is_sharded() else OWNERS
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
