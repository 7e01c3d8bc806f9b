"""The test database of one process: a copy of a template that is migrated once per state of the migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from tests.chaos.template import file_lock, hash_migrations

CREATION: Any = connection.creation  # its methods for tests are not typed
MIGRATED, UNFINISHED = "migrated_", "unfinished_migrated"


@contextmanager
def temporary_database() -> Iterator[None]:
    """Create a database and connect to it; drop it at the end of the block."""
    name = CREATION._get_test_db_name()
    with file_lock("database.lock"):
        template = _get_template()
        execute_on_server(
            f'drop database if exists "{name}"'
        )  # of an interrupted run, not of a concurrent one
        execute_on_server(f'create database "{name}" template "{template}"')
    switch_database(name)
    yield
    connection.close()
    _disconnect_everyone(name)
    execute_on_server(f'drop database if exists "{name}"')


def _get_template() -> str:
    """Return the name of the database to copy. It has no connections."""
    name = MIGRATED + hash_migrations()
    existing = execute_on_server(f"select datname from pg_database where starts_with(datname, '{MIGRATED}')")
    if name not in existing:
        for older in existing:
            execute_on_server(f'drop database "{older}"')
        _migrate_database(UNFINISHED)
        _disconnect_everyone(UNFINISHED)
        execute_on_server(f'alter database "{UNFINISHED}" rename to "{name}"')
    return name


def _migrate_database(name: str) -> None:
    original, connection.settings_dict["TEST"]["NAME"] = connection.settings_dict["TEST"]["NAME"], name
    CREATION.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.settings_dict["TEST"]["NAME"] = original
    connection.close()


def _disconnect_everyone(name: str) -> None:
    """End the connections to a database: pooled threads, and on a busy machine what is not closed yet.

    Not `drop database ... with (force)`: that fails while autovacuum, which this role may not terminate, uses the
    database; a plain statement makes the server cancel autovacuum.
    """
    execute_on_server(
        "select pg_terminate_backend(pid)::text from pg_stat_activity"
        f" where datname = '{name}' and usename = current_user"
    )


def execute_on_server(statement: str) -> list[str]:
    """Run a statement outside the test database; return the first column of its rows."""
    with CREATION._nodb_cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def switch_database(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
