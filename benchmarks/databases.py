"""More than one database of the embedded server, and the state in which autovacuum left them."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, connections
from psycopg import sql

TABLES = ("memories_memory", "memories_memoryvector", "memories_memorytag")


def copy_empty_database(name: str) -> Any:
    """A second database with the tables and people of the first, and a connection of Django's to it."""
    parameters = connection.get_connection_params()
    connections.close_all()  # a template must have no visitors
    with contextlib.closing(psycopg.connect(**{**parameters, "dbname": "postgres"}, autocommit=True)) as raw:
        template = sql.Identifier(parameters["dbname"])
        raw.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), template))
    other: Any = connections["default"].copy()
    other.settings_dict["NAME"] = name
    return other


@contextlib.contextmanager
def use_database(other: Any) -> Iterator[None]:
    """Everything that Django does goes to the other connection. Takes about 2 µs."""
    usual: Any = connections["default"]
    connections["default"] = other
    try:
        yield
    finally:
        connections["default"] = usual


def wait_for_autovacuum(owners: Iterable[UUID], timeout_s: float) -> float | None:
    """How many seconds it took until the owners' rows could be read from the index alone; None if longer."""
    begun = time.monotonic()
    owners = list(owners)
    while (passed := time.monotonic() - begun) < timeout_s:
        if _is_analyzed() and not sum(count_heap_fetches(owner) for owner in owners):
            return passed
        time.sleep(0.5)
    return None


def count_heap_fetches(owner: UUID) -> int:
    """How many of the owner's passages had to be looked up in the table, because their page was not vacuumed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "explain (analyze, format json) select count(*) from memories_memoryvector where owner_id = %s",
            [owner],
        )
        [[[plan]]] = cursor.fetchall()
    return _sum_plan_key("Heap Fetches", plan["Plan"])


def _sum_plan_key(key: str, node: dict[str, Any]) -> int:
    return int(node.get(key, 0)) + sum(_sum_plan_key(key, child) for child in node.get("Plans", ()))


def _is_analyzed() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_user_tables where relname = any(%s) and last_autoanalyze is not null",
            [list(TABLES)],
        )
        return bool(cursor.fetchone() == (len(TABLES),))
