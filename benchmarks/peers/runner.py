"""The processes of the systems, as the comparison sees them."""

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

PEERS_PYTHON = (
    Path(settings.BASE_DIR) / "build" / "benchmark-peers" / "bin" / "python"
)  # made by the Makefile
UNSEALED = "unsealed"


class SystemFailed(Exception):
    """A system's process ended. What it said stands in its log, whose last lines are the message."""


class SystemProcess:
    """One system in its process."""

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
        begin = {"work": str(work), "folder": str(data), "dsn": _prepare_database(system)}
        opened = self._send_command(begin)
        self.ways: list[str] = opened["ways"]
        self.versions: dict[str, str] = opened["versions"]

    def ask(self, act: str, **arguments: object) -> Any:
        """Raises Failed when its process has ended."""
        return self._send_command({act: arguments})

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

    def _send_command(self, what: Mapping[str, object]) -> Any:
        assert self._process.stdin  # noqa: S101
        assert self._process.stdout  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
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
    """Where their folders lie."""
    home = Path(settings.PICARD_HOME) / FOLDER
    home.mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _prepare_database(system: System) -> str:
    """What the system needs to know to find a database of its own on Picard's PostgreSQL."""
    if system.class_name == "UnsealedPicard":
        return UNSEALED
    return _create_database(system.module) if system.needs_database else ""


def create_unsealed_database() -> None:
    """A copy of Picard's empty database, made while nobody is connected to it."""
    databases.copy_empty_database(UNSEALED)
    connections.close_all()


def _create_database(name: str) -> str:
    parameters = connection.get_connection_params()
    known = {key: parameters[key] for key in ("host", "port", "user", "password") if parameters.get(key)}
    conninfo = make_conninfo(**known, dbname=parameters["dbname"])
    with psycopg.connect(conninfo, autocommit=True) as raw:
        raw.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return make_conninfo(**known, dbname=name)
