"""The test database of one process: a copy of a template that is migrated once per state of the migrations.

Tests log in as TEST_ROLE, a member of the roles of the web server and of the system. They act as the system, which
creates what a test needs. Requests, also those of Django's test client, act as their person or nobody, as in a server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core.db.principal import SYSTEM, set_process_default
from core.db.roles import Role, connected_as
from picard.postgres.logins import write_login
from picard.postgres.manager import ROLES, EmbeddedPostgres
from tests.chaos.template import file_lock, hash_migrations
from tests.citus import cluster

CREATION: Any = connection.creation  # its methods for tests are not typed
MIGRATED, UNFINISHED = "migrated_", "unfinished_migrated"
TEST_ROLE = "picard_test"


def use_test_role() -> None:
    """Log in as TEST_ROLE wherever a server would log in for requests or as the system. Call it before connecting."""
    if cluster.URL:
        cluster.use_cluster(TEST_ROLE)
    else:
        login = {"NAME": "picard", "USER": TEST_ROLE}
        settings.DATABASES["default"]["LOGINS"] |= {Role.WEB: login, Role.SYSTEM: login}
    wrapper: Any = connection
    wrapper.switch_role(Role.WEB)
    set_process_default(SYSTEM)


@contextmanager
def temporary_database() -> Iterator[None]:
    """Create a database and connect to it; drop it at the end of the block."""
    name = CREATION._get_test_db_name()
    if cluster.URL:
        with cluster.cluster_database(name, TEST_ROLE):
            yield
        return
    with file_lock("database.lock"):
        _create_test_role()
        template = get_template()
        execute_on_server(
            f'drop database if exists "{name}"'
        )  # of an interrupted run, not of a concurrent one
        execute_on_server(f'create database "{name}" template "{template}"')
    switch_database(name)
    yield
    connection.close()
    disconnect_everyone(name)
    execute_on_server(f'drop database if exists "{name}"')


def get_template() -> str:
    """Return the name of the database to copy. It has no connections."""
    name = MIGRATED + hash_migrations()
    existing = execute_on_server(f"select datname from pg_database where starts_with(datname, '{MIGRATED}')")
    if name not in existing:
        for older in existing:
            execute_on_server(f'drop database "{older}"')
        _migrate_database(UNFINISHED)
        disconnect_everyone(UNFINISHED)
        execute_on_server(f'alter database "{UNFINISHED}" rename to "{name}"')
    return name


def _migrate_database(name: str) -> None:
    original, connection.settings_dict["TEST"]["NAME"] = connection.settings_dict["TEST"]["NAME"], name
    with connected_as(Role.OWNER):
        CREATION.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        with connection.cursor() as cursor:
            # Between tests that commit, Django empties the tables.
            cursor.execute(f"grant truncate on all tables in schema public to {TEST_ROLE}")
    connection.settings_dict["TEST"]["NAME"] = original
    connection.close()


def _create_test_role() -> None:
    server = EmbeddedPostgres(settings.PICARD_HOME / "postgres")
    server.ensure_running()
    with server._connect_superuser("postgres") as superuser:
        write_login(superuser, TEST_ROLE, server.password(TEST_ROLE))
        web, system, owner = (sql.Identifier(ROLES[role]) for role in (Role.WEB, Role.SYSTEM, Role.OWNER))
        name = sql.Identifier(TEST_ROLE)
        superuser.execute(sql.SQL("grant {}, {} to {}").format(web, system, name))
        superuser.execute(sql.SQL("grant {} to {} with inherit false").format(owner, name))


@contextmanager
def owning_tables() -> Iterator[None]:
    """Change to the role of the tables' owner within a test's transaction, for statements that define data."""
    with connection.cursor() as cursor:
        cursor.execute(f"set local role {ROLES[Role.OWNER]}")
        yield
        cursor.execute("set local role none")


def disconnect_everyone(name: str) -> None:
    """End the connections to a database: pooled threads, and on a busy machine what is not closed yet.

    Not `drop database ... with (force)`: that fails while autovacuum, which the owner may not terminate, uses the
    database; a plain statement makes the server cancel autovacuum.
    """
    server = EmbeddedPostgres(settings.PICARD_HOME / "postgres")
    with server._connect_superuser("postgres") as superuser:
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename is not null",
            [name],
        )


def execute_on_server(statement: str) -> list[str]:
    """Run a statement outside the test database, as the owner; return the first column of its rows."""
    with connected_as(Role.OWNER), CREATION._nodb_cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def switch_database(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
