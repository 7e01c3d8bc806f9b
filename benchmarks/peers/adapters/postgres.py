"""Helpers of the adapters for systems that use PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

# pgvector's recommendation for filtered searches: continue the index scan until enough rows match.
ITERATIVE_SCAN_OPTIONS = "-c hnsw.iterative_scan=relaxed_order"
ALL_TABLES = """
select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace
"""
INDEX_BUILD_OPTIONS = "-c maintenance_work_mem=1GB"
VECTOR_INDEXES = (
    "select indexname, indexdef from pg_indexes where schemaname = 'public' and indexdef like '%USING hnsw%'"
)


def enable_iterative_scan(dsn: str) -> str:
    return make_conninfo(dsn, options=ITERATIVE_SCAN_OPTIONS)


def count_table_bytes(dsn: str) -> int:
    """Return the size of all tables with indexes and TOAST data."""
    return int(_fetch_value(dsn, ALL_TABLES))


@contextmanager
def suspend_vector_indexes(dsn: str) -> Iterator[None]:
    """Drop the vector indexes and rebuild them after the block."""
    with psycopg.connect(make_conninfo(dsn, options=INDEX_BUILD_OPTIONS), autocommit=True) as connection:
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
