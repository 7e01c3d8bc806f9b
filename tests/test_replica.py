"""A read replica: it answers reads that are never stale, rejects writes, and can be promoted to primary."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from core.db.roles import Role
from picard.postgres import installation as files
from picard.postgres.manager import APP_DATABASE, PORT, ROLES, EmbeddedPostgres
from picard.postgres.server import SUPERUSER
from tests.chaos.product import Product, migrated_product
from tests.chaos.report import record
from tests.picard.database.stand_in_pooler import StandInPooler
from tests.processes import wait_until

pytestmark = pytest.mark.slow

REMEMBER = """
import django; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
from tests.factories import make_person, remember
from memories.jobs import indexer
remember(make_person("ada", persona_enabled=True), "The walrus sleeps on the ice.")
for name in ("bob", "carol", "dora"): make_person(name)
while indexer.process_batch(worker=0): pass
"""
# The audit event of a search is written on the primary (docs/scaling.md).
SEARCH = """
import django; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
from accounts.models import User
from memories.search import query
from memories.services import audit
from tests.factories import session
audit.record_read = lambda *_, **__: None
result = query.search_memories(session(User.objects.get(email='ada@example.org')), "walrus")
print([(hit.memory.text, hit.cosine is not None) for hit in result.hits], result.degraded)
"""
PRINT_KEYS = """
import json; from django.conf import settings
print(json.dumps([settings.SECRET_KEY, settings.FIELD_ENCRYPTION_KEY]))
"""
FOUND = "[('The walrus sleeps on the ice.', True)] False\n"
# Whether the standby is used: as it is, as one of another cluster, as one of another timeline, and when it is away.
REPORT = """
import django; django.setup()
from django.db import connections
from django.test import Client
from core.db import standby
from picard.observability import doctor
def look():
    answer = Client().get("/readyz")
    print(answer.status_code, answer.json()["replica"], doctor.check_replica()[0])
look()
for name, other in (("CLUSTER", "select random()::text"), ("TIMELINE", "select '0000000F'")):
    right = getattr(standby, name)
    setattr(standby, name, other)
    standby._timelines.clear()
    look()
    setattr(standby, name, right)
connections["replica"].close()
connections["replica"].settings_dict["PORT"] = "9"
look()
"""
WRITE = """
import django; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
from accounts.models import User
from tests.factories import remember
remember(User.objects.get(email='ada@example.org'), "Written after the promotion.")
"""


@dataclass(frozen=True)
class Pair:
    """A migrated database with one memory, without a web server, and its standby.

    query: returns one value of the standby. control: runs pg_ctl on it.
    """

    primary: Product
    home: Path
    query: Callable[[str], Any]
    control: Callable[..., None]

    def build_url(self, role: Role) -> str:
        password = EmbeddedPostgres(self.primary.home / "postgres").password(ROLES[role])
        return f"postgresql://{ROLES[role]}:{password}@/{APP_DATABASE}?host={self.home}&port={PORT}"

    def walk(self, *arguments: str) -> dict[str, Any]:
        """Read behind the standby in a process of its own; return what became of the reads."""
        output = self.primary.run("-m", "tests.standby_walk", *arguments, **self.variables)
        answer: dict[str, Any] = json.loads(output)
        return answer

    @property
    def variables(self) -> dict[str, str]:
        return {"DATABASE_REPLICA_URL": self.build_url(Role.WEB), "DJANGO_SETTINGS_MODULE": "picard.settings"}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with migrated_product(DJANGO_SETTINGS_MODULE="picard.settings") as primary:
        primary.run("-c", REMEMBER)
        with run_standby(primary) as started:
            yield started
        EmbeddedPostgres(primary.home / "postgres").stop()


# --- Reads, in this order: the last tests stop the standby and the primary -----------------------------------


def test_reads_on_the_standby_are_never_stale(pair: Pair) -> None:
    result = pair.walk()
    record("reads on a standby", tries=result["standby"], lost=0, what="stale reads")
    assert result["standby"] > 0
    assert result["failed"] == 0
    assert result["rows"][0] > 0, "row security gives each person their own rows there"
    assert result["rows"][1] == 0


def test_standby_that_is_behind_answers_nothing(pair: Pair) -> None:
    pair.query("select pg_wal_replay_pause()")
    wait_until(lambda: pair.query("select pg_get_wal_replay_pause_state()") == "paused")
    pair.primary.query("create table not_replayed as select 1 as number")
    try:
        result = pair.walk()
    finally:
        pair.query("select pg_wal_replay_resume()")
    assert (result["standby"], result["failed"]) == (0, 0)
    assert result["behind"] > 0


def test_reads_through_poolers_of_both_are_never_stale(pair: Pair) -> None:
    postgres = EmbeddedPostgres(pair.primary.home / "postgres")
    password = postgres.password(ROLES[Role.WEB])
    with ExitStack() as poolers:
        primary, replica = (
            poolers.enter_context(
                StandInPooler(make_conninfo(host=str(folder), port=PORT), {ROLES[Role.WEB]: password})
            )
            for folder in (postgres.socket_folder, pair.home)
        )
        url = f"postgresql://{ROLES[Role.WEB]}:{password}@127.0.0.1:{{port}}/{APP_DATABASE}"
        variables = {
            "DATABASE_URL": url.format(port=primary.port),
            "DATABASE_REPLICA_URL": url.format(port=replica.port),
            "DATABASE_POOLED": "1",
            "PUBLIC_URL": "http://127.0.0.1:8000",
            **read_keys(pair.primary),
        }
        result = json.loads(pair.primary.run("-m", "tests.standby_walk", **pair.variables | variables))
    assert (result["standby"] > 0, result["failed"]) == (True, 0)
    assert result["rows"][0] > result["rows"][1] == 0


def test_doctor_and_readiness_know_whether_it_is_fit(pair: Pair) -> None:
    lines = pair.primary.run("-c", REPORT, **pair.variables).splitlines()
    assert lines == ["200 ok ok", *["200 not used warn"] * 3]  # ready, since the primary answers


def test_dead_standby_costs_a_retry(pair: Pair, tmp_path: Path) -> None:
    is_dead = tmp_path / "dead"
    with pair.primary.popen("-m", "tests.standby_walk", "--until", str(is_dead), **pair.variables) as process:
        started = Path(f"{is_dead}.started")
        wait_until(lambda: started.exists() or process.poll() is not None)
        pair.control("-m", "immediate", "stop")
        is_dead.touch()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    result = json.loads(output)
    assert 0 < result["failed"] <= 4, "each thread once, then the primary for a while"
    pair.control("-l", pair.home / "log", "-o", f"-c unix_socket_directories={pair.home}", "start")


def test_standby_searches_follows_and_takes_over(pair: Pair) -> None:
    primary = pair.primary
    address = pair.build_url(Role.OWNER)
    variables = {"DATABASE_URL": address, "PUBLIC_URL": "http://127.0.0.1:8000", **read_keys(primary)}
    assert primary.run("-c", SEARCH, **variables) == FOUND
    primary.query("create table followed as select 7 as number")
    wait_until(lambda: pair.query("select to_regclass('followed') is not null"))
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        pair.query("create table refused as select 1")
    before = pair.query("select count(*) from memories_memory")
    EmbeddedPostgres(primary.home / "postgres").stop()
    pair.control("promote")
    primary.run("-c", WRITE, **variables)
    count = pair.query("select count(*) from memories_memory") - before
    record("a replica takes over", tries=1, lost=1 - count, what="memories lost")
    assert count == 1


@contextmanager
def run_standby(primary: Product) -> Iterator[Pair]:
    source = EmbeddedPostgres(primary.home / "postgres")
    with tempfile.TemporaryDirectory(prefix="picard-standby-") as folder:
        home = Path(folder)
        source.ensure_running()
        account = files.choose_account(source.home / "data")
        account.chown_path(home)
        binaries = files.prepare_installation(account, source.home) / "bin"
        conninfo = (
            f"host={source.socket_folder} port={PORT} user={SUPERUSER} password={source.password(SUPERUSER)}"
        )
        run_as(
            account,
            binaries / "pg_basebackup",
            "-D",
            home / "data",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-d",
            conninfo,
        )
        control = (account, binaries / "pg_ctl", "-D", home / "data", "-w")
        options = f"-c unix_socket_directories={home} -c hot_standby=on"
        run_as(*control, "-l", home / "log", "-o", options, "start")
        login = {"user": SUPERUSER, "password": source.password(SUPERUSER), "dbname": APP_DATABASE}

        def query_value(statement: str) -> Any:
            with psycopg.connect(host=str(home), port=PORT, **login) as connection:  # type: ignore[arg-type]
                cursor = connection.execute(statement.encode())
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

        try:
            yield Pair(primary, home, query_value, lambda *options: run_as(*control, *options))
        finally:
            run_as(*control, "-m", "immediate", "stop")


def run_as(account: files.Account, *command: str | Path) -> None:
    answer = account.run(*command)
    assert answer.exit_code == 0, answer.text


def read_keys(product: Product) -> dict[str, str]:
    """Return the keys that only a server with the embedded database reads from its home."""
    secret, keys = json.loads(product.run("-c", PRINT_KEYS))
    return {"SECRET_KEY": secret, "FIELD_ENCRYPTION_KEY": ",".join(keys)}
