"""What the adapters of systems that keep their memories in PostgreSQL share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

# What pgvector advises for searches that filter: look further in the index until enough rows are found.
ITERATIVE = "-c hnsw.iterative_scan=relaxed_order"
ALL_TABLES = """
select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace
"""
BUILDING = "-c maintenance_work_mem=1GB"
VECTOR_INDEXES = (
    "select indexname, indexdef from pg_indexes where schemaname = 'public' and indexdef like '%USING hnsw%'"
)


def enable_iterative_scan(dsn: str) -> str:
    return make_conninfo(dsn, options=ITERATIVE)


def count_table_bytes(dsn: str) -> int:
    """All tables with their indexes, and what large values are kept in."""
    return int(_fetch_value(dsn, ALL_TABLES))


@contextmanager
def suspend_vector_indexes(dsn: str) -> Iterator[None]:
    """The index is made anew after the block, over all rows at once."""
    with psycopg.connect(make_conninfo(dsn, options=BUILDING), autocommit=True) as connection:
        indexes = connection.execute(VECTOR_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'drop index "{name}"')
        yield
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("vacuum analyze")


def _fetch_value(dsn: str, query: Any) -> Any:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]
