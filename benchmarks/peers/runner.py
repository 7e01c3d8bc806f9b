"""Client side of the processes that run the systems."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks import databases
from benchmarks.peers.systems import System
from benchmarks.peers.work import FOLDER

# Created by the Makefile.
PEERS_PYTHON = Path(settings.BASE_DIR) / "build" / "benchmark-peers" / "bin" / "python"
UNSEALED = "unsealed"


class SystemFailed(Exception):
    """A system's process exited. The message is the end of its log."""


class SystemProcess:
    """A system in a separate process."""

    def __init__(self, system: System, work: Path, home: Path) -> None:
        self.system = system
        self._folder = home / system.name.replace(" ", "-")
        self._folder.mkdir()
        self._log = (self._folder / "log").open("w")
        python = sys.executable if system.is_picard else str(PEERS_PYTHON)
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.peers.serve", system.name],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        data = self._folder / "data"
        data.mkdir()
        configuration = {"work": str(work), "folder": str(data), "dsn": _prepare_database(system)}
        greeting = self._exchange(configuration)
        self.ways: list[str] = greeting["ways"]
        self.versions: dict[str, str] = greeting["versions"]

    def send_command(self, command: str, **arguments: object) -> Any:
        """Send a command and return its result. Raises SystemFailed if the process has exited."""
        return self._exchange({command: arguments})

    def stop(self) -> None:
        assert self._process.stdin  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _exchange(self, message: Mapping[str, object]) -> Any:
        assert self._process.stdin  # noqa: S101
        assert self._process.stdout  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SystemFailed(self._read_log_tail()) from None
        line = self._process.stdout.readline()
        if not line:
            raise SystemFailed(self._read_log_tail())
        return json.loads(line)

    def _read_log_tail(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])


@contextlib.contextmanager
def create_systems_home() -> Iterator[Path]:
    """Create the folder that contains the systems' folders."""
    home = Path(settings.PICARD_HOME) / FOLDER
    home.mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _prepare_database(system: System) -> str:
    """Create the system's own database on Picard's PostgreSQL if it needs one, and return how to connect."""
    if system.class_name == "UnsealedPicard":
        return UNSEALED
    return create_database(system.module) if system.needs_database else ""


def create_unsealed_database() -> None:
    """Copy Picard's empty database, while it has no connections."""
    databases.copy_empty_database(UNSEALED)
    connections.close_all()


def create_database(name: str) -> str:
    """Create a database on Picard's PostgreSQL, and return how to connect."""
    parameters = connection.get_connection_params()
    server = {key: parameters[key] for key in ("host", "port", "user", "password") if parameters.get(key)}
    conninfo = make_conninfo(**server, dbname=parameters["dbname"])
    with psycopg.connect(conninfo, autocommit=True) as raw:
        raw.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return make_conninfo(**server, dbname=name)
