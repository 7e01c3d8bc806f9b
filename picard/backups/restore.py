"""Filling the database from a backup, in one transaction: all of it is there afterwards, or all that was before.

pg_restore writes what is to be done and psql does it. pg_restore alone could not drop what is there in the same
transaction, and the server may be older than it.
"""

import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from django.db import connection

from picard.backups import dump as backup_dump

# pg_restore 17 and later say this before all else; servers before 17 do not know the setting.
UNKNOWN_TO_OLDER_SERVERS = b"SET transaction_timeout = 0;\n"
# What belongs to an extension stays with it.
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
    """Whether the database holds no table yet."""
    return not connection.introspection.table_names()


def count_other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def restore_database(file: Path, *, replace: bool = False) -> None:
    """Fill the database from a proven file. `replace` drops every table that is there. Raises BackupError."""
    # Terse: the context of an error is a person's row.
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-")
    to = backup_dump.build_conninfo()
    connection.close()
    with backup_dump.run_postgres_tool(
        "psql", *options, "--dbname", to, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as psql:
        assert psql.stdin  # noqa: S101
        with closing(generate_statements(file, replace=replace)) as all_of_them:
            psql.stdin.writelines(all_of_them)


def generate_statements(file: Path, *, replace: bool = False) -> Generator[bytes, None, None]:
    """What psql is to do. It ends by the commit, or raises BackupError before it; then nothing is changed."""
    yield b"begin;\n"
    if replace:
        yield DROP_ALL
    options = ("--no-owner", "--no-privileges", "--no-comments", "--file", "-")
    with backup_dump.run_postgres_tool("pg_restore", *options, str(file), stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101
        yield from _drop_unknown_settings(iter(process.stdout))
    yield b"commit;\n"


def _drop_unknown_settings(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line == UNKNOWN_TO_OLDER_SERVERS:
            break  # it stands before any data; a line of those may be anything
        yield line
    yield from lines
