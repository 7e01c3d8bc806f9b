"""Backups: the database as one file, the keys that open it as another, and the proof that the two belong together.

The data file is pg_dump's custom format with `FILE.sha256` beside it. What is sealed stays sealed in there: each
person's data key lies in it wrapped by the master keys, and those are never written to it.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo

from picard.postgres.installation import EmbeddedPostgresError, find_installation

WRAPPED_KEYS = ("accounts_serverkey", "accounts_personkey")
KEY_NAMES = ("SECRET_KEY", "FIELD_ENCRYPTION_KEY")


class BackupError(Exception):
    """What is wrong, and what to do about it. Nothing was changed."""


def refuse_overwrite(file: Path, keys: Path | None) -> None:
    """Raises BackupError where a file is already that would be written: before an hour's dump, not after it."""
    for new in (file, _get_checksum_path(file), _get_partial_path(file), *([keys] if keys else ())):
        if new.exists():
            raise BackupError(f"{new} exists already. Choose another name, or delete it.")


def dump_database(file: Path) -> None:
    """Write the database and its checksum (0600 both); an interrupted one leaves no file of that name."""
    partial = _get_partial_path(file)
    with _create_private_file(partial) as handle:
        options = ("--format=custom", "--no-owner", "--no-privileges", "--no-comments")
        with run_postgres_tool("pg_dump", *options, build_conninfo(), stdout=handle):
            pass
    digest = _hash_file(partial)
    with _create_private_file(_get_checksum_path(file)) as handle:
        os.write(handle, f"{digest}  {file.name}\n".encode())
    partial.rename(file)


def write_keys(file: Path, keys: Sequence[str]) -> None:
    """Both secrets as lines of an environment file (0600)."""
    values = (settings.SECRET_KEY, ",".join(keys))
    with _create_private_file(file) as handle:
        for name, value in zip(KEY_NAMES, values, strict=True):
            os.write(handle, f"{name}={value}\n".encode())


def read_keys(file: Path) -> dict[str, str]:
    """Both secrets by their names. Raises BackupError."""
    found = dict(re.findall(r"^(\w+)=(.+)$", file.read_text(), re.MULTILINE))
    if missing := [name for name in KEY_NAMES if name not in found]:
        raise BackupError(f"{file} has no {' and no '.join(missing)}: it is no file of `backup --keys`.")
    return found


def parse_master_keys(keys: dict[str, str]) -> list[str]:
    return [key.strip() for key in keys["FIELD_ENCRYPTION_KEY"].split(",")]


def verify_backup(file: Path, keys: Sequence[str]) -> int:
    """Look whether the file is whole and these master keys open every stored key in it; returns how many there are.

    Touches no database. Raises BackupError.
    """
    _verify_checksum(file)
    _verify_version(file)
    return _verify_keys(file, keys)


@contextlib.contextmanager
def run_postgres_tool(
    name: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of PostgreSQL at work, waited for at the end. Raises BackupError with its own words when it fails."""
    with tempfile.TemporaryFile() as said:  # a pipe that nobody empties would stop it
        command, environment = [_find_program(name), *arguments], _build_environment()
        with (
            contextlib.suppress(BrokenPipeError),  # it ended before it had read all: its exit code tells
            subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=said, env=environment) as process,
        ):
            yield process
        if process.returncode:
            said.seek(0)
            raise BackupError(f"{name} failed: {said.read().decode(errors='replace').strip()}")


def build_conninfo() -> str:
    """How the programs of PostgreSQL reach this database, without the password."""
    connection.ensure_connection()
    return make_conninfo(**connection.connection.info.get_parameters())


# --- Private ------------------------------------------------------------------------------------------


def _verify_checksum(file: Path) -> None:
    beside = _get_checksum_path(file)
    if not file.is_file() or not beside.is_file():
        raise BackupError(f"{file} and {beside.name} must lie beside each other.")
    if beside.read_text().split()[:1] != [_hash_file(file)]:
        raise BackupError(f"{file} is damaged: its checksum is not the one in {beside.name}.")


def _verify_version(file: Path) -> None:
    known = MigrationLoader(None).disk_migrations
    applied = {(app, name) for _id, app, name, _at in _read_table_rows(file, "django_migrations")}
    apps = {app for app, _ in known}
    if newer := sorted(f"{app}.{name}" for app, name in applied - known.keys() if app in apps):
        raise BackupError(f"{file} was made by a newer Picard ({', '.join(newer)}). Install that one first.")


def _verify_keys(file: Path, keys: Sequence[str]) -> int:
    master = MultiFernet([Fernet(key) for key in keys])
    wrapped = [row[1] for table in WRAPPED_KEYS for row in _read_table_rows(file, table)]
    if not wrapped:
        raise BackupError(f"{file} holds no key: it is no backup of a Picard that was ever started.")
    for value in wrapped:
        try:
            master.decrypt(value.encode())
        except InvalidToken:
            raise BackupError(
                f"These master keys do not open {file}. Give the keys it was made with."
            ) from None
    return len(wrapped)


def _read_table_rows(file: Path, table: str) -> list[list[str]]:
    """The rows of one table as they lie in the dump, each as its columns' texts."""
    options = ("--data-only", "--table", table, "--file", "-")
    with run_postgres_tool("pg_restore", *options, str(file), stdout=subprocess.PIPE) as process:
        printed = process.communicate()[0].decode()
    block = re.search(r"^COPY .*?;\n(.*?)^\\\.$", printed, re.DOTALL | re.MULTILINE)
    return [line.split("\t") for line in block[1].splitlines()] if block else []


def _build_environment() -> dict[str, str]:
    password = connection.settings_dict["PASSWORD"]
    return {**os.environ, **({"PGPASSWORD": password} if password else {})}


def _find_program(name: str) -> str:
    """Of the embedded PostgreSQL (or PICARD_PG_INSTALL), else of the PATH."""
    with contextlib.suppress(EmbeddedPostgresError):
        if (own := find_installation() / "bin" / name).exists():
            return str(own)
    if found := shutil.which(name):
        return found
    raise BackupError(f"{name} is missing. Install PostgreSQL's client programs, or set PICARD_PG_INSTALL.")


@contextlib.contextmanager
def _create_private_file(file: Path) -> Iterator[int]:
    """A new file (0600), on the disk when the block ends. Raises BackupError when there is one."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupError(f"{file} cannot be made: {error.strerror}.") from None
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


def _get_checksum_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _hash_file(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
