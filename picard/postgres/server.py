"""One PostgreSQL server over a data folder: made by initdb, configured, started, stopped."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from picard.postgres import installation as files
from picard.postgres.installation import EmbeddedPostgresError

SUPERUSER = "postgres"
PORT = 5432  # only a part of the socket's name
MAX_LOG_BYTES, MAX_QUOTE_BYTES = 10_000_000, 10_000  # bytes
CONF = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "10s",
    # Of a disk without a moving head. With 4 the plan for all reads the whole table when one person has most of it.
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # Statements and the DETAIL of errors hold people's data. They stay out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# PICARD_PG_FSYNC=off: for tests, whose rows may die with the machine. They still outlive a killed server, so
# commits stay synchronous, which costs nearly nothing without fsync.
UNSAFE_CONF = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """Its acts run as `account`, by the binaries of `installation`. The caller holds the home's lock."""

    home: Path
    socket_folder: Path
    account: files.Account
    installation: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def is_process_running(self) -> bool:
        """Whether a server of this data still runs, be it on its way up or down."""
        try:
            return self._is_our_server(int(self._pid_file.read_text().split("\n", 1)[0]))
        except (OSError, ValueError):
            return False

    def create_data_folder(self, superuser_password: str) -> None:
        """initdb beside the place, then one rename: an interrupted one leaves nothing like a database."""
        partial = self.home / "data.partial"
        password = self.home / "password.initdb"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self.account.chown_path(partial)
        files.write_private_file(password, superuser_password, self.account)
        try:
            self._run_initdb(partial, password)
        finally:
            password.unlink()
        with (partial / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'picard.conf'\n")
        partial.rename(self.data)
        files.sync_folder(self.home)

    def start(self) -> None:
        """Starts it over existing data, and waits until it answers or goes away."""
        self._check_version()
        files.write_private_file(self.data / "picard.conf", self._build_conf(), self.account)
        self._create_socket_folder()
        self._rotate_log()
        self._clear_stale_locks()
        logged_before = self.log.stat().st_size
        answer = self._run_pg_ctl("-l", str(self.log), "-w", "-t", "90", "start")
        said = self._read_log_since(logged_before)
        # The children of a killed server need a moment to let go of its memory. The caller tries again.
        if answer.exit_code and "shared memory block" not in said:
            raise EmbeddedPostgresError(f"PostgreSQL does not start. {answer.text}\n{said}")

    def stop(self) -> None:
        self._run_pg_ctl("-m", "fast", "-w", "-t", "60", "stop")

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _run_initdb(self, folder: Path, password: Path) -> None:
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", f"--username={SUPERUSER}", "--no-instructions"]
        if _is_fsync_off():
            options.append("--no-sync")  # else initdb itself syncs all it wrote, before the rename
        answer = self.account.run(
            self.installation / "bin" / "initdb", "-D", folder, f"--pwfile={password}", *options
        )
        if answer.exit_code:
            raise EmbeddedPostgresError(f"The database cannot be made. {answer.text}")

    def _run_pg_ctl(self, *arguments: str) -> files.CommandResult:
        return self.account.run(self.installation / "bin" / "pg_ctl", "-D", self.data, *arguments)

    def _check_version(self) -> None:
        have = (self.data / "PG_VERSION").read_text().strip()
        server = self.account.run(self.installation / "bin" / "postgres", "--version").text
        if have != server.split()[-1].split(".")[0]:
            raise EmbeddedPostgresError(
                f"{self.data} was made by PostgreSQL {have}, but {server} is installed. "
                "Install the older one, dump the database, and restore it into a new PICARD_HOME."
            )

    def _build_conf(self) -> str:
        folder = str(self.socket_folder).replace("'", "''")
        conf = CONF | {"unix_socket_directories": f"'{folder}'"} | (UNSAFE_CONF if _is_fsync_off() else {})
        return "".join(f"{name} = {value}\n" for name, value in conf.items())

    def _rotate_log(self) -> None:
        """A new one when it has grown long; one older is kept."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        self.account.chown_path(self.log)

    def _read_log_since(self, offset: int) -> str:
        """Of what was logged since then, the end."""
        with self.log.open("rb") as handle:
            handle.seek(max(offset, handle.seek(0, os.SEEK_END) - MAX_QUOTE_BYTES))
            return handle.read().decode(errors="replace")

    def _create_socket_folder(self) -> None:
        folder = self.socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()  # not what a link planted in /tmp points to
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self.account.uid}:
            raise EmbeddedPostgresError(f"{folder} belongs to somebody else. Choose a shorter PICARD_HOME.")
        folder.chmod(0o700)
        self.account.chown_path(folder)

    def _clear_stale_locks(self) -> None:
        """Lets the server start although a killed one left its lock files behind.

        PostgreSQL refuses while their process exists, and it may: a number used again after a restart of the
        container, or a process that nobody has waited for. The number is replaced by a dead one. Removing the
        file would be wrong, for it also names the shared memory that tells whether an orphan still writes.
        """
        for lock in (self._pid_file, self.socket_folder / f".s.PGSQL.{PORT}.lock"):
            with contextlib.suppress(OSError, ValueError):
                pid, rest = lock.read_text(errors="surrogateescape").split("\n", 1)
                if not self._is_our_server(int(pid)):
                    lock.write_text(f"{_get_dead_pid()}\n{rest}", errors="surrogateescape")

    def _is_our_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return process.status() != psutil.STATUS_ZOMBIE and str(self.data) in process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False  # ours could be looked at: it runs as the caller, or the caller is root


def _is_fsync_off() -> bool:
    return os.environ.get("PICARD_PG_FSYNC") == "off"


def _get_dead_pid() -> int:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    return gone.pid
