"""Whether the tables of a database are in shards by owner, and which owners one statement may name then.

Citus distributes them over several servers (docs/scaling.md). A plain PostgreSQL takes a statement on rows of many
owners. In shards, a statement that locks rows, or joins them with what only one node has, must be of one owner.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection

OWNERS = 500  # of a statement on a plain PostgreSQL
IS_DISTRIBUTED_SQL = "to_regclass('pg_catalog.pg_dist_partition') is not null"
IS_PARTITIONED_SQL = "exists (select from pg_catalog.pg_partitioned_table)"


class _Shards(NamedTuple):
    is_distributed: bool
    is_partitioned: bool


_known: "WeakKeyDictionary[psycopg.Connection[Any], _Shards]" = WeakKeyDictionary()


def is_distributed(raw: "psycopg.Connection[Any] | None" = None) -> bool:
    """Return whether the database of a connection, or of Django's, has Citus."""
    return _find_shards(raw).is_distributed


def is_sharded() -> bool:
    """Return whether the tables of Django's database are in shards, of Citus or as partitions."""
    return any(_find_shards(None))


def group_owners(owner_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield the owners in groups of which one statement may lock rows: each alone where tables are in shards."""
    ids, size = list(dict.fromkeys(owner_ids)), 1 if is_sharded() else OWNERS
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _find_shards(raw: "psycopg.Connection[Any] | None") -> _Shards:
    """Ask once per connection."""
    if raw is None:
        connection.ensure_connection()
        raw = connection.connection
    if raw not in _known:
        row = psycopg.Cursor(raw).execute(f"select {IS_DISTRIBUTED_SQL}, {IS_PARTITIONED_SQL}").fetchone()
        _known[raw] = _Shards(*row) if row else _Shards(False, False)
    return _known[raw]
