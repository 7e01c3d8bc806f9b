"""`manage.py up` with its own home, port and log: tests start it, kill its parts and stop it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from picard.config.paths import PROJECT
from picard.postgres.manager import APP_DATABASE, APP_ROLE, PORT, ROLES, EmbeddedPostgres
from picard.server.supervisor import DEATHS_WINDOW_S
from tests.chaos.template import copy_template
from tests.processes import answers, end_with_parent, free_port, wait_until

# Set for the database of the tests or by the user; the product uses its own.
NOT_INHERITED = (
    "PICARD_PG_FSYNC",
    "DATABASE_URL",
    "SYSTEM_DATABASE_URL",
    "MIGRATE_DATABASE_URL",
    "DATABASE_POOLED",
    "DATABASE_DIRECT_URL",
    "DATABASE_REPLICA_URL",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEY",
    "PUBLIC_URL",
    "PORT",
)
# After a third death within a minute, the supervisor's back-off would dominate the measured times.
MAX_KILLS_PER_WINDOW = 2


class Victim(StrEnum):
    """A part of the product that can be killed."""

    WEB_MASTER = "the web server"
    WEB_WORKER = "a process of the web server"
    INDEXER = "the indexing worker"
    POSTGRES = "PostgreSQL"
    BACKEND = "a connection's process in PostgreSQL"


SUPERVISED = (Victim.WEB_MASTER, Victim.INDEXER)


class Product:
    """A product that is not started yet. variables: environment variables."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = home.with_name(f"{home.name}.log")
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        own = {"PICARD_HOME": str(home), "PORT": str(self.port), "PICARD_ENV_FILE": "", "EMAIL_URL": ""}
        own |= {"EMBEDDING_PROVIDER": "tests.providers.WordHashes"}
        self.environment = {**inherited, **own, **variables}
        self._deaths: dict[Victim, list[float]] = defaultdict(list)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(PROJECT / "manage.py"), "up"],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,
            )
        wait_until(self.is_ready, seconds=120)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; return the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=60)

    def is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()[-3_000:]
        return answers(f"{self.address}/readyz")

    def popen(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start Python in the product's environment, with a pipe for its output."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> str:
        """Run Python in the product's environment; return its output. Asserts that it succeeds."""
        process = self.popen(*arguments, **variables)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        return output

    def stored(self, **variables: str) -> list[dict[str, Any]]:
        """Return every memory as the product reads it from its database (stored.py)."""
        memories: list[dict[str, Any]] = json.loads(self.run("-m", "tests.chaos.stored", **variables))
        return memories

    def query(self, statement: LiteralString, *values: Any, role: str = APP_ROLE) -> list[tuple[Any, ...]]:
        """Run a statement on the product's database; return its rows."""
        postgres = EmbeddedPostgres(self.home / "postgres")
        with psycopg.connect(
            dbname=APP_DATABASE,
            user=role,
            password=postgres.password(role),
            host=str(postgres.socket_folder),
            port=PORT,
            options="-c picard.system=on",
        ) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    # --- Processes ------------------------------------------------------------------------------------

    def find(self, victim: Victim) -> list[psutil.Process]:
        """Return the processes that are this part at the moment."""
        assert self._process
        children = psutil.Process(self._process.pid).children()
        match victim:
            case Victim.WEB_MASTER:
                return [each for each in children if "gunicorn" in get_command_line(each)]
            case Victim.INDEXER:
                return [each for each in children if get_command_line(each)[-1:] == ["worker"]]
            case Victim.WEB_WORKER:
                return [child for master in self.find(Victim.WEB_MASTER) for child in get_children(master)]
            case Victim.POSTGRES:
                return self._postmaster()
            case Victim.BACKEND:
                backends = [child for server in self._postmaster() for child in get_children(server)]
                return [
                    each
                    for each in backends
                    if any(
                        f"{role} {APP_DATABASE}" in " ".join(get_command_line(each))
                        for role in ROLES.values()
                    )
                ]

    def kill(self, victim: Victim, nth: int = 0) -> None:
        """Kill the part, or one of its processes, with SIGKILL."""
        self._wait_for_restart_budget(victim)
        wait_until(lambda: self._try_to_kill(victim, nth), seconds=60)

    def _try_to_kill(self, victim: Victim, nth: int) -> bool:
        processes = self.find(victim)
        if not processes:
            return False  # it is starting
        with contextlib.suppress(ProcessLookupError):  # it has exited: try another one
            os.kill(processes[nth % len(processes)].pid, signal.SIGKILL)
            return True
        return False

    def processes(self) -> list[psutil.Process]:
        """Return all live processes of this home, by their environment or (PostgreSQL) their working directory."""
        return [process for process in psutil.process_iter() if self._has_our_home(process)]

    def _wait_for_restart_budget(self, victim: Victim) -> None:
        if victim in SUPERVISED:
            deaths = self._deaths[victim]
            if len(deaths) >= MAX_KILLS_PER_WINDOW:
                time.sleep(max(0.0, deaths[-MAX_KILLS_PER_WINDOW] + DEATHS_WINDOW_S + 1 - time.monotonic()))
            deaths.append(time.monotonic())

    def _postmaster(self) -> list[psutil.Process]:
        try:
            pid = int((self.home / "postgres/data/postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return []
        return [process] if str(self.home) in " ".join(get_command_line(process)) else []

    def _has_our_home(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get("PICARD_HOME") == str(self.home) or str(self.home) in process.cwd()
        except psutil.Error:
            return False

    def kill_all(self) -> None:
        """Kill all processes, for the end of a test that may have failed."""
        if self._process:
            self._process.kill()
            self._process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def get_command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def get_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


@contextlib.contextmanager
def running_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """Run a product in the folder or a temporary one; delete everything at the end of the block."""
    with migrated_product(folder, **variables) as product:
        product.start()
        yield product


@contextlib.contextmanager
def migrated_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """Create a product with keys and a migrated, empty database."""
    with fresh_product(folder, **variables) as product:
        copy_template(product.home, Product(product.home).environment)
        yield product


@contextlib.contextmanager
def fresh_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """Create a product without a home."""
    root = Path(tempfile.mkdtemp(prefix="picard-chaos-", dir=folder))
    root.chmod(0o711)  # the account of PostgreSQL must enter
    product = Product(root / "picard", **variables)
    try:
        yield product
    finally:
        product.kill_all()
        shutil.rmtree(root, ignore_errors=True)
