"""Embedded PostgreSQL: it recovers from crashes and is not accessible to others."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import psutil
import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo

from core.db.roles import Role
from picard.config.paths import PROJECT
from picard.postgres import installation as files
from picard.postgres.manager import (
    APP_DATABASE,
    APP_ROLE,
    PORT,
    ROLES,
    EmbeddedPostgres,
    EmbeddedPostgresError,
)

START = (
    "import sys; from picard.postgres.manager import EmbeddedPostgres as E; E(sys.argv[1]).ensure_running()"
)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """The home of a stopped server with a database, created once; each test gets a copy."""
    with _folder() as folder:
        postgres = EmbeddedPostgres(folder / "postgres")
        postgres.ensure_running()
        postgres.stop()
        yield postgres.home


@pytest.fixture(scope="module")
def running(template: Path) -> Iterator[EmbeddedPostgres]:
    """A running server for tests that do not stop it."""
    with _folder() as folder:
        subprocess.run(["cp", "-a", template, folder / "postgres"], check=True)
        postgres = EmbeddedPostgres(folder / "postgres")
        postgres.ensure_running()
        yield postgres
        postgres.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    with _folder() as folder:
        yield folder


@pytest.fixture
def postgres(template: Path, folder: Path) -> Iterator[EmbeddedPostgres]:
    home = folder / "postgres"
    subprocess.run(["cp", "-a", template, home], check=True)
    postgres = EmbeddedPostgres(home)
    yield postgres
    postgres.stop()


class _folder(tempfile.TemporaryDirectory[str]):  # noqa: N801
    """Replacement for tmp_path, which is in a private folder that the account of PostgreSQL cannot enter."""

    def __enter__(self) -> Path:  # type: ignore[override]
        path = Path(super().__enter__())
        path.chmod(0o711)
        return path


def test_first_start_creates_a_database_with_the_extensions(running: EmbeddedPostgres) -> None:
    assert _fetch_value(running, "select '[1,2]'::vector <-> '[1,2]'::vector") == 0
    assert _fetch_value(running, "select similarity('ada', 'ada')") == 1
    assert _fetch_value(running, "select unaccent('é')") == "e"


def test_random_page_cost_is_set_for_ssds(running: EmbeddedPostgres) -> None:
    # Otherwise the generic plan reads whole tables (0002).
    assert _fetch_value(running, "show random_page_cost") == "1.1"


def test_new_databases_have_the_extensions(running: EmbeddedPostgres) -> None:
    _fetch_value(running, "create database test_picard", database="postgres")
    assert _fetch_value(running, "select '[1]'::vector <-> '[3]'::vector", database="test_picard") == 2


def test_concurrent_cold_starts_end_with_one_server(folder: Path) -> None:
    home = folder / "postgres"
    processes = [_start_in_another_process(home) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert len(_find_servers(home)) == 1
    EmbeddedPostgres(home).stop()


def test_data_survives_sigkill(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_running()
    _fetch_value(postgres, "create table written as select 7 as number")
    _kill(postgres)
    processes = [_start_in_another_process(postgres.home) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0] * 3
    assert _fetch_value(postgres, "select number from written") == 7


def test_stale_lock_file_with_a_reused_process_id_does_not_prevent_start(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_running()
    _kill(postgres)
    for lock in (postgres.home / "data/postmaster.pid", postgres.socket_folder / f".s.PGSQL.{PORT}.lock"):
        lock.write_text(f"{os.getpid()}\n" + lock.read_text().split("\n", 1)[1])
    assert postgres.looks_alive()
    postgres.ensure_running()
    assert _fetch_value(postgres, "select 1") == 1


def test_interrupted_initdb_is_repeated(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres")
    process = _start_in_another_process(postgres.home)
    while not (postgres.home / "data.partial" / "base").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not postgres.is_running()
    postgres.ensure_running()
    assert _fetch_value(postgres, "select 1") == 1
    postgres.stop()


def test_interrupted_bootstrap_is_completed(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_running()
    (postgres.home / "ready").unlink()
    assert not postgres.is_running()
    postgres.ensure_running()
    assert _fetch_value(postgres, "select 1") == 1


@pytest.mark.parametrize("name", ["Über uns, 'ça' и 記憶", "x" * 120])
def test_unusual_and_long_paths_work(template: Path, folder: Path, name: str) -> None:
    postgres = EmbeddedPostgres(folder / name / "postgres")
    postgres.home.parent.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", template, postgres.home], check=True)
    postgres.ensure_running()
    assert _fetch_value(postgres, "select 1") == 1
    postgres.stop()
    if postgres.socket_folder.parent != postgres.home:
        postgres.socket_folder.rmdir()


def test_planted_socket_folder_is_rejected(template: Path, folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / ("x" * 120) / "postgres")
    postgres.home.parent.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", template, postgres.home], check=True)
    postgres.socket_folder.symlink_to(folder)
    with pytest.raises(EmbeddedPostgresError, match="belongs to another account"):
        postgres.ensure_running()
    postgres.socket_folder.unlink()


def test_server_has_no_tcp_port_and_a_private_socket(running: EmbeddedPostgres) -> None:
    assert _fetch_value(running, "show listen_addresses") == ""
    [server] = _find_servers(running.home)
    assert not server.net_connections("inet")
    assert stat.S_IMODE(running.socket_folder.stat().st_mode) == 0o700


def test_password_is_required_and_private(running: EmbeddedPostgres) -> None:
    for role in (APP_ROLE, "postgres"):
        assert stat.S_IMODE((running.home / f"password-{role}").stat().st_mode) == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            _connect(running, user=role, password="guessed")


def test_app_role_can_only_create_databases(running: EmbeddedPostgres) -> None:
    privileges = "rolsuper::int, rolcreaterole::int, rolreplication::int, rolbypassrls::int, rolcreatedb::int"
    query = f"select array[{privileges}] from pg_roles where rolname = current_user"
    assert _fetch_value(running, query) == [0, 0, 0, 0, 1]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _fetch_value(running, "copy (select 1) to program 'true'")


def test_web_and_system_roles_can_create_nothing(running: EmbeddedPostgres) -> None:
    privileges = "rolsuper or rolcreaterole or rolreplication or rolbypassrls or rolcreatedb"
    for role in (Role.WEB, Role.SYSTEM):
        user = ROLES[role]
        with _connect(running, user=user, password=running.password(user)) as connection:
            row = connection.execute(f"select {privileges} from pg_roles where rolname = current_user")
            assert row.fetchone() == (False,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("create table mine (id int)")


def test_home_of_an_older_version_gets_the_roles(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_running()
    with _connect(postgres, user="postgres", password=postgres.password("postgres")) as superuser:
        superuser.execute("drop role picard_web, picard_system")
    ready = postgres.home / "ready"
    ready.write_text(ready.read_text().split()[0])  # as version 0.2 wrote it; its server still runs
    assert not postgres.is_running()
    postgres.ensure_running()
    for user in ROLES.values():
        with _connect(postgres, user=user, password=postgres.password(user)):
            pass


def test_compose_creates_the_roles(postgres: EmbeddedPostgres) -> None:
    script = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["configs"]["roles"]["content"]
    passwords = {"POSTGRES_PASSWORD": "a", "WEB_DATABASE_PASSWORD": "b", "SYSTEM_DATABASE_PASSWORD": "c"}
    postgres.ensure_running()
    login = {"user": "postgres", "password": postgres.password("postgres")}
    with _connect(postgres, "postgres", **login) as superuser:
        superuser.execute("drop database picard")
        superuser.execute("drop role picard_web, picard_system, picard")
        superuser.execute("create database picard template template0")  # as the image does
    with _connect(postgres, **login) as superuser:
        superuser.execute(Template(script).substitute(passwords))
    for user, password in zip(("picard", "picard_web", "picard_system"), "abc", strict=True):
        with _connect(postgres, user=user, password=password) as connection:
            query = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
            assert connection.execute(query).fetchone() == (False,)
            is_owner = connection.execute("select has_schema_privilege('public', 'create')").fetchone()
            assert is_owner == (user == "picard",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(postgres, **login)


def test_failed_statement_logs_no_personal_data(running: EmbeddedPostgres) -> None:
    _fetch_value(
        running, "create table people (mail text primary key); insert into people values ('ada@x.org')"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        _fetch_value(running, "insert into people values ('ada@x.org')")
    assert "ada@x.org" not in (running.home / "postgres.log").read_text()


def test_server_in_use_is_not_stopped(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_running()
    with _connect(postgres):
        postgres.stop_if_unused(wait_s=0)
        assert postgres.is_running()
    postgres.stop_if_unused()
    assert not postgres.is_running()


def test_path_with_shell_syntax_is_rejected(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="must not contain"):
        EmbeddedPostgres(folder / "$(id)" / "postgres").ensure_running()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")


@as_root
def test_root_runs_the_server_as_an_unprivileged_account(running: EmbeddedPostgres) -> None:
    [server] = _find_servers(running.home)
    assert server.uids().effective != 0


@as_root
def test_home_in_a_private_folder_of_root_is_rejected(folder: Path) -> None:
    folder.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match="Set PICARD_HOME"):
        EmbeddedPostgres(folder / "postgres").ensure_running()


@as_root
def test_binaries_in_a_private_folder_of_root_are_copied(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    package = files.find_installation().parent
    shutil.copytree(package, private / package.name, symlinks=True, copy_function=os.link)
    if (libraries := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libraries, private / libraries.name, symlinks=True, copy_function=os.link)
    monkeypatch.setenv("PICARD_PG_INSTALL", str(private / package.name / "pginstall"))
    postgres.ensure_running()
    assert Path(_find_servers(postgres.home)[0].exe()).is_relative_to(postgres.home)


@as_root
def test_ordinary_user_runs_the_server_as_themselves(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home = folder / "postgres"
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    if not files.Account(nobody.pw_uid, nobody.pw_gid).can_run(files.find_installation() / "bin/postgres"):
        pytest.skip("the binaries are in a private folder")
    assert _run_in_fork(nobody, EmbeddedPostgres(home).ensure_running) == 0
    assert _find_servers(home)[0].uids().effective == nobody.pw_uid
    assert (home / "password-picard").stat().st_uid == nobody.pw_uid
    EmbeddedPostgres(home).stop()


def _start_in_another_process(home: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", START, str(home)]
    return subprocess.Popen(command, cwd=PROJECT, start_new_session=True)


def _run_in_fork(account: pwd.struct_passwd, function: Callable[[], object]) -> int:
    """Call a function as another account; return the exit code. A fork, as the account may not access this Python."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        function()
    except BaseException:  # noqa: BLE001 - the fork must not continue the test
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _connect(
    postgres: EmbeddedPostgres, dbname: str = APP_DATABASE, user: str = APP_ROLE, password: str = ""
) -> psycopg.Connection:
    conninfo = make_conninfo(host=str(postgres.socket_folder), port=PORT, dbname=dbname, user=user)
    return psycopg.connect(conninfo, password=password or postgres.password(), autocommit=True)


def _fetch_value(postgres: EmbeddedPostgres, query: str, database: str = APP_DATABASE) -> object:
    with _connect(postgres, dbname=database) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def _find_servers(home: Path) -> list[psutil.Process]:
    data = str(home / "data")
    return [process for process in psutil.process_iter() if data in _command_line(process)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _kill(postgres: EmbeddedPostgres) -> None:
    [server] = _find_servers(postgres.home)
    server.kill()
    server.wait(10)


def test_other_accounts_cannot_hold_the_lock(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres")
    for _ in range(2):
        with postgres._acquire_lock():
            assert stat.S_IMODE((postgres.home / "lock").stat().st_mode) == 0o600
        (postgres.home / "lock").chmod(0o644)  # as an earlier version left it
