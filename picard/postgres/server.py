"""A PostgreSQL server over one data folder: initdb, configuration, start and stop."""

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
    # For SSDs. With 4, the generic plan reads the whole table if one user owns most of it.
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # Statements and the DETAIL of errors contain users' data, so they are not logged.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# PICARD_PG_FSYNC=off: for tests, whose data need not survive a machine crash. It survives a killed server, so commits
# stay synchronous, which is cheap without fsync.
UNSAFE_CONF = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """Runs the binaries of `installation` as `account`. The caller holds the lock of `home`."""

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
        """Return whether a server process of this data folder exists, even if it is starting or stopping."""
        try:
            return self._is_our_server(int(self._pid_file.read_text().split("\n", 1)[0]))
        except (OSError, ValueError):
            return False

    def create_data_folder(self, superuser_password: str) -> None:
        """Run initdb in another folder and rename it, so that an interrupted run leaves no partial database."""
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
        """Start the server on existing data; wait until it is ready or has exited."""
        self._check_version()
        files.write_private_file(self.data / "picard.conf", self._build_conf(), self.account)
        self._create_socket_folder()
        self._rotate_log()
        self._clear_stale_locks()
        log_offset = self.log.stat().st_size
        result = self._run_pg_ctl("-l", str(self.log), "-w", "-t", "90", "start")
        log_text = self._read_log_since(log_offset)
        # The children of a killed server take a moment to release its shared memory. The caller tries again.
        if result.exit_code and "shared memory block" not in log_text:
            raise EmbeddedPostgresError(f"PostgreSQL did not start. {result.text}\n{log_text}")

    def stop(self) -> None:
        self._run_pg_ctl("-m", "fast", "-w", "-t", "60", "stop")

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _run_initdb(self, folder: Path, password: Path) -> None:
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", f"--username={SUPERUSER}", "--no-instructions"]
        if _is_fsync_off():
            options.append("--no-sync")  # otherwise initdb syncs its files, before the rename
        result = self.account.run(
            self.installation / "bin" / "initdb", "-D", folder, f"--pwfile={password}", *options
        )
        if result.exit_code:
            raise EmbeddedPostgresError(f"initdb failed. {result.text}")

    def _run_pg_ctl(self, *arguments: str) -> files.CommandResult:
        return self.account.run(self.installation / "bin" / "pg_ctl", "-D", self.data, *arguments)

    def _check_version(self) -> None:
        data_version = (self.data / "PG_VERSION").read_text().strip()
        server_version = self.account.run(self.installation / "bin" / "postgres", "--version").text
        if data_version != server_version.split()[-1].split(".")[0]:
            raise EmbeddedPostgresError(
                f"{self.data} was created by PostgreSQL {data_version}, but {server_version} is installed. "
                "Install the older version, dump the database, and restore it into a new PICARD_HOME."
            )

    def _build_conf(self) -> str:
        folder = str(self.socket_folder).replace("'", "''")
        conf = CONF | {"unix_socket_directories": f"'{folder}'"} | (UNSAFE_CONF if _is_fsync_off() else {})
        return "".join(f"{name} = {value}\n" for name, value in conf.items())

    def _rotate_log(self) -> None:
        """Start a new log if it is too long, and keep one older log."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        self.account.chown_path(self.log)

    def _read_log_since(self, offset: int) -> str:
        """Return the end of what was logged since `offset`, at most MAX_QUOTE_BYTES."""
        with self.log.open("rb") as handle:
            handle.seek(max(offset, handle.seek(0, os.SEEK_END) - MAX_QUOTE_BYTES))
            return handle.read().decode(errors="replace")

    def _create_socket_folder(self) -> None:
        folder = self.socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        info = folder.lstat()  # does not follow a symlink planted in /tmp
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {os.geteuid(), self.account.uid}:
            raise EmbeddedPostgresError(f"{folder} belongs to another account. Choose a shorter PICARD_HOME.")
        folder.chmod(0o700)
        self.account.chown_path(folder)

    def _clear_stale_locks(self) -> None:
        """Replace the process ID in lock files left by a killed server, so that the server can start.

        PostgreSQL refuses to start while that process exists. It may exist: the ID was reused after a restart of the
        container, or the process is a zombie. The ID of a dead process replaces it. The file is not removed, because
        it also names the shared memory by which PostgreSQL detects orphans that still write.
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
            return False  # our server is accessible: it runs as the caller, or the caller is root


def _is_fsync_off() -> bool:
    return os.environ.get("PICARD_PG_FSYNC") == "off"


def _get_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid
