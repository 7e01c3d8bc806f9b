"""Backups: the database in one file, its keys in another, and verification that both match.

The data file is in pg_dump's custom format; `FILE.sha256` authenticates it (authentication.py). Encrypted data stays
encrypted in it: it contains each user's data key wrapped by the master keys, but never the master keys.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo

from core.db.roles import Role, acting_as_system
from picard.backups.authentication import (
    UnauthenticBackup,
    format_checksum,
    get_checksum_path,
    verify_checksum,
)
from picard.postgres.installation import EmbeddedPostgresError, find_installation

WRAPPED_KEYS = ("accounts_serverkey", "accounts_personkey")
KEY_NAMES = ("SECRET_KEY", "FIELD_ENCRYPTION_KEY")
# Without names of roles, which another server may not have. Migrations give the rights.
PORTABLE = ("--no-owner", "--no-privileges", "--no-comments", "--enable-row-security")


class BackupError(Exception):
    """A backup or restore failed without changing anything; the message says why and what to do."""


def refuse_overwrite(file: Path, keys: Path | None) -> None:
    """Raise BackupError if an output file exists. Called before the dump, which may take an hour."""
    for new in (file, get_checksum_path(file), _get_partial_path(file), *([keys] if keys else ())):
        if new.exists():
            raise BackupError(f"{new} already exists. Choose another name, or delete it.")


@acting_as_system(Role.OWNER)
def dump_database(file: Path) -> None:
    """Write the database and its checksum (both 0600). An interrupted dump leaves no file of that name."""
    partial, conninfo = _get_partial_path(file), build_conninfo()
    _require_all_rows(conninfo)
    with _create_private_file(partial) as handle:
        options = ("--format=custom", "--no-unlogged-table-data", *PORTABLE)
        with run_postgres_tool("pg_dump", *options, conninfo, stdout=handle):
            pass
        checksum = format_checksum(handle, file.name, settings.FIELD_ENCRYPTION_KEY[0])
    with _create_private_file(get_checksum_path(file)) as handle:
        os.write(handle, checksum.encode())
    partial.rename(file)


def write_keys(file: Path, keys: Sequence[str]) -> None:
    """Write SECRET_KEY and the master keys as lines of an environment file (0600)."""
    values = (settings.SECRET_KEY, ",".join(keys))
    with _create_private_file(file) as handle:
        for name, value in zip(KEY_NAMES, values, strict=True):
            os.write(handle, f"{name}={value}\n".encode())


def read_keys(file: Path) -> dict[str, str]:
    """Return both secrets by name. Raises BackupError."""
    keys = dict(re.findall(r"^(\w+)=(.+)$", file.read_text(), re.MULTILINE))
    if missing := [name for name in KEY_NAMES if name not in keys]:
        raise BackupError(f"{file} has no {' and no '.join(missing)}. Use a file written by `backup --keys`.")
    return keys


def parse_master_keys(keys: dict[str, str]) -> list[str]:
    return [key.strip() for key in keys["FIELD_ENCRYPTION_KEY"].split(",")]


def verify_backup(file: Path, keys: Sequence[str], *, allow_unauthenticated: bool = False) -> int:
    """Verify that the master keys authenticate the file and decrypt every stored key in it, and its version.

    Returns the number of stored keys. Does not access a database. Raises BackupError.
    """
    try:
        verify_checksum(file, keys, allow_unauthenticated=allow_unauthenticated)
    except UnauthenticBackup as error:
        raise BackupError(str(error)) from None
    _verify_version(file)
    return _verify_keys(file, keys)


@contextlib.contextmanager
def run_postgres_tool(
    name: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a PostgreSQL program until it exits. Raises BackupError with its stderr if it fails."""
    with tempfile.TemporaryFile() as errors:  # a full pipe would block the program
        command, environment = [_find_program(name), *arguments], _build_environment()
        with (
            contextlib.suppress(BrokenPipeError),  # it exited early: the exit code decides
            subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors, env=environment) as process,
        ):
            yield process
        if process.returncode:
            errors.seek(0)
            raise BackupError(f"{name} failed: {errors.read().decode(errors='replace').strip()}")


def build_conninfo() -> str:
    """Return the connection string of this database for PostgreSQL programs, without the password.

    They act as the system, since row security holds for the owner of the tables too.
    """
    connection.ensure_connection()
    parameters = connection.connection.info.get_parameters()
    options = f"{parameters.get('options', '')} -c picard.system=on".strip()
    return make_conninfo(**{**parameters, "options": options})


# --- Private ------------------------------------------------------------------------------------------


def _require_all_rows(conninfo: str) -> None:
    """Raise BackupError unless pg_dump will see the rows of all people: it would leave out the others silently."""
    with psycopg.connect(conninfo, password=connection.settings_dict["PASSWORD"] or None) as session:
        is_protected = session.execute("select exists (select from pg_class where relrowsecurity)").fetchone()
        if is_protected == (True,) and session.execute("select picard_is_system()").fetchone() != (True,):
            raise BackupError(
                "This database role does not see all rows. Set MIGRATE_DATABASE_URL to the role that migrates, and "
                "run manage.py migrate."
            )


def _verify_version(file: Path) -> None:
    known = MigrationLoader(None).disk_migrations
    applied = {(app, name) for _id, app, name, _at in _read_table_rows(file, "django_migrations")}
    apps = {app for app, _ in known}
    if newer := sorted(f"{app}.{name}" for app, name in applied - known.keys() if app in apps):
        raise BackupError(
            f"{file.name} was made by a newer Picard ({', '.join(newer)}). Install that version first."
        )


def _verify_keys(file: Path, keys: Sequence[str]) -> int:
    master = MultiFernet([Fernet(key) for key in keys])
    wrapped = [row[1] for table in WRAPPED_KEYS for row in _read_table_rows(file, table)]
    if not wrapped:
        raise BackupError(
            f"{file.name} contains no keys: it is not a backup of a Picard that has been started."
        )
    for value in wrapped:
        try:
            master.decrypt(value.encode())
        except InvalidToken:
            raise BackupError(
                f"These master keys do not decrypt {file.name}. Use the keys that it was made with."
            ) from None
    return len(wrapped)


def _read_table_rows(file: Path, table: str) -> list[list[str]]:
    """Return the rows of one table in the dump, each as a list of column texts."""
    options = ("--data-only", "--table", table, "--file", "-")
    with run_postgres_tool("pg_restore", *options, str(file), stdout=subprocess.PIPE) as process:
        output = process.communicate()[0].decode()
    block = re.search(r"^COPY .*?;\n(.*?)^\\\.$", output, re.DOTALL | re.MULTILINE)
    return [line.split("\t") for line in block[1].splitlines()] if block else []


def _build_environment() -> dict[str, str]:
    password = connection.settings_dict["PASSWORD"]
    return {**os.environ, **({"PGPASSWORD": password} if password else {})}


def _find_program(name: str) -> str:
    """Return the path of a program in the embedded PostgreSQL (or PICARD_PG_INSTALL), else on the PATH."""
    with contextlib.suppress(EmbeddedPostgresError):
        if (embedded := find_installation() / "bin" / name).exists():
            return str(embedded)
    if program := shutil.which(name):
        return program
    raise BackupError(f"{name} is missing. Install PostgreSQL's client programs, or set PICARD_PG_INSTALL.")


@contextlib.contextmanager
def _create_private_file(file: Path) -> Iterator[int]:
    """Create a file (0600) that is synced to disk when the block ends. Raises BackupError if it exists."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupError(f"Cannot create {file}: {error.strerror}.") from None
    try:
        yield handle
        os.fsync(handle)
    except BaseException:
        file.unlink()
        raise
    finally:
        os.close(handle)


def _get_partial_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.partial")
