"""Restores: they are atomic, and work with servers older than pg_restore."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from core.db.roles import Role, connected_as
from picard.backups import dump as backup_dump
from picard.backups import restore as backup_restore
from picard.backups.authentication import UnauthenticBackup, verify_checksum
from picard.management.commands import restore
from tests.database import execute_on_server, switch_database

NAME = "to_restore"
FILL = """
create table people (name text, said text);
insert into people select 'ada', repeat('memory ', 5) || number from generate_series(1, 20000) number;
create table zebras (id int primary key);
create function greet() returns text language sql as $$select 'hello'$$;
create procedure grow() language sql as $$delete from zebras$$
"""


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Switch to a separate database, because a restore drops existing data."""
    usual = settings.DATABASES["default"]["NAME"]
    own = f"{usual}_{NAME}"
    with django_db_blocker.unblock(), connected_as(Role.OWNER):
        execute_on_server(f'drop database if exists "{own}"')
        execute_on_server(f'create database "{own}"')
        switch_database(own)
        run(FILL)
        yield
        switch_database(usual)
        execute_on_server(f'drop database "{own}"')


@pytest.fixture
def file(database: None, tmp_path: Path) -> Path:
    backup_dump.dump_database(tmp_path / "small.dump")
    return tmp_path / "small.dump"


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def count(table: str = "people") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        return int(cursor.fetchone()[0])


def test_replace_drops_new_objects_and_restores_deleted_ones(file: Path) -> None:
    run("delete from people; create table later (id int); drop procedure grow")
    backup_restore.restore_database(file, replace=True)
    assert (count(), count("zebras")) == (20_000, 0)
    assert set(connection.introspection.table_names()) == {"people", "zebras"}
    run("call grow()")


def test_failed_restore_changes_nothing(file: Path) -> None:
    run("drop table zebras; create type zebras as (stripes int); update people set said = 'newer'")
    with pytest.raises(backup_dump.BackupError, match=r"psql failed: .*zebras"):
        backup_restore.restore_database(file, replace=True)
    assert count("people where said = 'newer'") == 20_000


def test_truncated_file_changes_nothing(file: Path) -> None:
    run("update people set said = 'newer'")
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size // 2)
    with pytest.raises(backup_dump.BackupError, match="pg_restore failed"):
        backup_restore.restore_database(file, replace=True)
    assert count("people where said = 'newer'") == 20_000


def test_restore_without_replace_fails_on_existing_tables(file: Path) -> None:
    with pytest.raises(backup_dump.BackupError, match=r"psql failed: .* already exists"):
        backup_restore.restore_database(file)
    assert count() == 20_000


def test_settings_unknown_to_older_servers_are_dropped(file: Path) -> None:
    """PostgreSQL 15 and 16 have no transaction_timeout. An identical line in the data is preserved."""
    run("create table lines (line text); insert into lines values ('SET transaction_timeout = 0;')")
    second = file.with_name("second.dump")
    backup_dump.dump_database(second)
    *statements, last = backup_restore.generate_statements(second)
    sets = [line.split()[1] for line in statements if line.startswith(b"SET ")]
    assert (sets.count(b"transaction_timeout"), last) == (1, b"commit;\n")
    assert statements.index(b"SET transaction_timeout = 0;\n") > statements.index(
        b"COPY public.lines (line) FROM stdin;\n"
    )


@pytest.mark.parametrize("fails", [True, False])
def test_keys_are_installed_only_after_the_data_was_restored(
    fails: bool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restore_database(*_: Any, **__: Any) -> None:
        assert key.read_text() == "previous key"
        if fails:
            raise backup_dump.BackupError("the disk is full")

    settings.KEYS_HOME, settings.PICARD_HOME = tmp_path / "keys", tmp_path / "home"
    key = settings.KEYS_HOME / "field_encryption_key"
    settings.KEYS_HOME.mkdir()
    key.write_text("previous key")
    keys = tmp_path / "picard.keys"
    keys.write_text("SECRET_KEY=backup key\nFIELD_ENCRYPTION_KEY=backup key\n")
    monkeypatch.setattr(backup_dump, "verify_backup", lambda *_, **__: 2)
    monkeypatch.setattr(backup_restore, "restore_database", restore_database)
    monkeypatch.setattr(restore, "_require_idle_database", lambda _: None)
    monkeypatch.setattr(restore, "_run_manage_command", lambda *_: None)
    with pytest.raises(CommandError) if fails else nullcontext():
        call_command("restore", tmp_path / "x.dump", keys=keys)
    assert key.read_text() == ("previous key" if fails else "backup key")


def test_a_file_put_in_place_of_the_dump_is_not_authenticated(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def dump_beside_an_attacker(*arguments: Any, **options: Any) -> Iterator[Any]:
        with run_tool(*arguments, **options) as process:
            yield process
        other = tmp_path / "other.dump"
        other.write_bytes(b"changed")
        other.rename(tmp_path / "x.dump.partial")

    run_tool = backup_dump.run_postgres_tool
    monkeypatch.setattr(backup_dump, "run_postgres_tool", dump_beside_an_attacker)
    backup_dump.dump_database(tmp_path / "x.dump")
    with pytest.raises(UnauthenticBackup, match="damaged"):
        verify_checksum(tmp_path / "x.dump", settings.FIELD_ENCRYPTION_KEY)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_changed_after_its_verification_is_not_restored(
    in_place: bool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(_replace: bool) -> None:
        other = backup if in_place else tmp_path / "other.dump"
        other.write_bytes(b"changed")
        other.rename(backup)

    restored: list[bytes] = []
    settings.PICARD_HOME = tmp_path / "home"
    backup = tmp_path / "x.dump"
    backup.write_bytes(b"genuine")
    monkeypatch.setattr(backup_dump, "verify_backup", lambda *_, **__: 2)
    monkeypatch.setattr(restore, "_require_idle_database", change)
    monkeypatch.setattr(restore, "_run_manage_command", lambda *_: None)
    monkeypatch.setattr(
        backup_restore, "restore_database", lambda copy, **_: restored.append(copy.read_bytes())
    )
    call_command("restore", backup)
    assert restored == [b"genuine"]
    assert not list(settings.PICARD_HOME.iterdir())


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEY_FILE"])
def test_keys_from_the_environment_are_not_replaced(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDED = True
    keys = {"SECRET_KEY": "backup key", "FIELD_ENCRYPTION_KEY": "backup key"}
    restore._require_installable_keys(keys)
    monkeypatch.setenv(name, "/run/secrets/key")
    with pytest.raises(CommandError, match="Set SECRET_KEY"):
        restore._require_installable_keys(keys)
