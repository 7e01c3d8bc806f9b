"""A database whose owned tables are partitioned by the hash of the owner, as Citus shards them (docs/scaling.md).

The plan of a statement then names the partitions that it reads, on a plain PostgreSQL. Primary keys, and keys between
owned tables, contain the owner, as on Citus.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection

from core.db.roles import Role, connected_as
from memories.owned import Owned
from picard.database.grants import grant_rights
from tests.chaos.template import file_lock
from tests.database import (
    TEST_ROLE,
    disconnect_everyone,
    execute_on_server,
    get_template,
    switch_database,
)

PARTITIONS = 4
OWNED: list[Any] = [model for model in apps.get_models() if issubclass(model, Owned)]
TABLES: list[str] = [model._meta.db_table for model in OWNED]
# Models with their keys to owned rows.
INNER_KEYS: list[tuple[Any, Any]] = [
    (model, field)
    for model in OWNED
    for field in model._meta.concrete_fields
    if field.is_relation and field.related_model in OWNED
]

INDEXES = (
    "select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass and not indisprimary"
)
TRIGGERS = "select pg_get_triggerdef(oid) from pg_trigger where tgrelid = %s::regclass and not tgisinternal"
POLICIES = "select policyname, cmd, qual from pg_policies where schemaname = 'public' and tablename = %s"
IS_FORCED = "select relforcerowsecurity from pg_class where oid = %s::regclass"


@contextmanager
def partitioned_database() -> Iterator[None]:
    """Create such a database and connect to it in the block."""
    previous = settings.DATABASES["default"]["NAME"]
    name = f"{previous}_partitioned"
    with file_lock("database.lock"):
        template = get_template()
        execute_on_server(f'drop database if exists "{name}"')
        execute_on_server(f'create database "{name}" template "{template}"')
    switch_database(name)
    try:
        with connected_as(Role.OWNER):
            partition_tables()
        yield
    finally:
        switch_database(previous)
        disconnect_everyone(name)
        execute_on_server(f'drop database if exists "{name}"')


def partition_tables() -> None:
    """Replace the owned tables, which are empty, by partitioned ones."""
    for model in OWNED:
        run_statements(*build_table(model))
    run_statements(*(build_key(model, key) for model, key in INNER_KEYS))
    grant_rights()
    run_statements(f"grant truncate on all tables in schema public to {TEST_ROLE}")


def build_table(model: Any) -> list[str]:
    """Return the statements that replace a table by a partitioned one with the same indexes, triggers and policies."""
    table = model._meta.db_table
    [(is_forced,)] = fetch(IS_FORCED, table)
    return [
        f"create table whole (like {table} including defaults including constraints including storage)"
        " partition by hash (owner_id)",
        *_build_copies(table),
        f"alter table {table} add primary key ({', '.join(_list_key_columns(model))})",
        f"alter table {table} enable row level security",
        *([f"alter table {table} force row level security"] if is_forced else []),
    ]


def _build_copies(table: str) -> list[str]:
    later = [definition for (definition,) in [*fetch(INDEXES, table), *fetch(TRIGGERS, table)]]
    later += [
        f"create policy {name} on {table} for {command} using ({condition})"
        for name, command, condition in fetch(POLICIES, table)
    ]
    partitions = [
        f"create table {table}_p{number} partition of {table}"
        f" for values with (modulus {PARTITIONS}, remainder {number})"
        for number in range(PARTITIONS)
    ]
    return [f"drop table {table} cascade", f"alter table whole rename to {table}", *partitions, *later]


def build_key(model: Any, key: Any) -> str:
    """Return the statement that makes the constraint of a key between owned tables, as `distribute` does."""
    table, target = model._meta.db_table, key.related_model._meta.db_table
    action = f"set null ({key.column})" if key.null and key.related_model is model else "cascade"
    return (
        f"alter table {table} add foreign key (owner_id, {key.column}) references {target} (owner_id, id)"
        f" on delete {action} deferrable initially deferred"
    )


def _list_key_columns(model: Any) -> list[str]:
    """Return the columns of the primary key, with the owner."""
    columns = [field.column for field in model._meta.pk_fields]
    return list(dict.fromkeys([*columns, "owner_id"]))


def fetch(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def run_statements(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
