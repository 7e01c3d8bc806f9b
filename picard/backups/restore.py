"""Restores of a backup in one transaction: they succeed completely or change nothing.

pg_restore generates the SQL and psql executes it. pg_restore alone cannot drop the existing data in the same
transaction, and the server may be older than pg_restore.
"""

import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from django.db import connection

from core.db.roles import Role, acting_as_system
from picard.backups import dump as backup_dump

# pg_restore 17 and later emit this first; servers before 17 do not know the setting.
UNKNOWN_TO_OLDER_SERVERS = b"SET transaction_timeout = 0;\n"
# A backup of a distributed database can be restored on one server; a cluster has these already.
CITUS = b"CREATE EXTENSION IF NOT EXISTS citus"
# Objects of extensions are not dropped.
DROP_ALL = b"""set client_min_messages = warning;
select format('drop table if exists %s cascade', oid::regclass) from pg_class
where relkind in ('r', 'p') and pg_table_is_visible(oid) and relnamespace <> 'pg_catalog'::regnamespace
and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')
\\gexec
select format('drop routine if exists %s cascade', oid::regprocedure) from pg_proc
where pg_function_is_visible(oid) and pronamespace <> 'pg_catalog'::regnamespace
and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
\\gexec
"""


def is_database_empty() -> bool:
    """Return whether the database has no tables."""
    return not connection.introspection.table_names()


def count_other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            # The type of other roles' sessions may be hidden. Only clients have a user.
            " and coalesce(backend_type, 'client backend') = 'client backend' and usename is not null"
            " and pid <> pg_backend_pid() and not starts_with(lower(application_name), 'citus')"  # its own sessions
        )
        return int(cursor.fetchone()[0])


@acting_as_system(Role.OWNER)
def restore_database(file: Path, *, replace: bool = False) -> None:
    """Restore a verified file into the database. `replace` drops every existing table. Raises BackupError."""
    # Terse, because the context of an error contains a user's row.
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-")
    conninfo = backup_dump.build_conninfo()
    connection.close()
    with backup_dump.run_postgres_tool(
        "psql", *options, "--dbname", conninfo, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as psql:
        assert psql.stdin  # noqa: S101
        with closing(generate_statements(file, replace=replace)) as statements:
            psql.stdin.writelines(statements)


def generate_statements(file: Path, *, replace: bool = False) -> Generator[bytes, None, None]:
    """Yield the input of psql. Ends with the commit, or raises BackupError before it, so that nothing changes."""
    yield b"begin;\n"
    if replace:
        yield DROP_ALL
    options = (*backup_dump.PORTABLE, "--file", "-")
    with backup_dump.run_postgres_tool("pg_restore", *options, str(file), stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101
        yield from _drop_unknown_statements(iter(process.stdout))
    yield b"commit;\n"


def _drop_unknown_statements(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.startswith(b"CREATE TABLE "):
            yield line
            break  # data comes later, in which any line may occur
        if line != UNKNOWN_TO_OLDER_SERVERS and not line.startswith(CITUS):
            yield line
    yield from lines
