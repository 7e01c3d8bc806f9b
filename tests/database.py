"""The database of one process of the tests: a copy of one that is migrated once for each state of the migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from tests.chaos.template import alone, state_of_migrations

CREATION: Any = connection.creation  # what it can do for tests is not typed
MIGRATED, UNFINISHED = "migrated_", "unfinished_migrated"


@contextmanager
def own_database() -> Iterator[None]:
    """Connected to while the block runs, and dropped with it."""
    name = CREATION._get_test_db_name()
    with alone("database.lock"):
        template = _migrated()
        _on_the_server(
            f'drop database if exists "{name}"'
        )  # of a run that was broken off, not of one beside this
        _on_the_server(f'create database "{name}" template "{template}"')
    _turn_to(name)
    yield
    connection.close()
    # A thread of a pool may still be connected. Not `with (force)`: it is refused while autovacuum is there, which is
    # not ours to end; without that word the server ends it.
    _on_the_server(
        "select pg_terminate_backend(pid)::text from pg_stat_activity"
        f" where datname = '{name}' and usename = current_user"
    )
    _on_the_server(f'drop database if exists "{name}"')


def _migrated() -> str:
    """The name of the database to copy; nobody is connected to it."""
    name = MIGRATED + state_of_migrations()
    there = _on_the_server(f"select datname from pg_database where starts_with(datname, '{MIGRATED}')")
    if name not in there:
        for older in there:
            _on_the_server(f'drop database "{older}"')
        _migrate(UNFINISHED)
        _on_the_server(f'alter database "{UNFINISHED}" rename to "{name}"')
    return name


def _migrate(name: str) -> None:
    usual, connection.settings_dict["TEST"]["NAME"] = connection.settings_dict["TEST"]["NAME"], name
    CREATION.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.settings_dict["TEST"]["NAME"] = usual
    connection.close()


def _on_the_server(statement: str) -> list[str]:
    """The first column of what it gives."""
    with CREATION._nodb_cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def _turn_to(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
