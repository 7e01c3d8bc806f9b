"""`manage.py up` with a home, a port and a log of its own, over real files: started, killed in parts, stopped."""

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
from picard.postgres.manager import APP_DATABASE, APP_ROLE, PORT, EmbeddedPostgres
from picard.server.supervisor import DEATHS_WINDOW_S
from tests.chaos.template import copy_template
from tests.processes import answers, free_port, wait_until

# Set for the tests' own database, or by the person who runs them; the product finds its own.
NOT_INHERITED = (
    "PICARD_PG_FSYNC",
    "DATABASE_URL",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEY",
    "PUBLIC_URL",
    "PORT",
)
# With a third death within a minute the supervisor's back-off would be most of what is measured.
DEATHS_A_MINUTE = 2


class Victim(StrEnum):
    """A part of the product that can be killed."""

    WEB_MASTER = "the web server"
    WEB_WORKER = "a process of the web server"
    INDEXER = "the indexing worker"
    POSTGRES = "PostgreSQL"
    BACKEND = "a connection's process in PostgreSQL"


SUPERVISED = (Victim.WEB_MASTER, Victim.INDEXER)


class Product:
    """Making one starts nothing. `variables` are environment variables of the product."""

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
        """Returns when it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(PROJECT / "manage.py"), "up"],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self.is_ready, seconds=120)

    def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=60)

    def is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()[-3_000:]
        return answers(f"{self.address}/readyz")

    def popen(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Python with these arguments in the product's environment; what it says goes to a pipe."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> str:
        """What such a Python prints until it ends well."""
        process = self.popen(*arguments, **variables)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        return said

    def stored(self, **variables: str) -> list[dict[str, Any]]:
        """Every memory as the product itself reads it from its database (stored.py)."""
        found: list[dict[str, Any]] = json.loads(self.run("-m", "tests.chaos.stored", **variables))
        return found

    def query(self, statement: LiteralString, *values: Any, role: str = APP_ROLE) -> list[tuple[Any, ...]]:
        """The rows of a statement, straight from the product's database."""
        postgres = EmbeddedPostgres(self.home / "postgres")
        with psycopg.connect(
            dbname=APP_DATABASE,
            user=role,
            password=postgres.password(role),
            host=str(postgres.socket_folder),
            port=PORT,
        ) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    # --- Its processes --------------------------------------------------------------------------------

    def find(self, victim: Victim) -> list[psutil.Process]:
        """The processes that are such a part just now."""
        assert self._process
        programs = psutil.Process(self._process.pid).children()
        match victim:
            case Victim.WEB_MASTER:
                return [each for each in programs if "gunicorn" in command_line(each)]
            case Victim.INDEXER:
                return [each for each in programs if command_line(each)[-1:] == ["worker"]]
            case Victim.WEB_WORKER:
                return [child for master in self.find(Victim.WEB_MASTER) for child in children(master)]
            case Victim.POSTGRES:
                return self._postmaster()
            case Victim.BACKEND:
                backends = [child for server in self._postmaster() for child in children(server)]
                return [
                    each for each in backends if f"{APP_ROLE} {APP_DATABASE}" in " ".join(command_line(each))
                ]

    def kill(self, victim: Victim, nth: int = 0) -> None:
        """kill -9; one of its processes when there are several."""
        self._wait_for_patience(victim)
        wait_until(lambda: self._killed(victim, nth), seconds=60)

    def _killed(self, victim: Victim, nth: int) -> bool:
        found = self.find(victim)
        if not found:
            return False  # on its way up
        with contextlib.suppress(ProcessLookupError):  # ended by itself meanwhile: another one then
            os.kill(found[nth % len(found)].pid, signal.SIGKILL)
            return True
        return False

    def processes(self) -> list[psutil.Process]:
        """Every process of this home that lives: it carries it in its environment, or (PostgreSQL's) works in it."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _wait_for_patience(self, victim: Victim) -> None:
        if victim in SUPERVISED:
            deaths = self._deaths[victim]
            if len(deaths) >= DEATHS_A_MINUTE:
                time.sleep(max(0.0, deaths[-DEATHS_A_MINUTE] + DEATHS_WINDOW_S + 1 - time.monotonic()))
            deaths.append(time.monotonic())

    def _postmaster(self) -> list[psutil.Process]:
        try:
            pid = int((self.home / "postgres/data/postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return []
        return [process] if str(self.home) in " ".join(command_line(process)) else []

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get("PICARD_HOME") == str(self.home) or str(self.home) in process.cwd()
        except psutil.Error:
            return False

    def end(self) -> None:
        """Whatever happened: nothing of it is left. For the end of a test that may have failed."""
        if self._process:
            self._process.kill()
            self._process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


@contextlib.contextmanager
def running_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """A product that is ready, below the folder or in one of its own; all gone with the block."""
    with migrated_product(folder, **variables) as product:
        product.start()
        yield product


@contextlib.contextmanager
def migrated_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """A product with keys and an empty database, which has never run."""
    with fresh_product(folder, **variables) as product:
        copy_template(product.home, Product(product.home).environment)
        yield product


@contextlib.contextmanager
def fresh_product(folder: Path | None = None, /, **variables: str) -> Iterator[Product]:
    """A product of which nothing is there yet, not even its home."""
    place = Path(tempfile.mkdtemp(prefix="picard-chaos-", dir=folder))
    place.chmod(0o711)  # the account of PostgreSQL must enter
    product = Product(place / "picard", **variables)
    try:
        yield product
    finally:
        product.end()
        shutil.rmtree(place, ignore_errors=True)
