"""Behind a pooler of transactions: everything works, nothing of one person reaches another, an unfit one is refused.

With the environment variable PICARD_PGBOUNCER, the path of its program, a real PgBouncer is tried as well.
"""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Barrier, Event
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import (
    DatabaseError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
    transaction,
)
from django.db.backends.signals import connection_created
from psycopg.conninfo import make_conninfo

from core.db import time_limits
from core.db.cancellation import CancellableWork
from core.db.cursors import PreparedCursor
from core.db.prepared import fetch_prepared
from core.db.principal import NOBODY, Principal, acting_as
from core.db.roles import Role
from core.db.session_settings import mark_pooled
from core.db.time_limits import limit_statements, long_transaction
from memories.models import Memory
from picard.database import pooler as pooler_check
from picard.database.pooler import UnfitPooler
from picard.observability import doctor, health
from picard.observability.smoke import SmokeTest, run_smoke_test
from picard.postgres.manager import PORT, ROLES, EmbeddedPostgres
from tests.chaos.people import Person
from tests.chaos.report import IS_LONG, record
from tests.factories import make_person, remember
from tests.picard.database import pgbouncer
from tests.picard.database.stand_in_pooler import StandInPooler
from tests.processes import database_url, run, serving

pytestmark = pytest.mark.slow

# 216 requests at length (`make prove`), or with a real PgBouncer.
PEOPLE, ROUNDS = 6, 6 if IS_LONG or pgbouncer.PROGRAM else 2
THREADS, TURNS = 8, 40
METRICS_TOKEN = "m" * 32
OWN_TEXTS = "select id from memories_memory order by id"
SHOW = "select current_setting('picard.owner', true), current_setting('statement_timeout')"


@dataclass(frozen=True)
class Pooler:
    port: int
    stand_in: StandInPooler | None

    def url(self, role: Role) -> str:
        user, database = ROLES[role], quote(str(connection.settings_dict["NAME"]))
        return f"postgresql://{user}:{get_passwords()[user]}@127.0.0.1:{self.port}/{database}"

    def variables(self) -> dict[str, str]:
        """Return the environment of a server that is behind this pooler."""
        return {
            "DATABASE_URL": self.url(Role.WEB),
            "SYSTEM_DATABASE_URL": self.url(Role.SYSTEM),
            "MIGRATE_DATABASE_URL": self.url(Role.OWNER),
            "DATABASE_DIRECT_URL": database_url(Role.WEB),
            "DATABASE_POOLED": "1",
        }

    def login(self) -> dict[str, Any]:
        user = ROLES[Role.WEB]
        login = {"USER": user, "PASSWORD": get_passwords()[user], "HOST": "127.0.0.1", "PORT": str(self.port)}
        return login | {"NAME": str(connection.settings_dict["NAME"]), "OPTIONS": {}, "POOLED": True}


def get_server() -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.PICARD_HOME / "postgres")


def get_passwords() -> dict[str, str]:
    return {user: get_server().password(user) for user in ROLES.values()}


@contextmanager
def stand_in(**options: Any) -> Iterator[Pooler]:
    conninfo = make_conninfo(host=str(get_server().socket_folder), port=PORT)
    with StandInPooler(conninfo, get_passwords(), **options) as server:
        yield Pooler(server.port, server)


@pytest.fixture(scope="module", params=["stand-in", "PgBouncer"])
def pooler(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[Pooler]:
    if request.param == "stand-in":
        with stand_in() as started:
            yield started
        return
    require_pgbouncer()
    if pgbouncer.get_version() < pgbouncer.KEEPS_STATEMENTS:
        pytest.skip("this PgBouncer is too old, which another test sees")
    with pgbouncer.running_pgbouncer(get_server(), get_passwords()) as port:
        yield Pooler(port, None)


@pytest.fixture(scope="module")
def _site(pooler: Pooler) -> Iterator[str]:
    with serving(WEB_WORKERS="2", METRICS_TOKEN=METRICS_TOKEN, **pooler.variables()) as address:
        yield address


@pytest.fixture
def site(_site: str, shared_db: None) -> str:
    return _site


def require_pgbouncer() -> None:
    if not pgbouncer.PROGRAM:
        pytest.skip("PICARD_PGBOUNCER names no program")


# --- A server behind it -----------------------------------------------------------------------------------


def test_smoke_test_passes(site: str) -> None:
    lines: list[str] = []
    test = SmokeTest(site)
    try:
        assert run_smoke_test(test, lines.append), lines[-1]
    finally:
        test.close()
    assert len(lines) == len(test.list_steps())


def test_metrics_and_backlog_are_counted_as_the_system(site: str) -> None:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    for path, count in (("/metrics", "picard_people"), ("/readyz", "backlog")):
        answer = httpx.get(f"{site}{path}", headers=headers, timeout=30)
        assert (answer.status_code, count in answer.text) == (200, True)


def test_six_people_at_once_are_all_answered(site: str, pooler: Pooler) -> None:
    people = [Person(site, f"person{number}") for number in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as threads:
        list(threads.map(Person.sign_up, people))
        statuses = [status for own in threads.map(make_requests, people) for status in own]
    for person in people:
        person._browser.close()
    good = sum(200 <= status < 300 for status in statuses)
    record("requests behind a pooler", tries=len(statuses), lost=len(statuses) - good, what="requests failed")
    assert (good, len(statuses)) == (PEOPLE * ROUNDS * 6,) * 2, statuses
    if pooler.stand_in:
        assert any(len(sessions) > 1 for sessions in pooler.stand_in.sessions_used.values())


def make_requests(person: Person) -> list[int]:
    """Create, list, search, open, change and delete memories; return the status of each request."""
    statuses = []

    def call(method: str, path: str, body: Any = None) -> Any:
        headers = {"X-CSRFToken": person._token}
        answer = person._browser.request(method, path, json=body, headers=headers)
        statuses.append(answer.status_code)
        return answer

    for number in range(ROUNDS):
        text = f"{person.name} planted tree {number}."
        created = call("POST", "/api/v1/memories/", {"text": text, "tags": ["garden"]}).json()
        own = f"/api/v1/memories/{created['id']}/"
        texts = [each["text"] for each in call("GET", "/api/v1/memories/").json()["results"]]
        assert text in texts
        assert all(each.startswith(person.name) for each in texts), texts
        found = call("POST", "/api/v1/memories/search/", {"query": "planted tree"}).text
        assert text in found
        call("GET", f"/memories/?q=tree+{number}")
        call("PATCH", own, {"text": f"{text} It grows."})
        call("DELETE", own)
    return statuses


# --- Statements in this process ---------------------------------------------------------------------------


@pytest.fixture
def threads(pooler: Pooler, shared_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    """Threads whose connections go through the pooler, in the role of the web server."""
    default = settings.DATABASES["default"]
    logins = dict.fromkeys(Role, pooler.login())
    monkeypatch.setitem(settings.DATABASES, "default", {**default, "LOGINS": logins, "EMBEDDED_HOME": None})
    monkeypatch.setattr(time_limits, "_limit_s", 0.0)  # restores it
    limit_statements(0.4)
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool
        all_of_them = Barrier(THREADS)
        list(pool.map(lambda _: close_together(all_of_them), range(THREADS)))
    connection_created.disconnect(dispatch_uid=time_limits.__name__)


def close_together(threads: Barrier) -> None:
    threads.wait(30)
    connections.close_all()


def select(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_each_person_reads_only_their_own(threads: ThreadPoolExecutor) -> None:
    own: dict[UUID | None, list[UUID]] = {None: []}
    for name in ("ada", "bob", "carol"):
        person = make_person(name)
        own[person.pk] = [remember(person, f"{name} has a secret.").pk]

    def take_turns(seed: int) -> None:
        turn = random.Random(seed)
        with acting_as(NOBODY):
            for _ in range(TURNS):
                close_old_connections()
                owner = turn.choice(list(own))
                with acting_as(Principal(owner)):
                    turn.choice(WAYS)(own[owner])
        connections.close_all()

    list(threads.map(take_turns, range(THREADS)))


def read_by_text(expected: list[Any]) -> None:
    assert [row[0] for row in select(OWN_TEXTS)] == expected


def read_prepared(expected: list[Any]) -> None:
    assert [row[0] for row in fetch_prepared(OWN_TEXTS, [])] == expected


def read_by_cursor(expected: list[Any]) -> None:
    assert list(Memory.objects.values_list("pk", flat=True).iterator(chunk_size=1)) == expected
    with transaction.atomic():
        assert list(Memory.objects.values_list("pk", flat=True).iterator(chunk_size=1)) == expected


def fail_in_transaction(expected: list[Any]) -> None:
    with suppress(DatabaseError), transaction.atomic():
        read_prepared(expected)
        with suppress(DatabaseError), transaction.atomic():
            select("select 1 / 0")
        with acting_as(NOBODY):
            read_prepared([])
        read_by_text(expected)
        select("select nothing")
    read_prepared(expected)


def fail_prepared(expected: list[Any]) -> None:
    with pytest.raises(DatabaseError):
        fetch_prepared("select id, 1 / (length(%s) - 1) from memories_memory union select null, 1 / 0", ["x"])
    read_by_text(expected)


def time_out(expected: list[Any]) -> None:
    with pytest.raises(OperationalError):
        select("select pg_sleep(5)")
    read_prepared(expected)


def leave_in_transaction(expected: list[Any]) -> None:
    """A thread that loses its connection leaves a session in which a transaction has begun."""
    with suppress(DatabaseError), transaction.atomic():
        read_by_text(expected)
        connection.connection.close()
        select("select 1")
    close_old_connections()


WAYS: tuple[Callable[[list[Any]], None], ...] = (
    *(read_by_text, read_prepared, read_by_cursor) * 3,
    *(fail_in_transaction, fail_prepared, leave_in_transaction) * 2,
    time_out,
)  # fmt: skip


def test_settings_hold_in_each_transaction_and_none_stays(
    threads: ThreadPoolExecutor, pooler: Pooler
) -> None:
    owner = make_person("ada").pk

    def check() -> None:
        with acting_as(Principal(owner)):
            for _ in range(10):
                assert select(SHOW) == fetch_prepared(SHOW, []) == [(str(owner), "400ms")]
                assert fetch_prepared("select current_setting('plan_cache_mode')", []) == [
                    ("force_generic_plan",)
                ]
            with long_transaction():
                assert select("show statement_timeout") == [("2min",)]
            assert select("show statement_timeout") == [("400ms",)]
        with acting_as(NOBODY):
            assert fetch_prepared(SHOW, []) == [("", "400ms")]
            with pytest.raises(OperationalError):
                fetch_prepared("select pg_sleep(5)", [])

    list(threads.map(lambda _: check(), range(THREADS)))
    with psycopg.connect(pooler.url(Role.WEB), autocommit=True) as other:
        for _ in range(10):
            owner_left, timeout = other.execute(SHOW).fetchone() or ()
            assert (owner_left or "", timeout) == ("", "0")


def test_what_another_client_leaves_in_a_session_gives_no_rights(
    threads: ThreadPoolExecutor, pooler: Pooler
) -> None:
    ada = make_person("ada")
    remember(ada, "A secret.")
    with psycopg.connect(pooler.url(Role.WEB), autocommit=True) as careless:
        for _ in range(4):
            careless.execute(f"set picard.owner = '{ada.pk}'")
        seen = list(threads.map(lambda _: read_as_nobody(), range(THREADS)))
        for _ in range(8):
            careless.execute("reset picard.owner")
    assert seen == [[]] * THREADS


def read_as_nobody() -> list[Any]:
    with acting_as(NOBODY):
        return [*select(OWN_TEXTS), *fetch_prepared(OWN_TEXTS, [])]


def test_cancellation_ends_the_statement_of_one_client_alone(threads: ThreadPoolExecutor) -> None:
    limit_statements(60)
    is_over = Event()

    def leave() -> int:
        """Let the clients of ten requests disconnect."""
        for _ in range(10):
            work = CancellableWork(may_write=False)
            request = threads.submit(work.run, lambda: select("select pg_sleep(60)"))
            work.abandon()
            while not request.done():
                work.cancel_statement()
                is_over.wait(0.01)
            with pytest.raises(OperationalError):
                request.result()
            close = threads.submit(close_old_connections)
            close.result()
        return 10

    def stay() -> int:
        count = 0
        while not is_over.is_set():
            assert fetch_prepared("select 1", []) == [(1,)]
            count += 1
        return count

    others = [threads.submit(stay) for _ in range(THREADS - 2)]
    assert leave() == 10
    is_over.set()
    assert all(other.result() > 0 for other in others)


def test_statements_survive_a_rollback(threads: ThreadPoolExecutor) -> None:
    def repeat(number: int) -> None:
        for _ in range(20):
            if number % 2:
                with suppress(DatabaseError), transaction.atomic():
                    select("select nothing")
            assert fetch_prepared("select 1", []) == [(1,)]

    list(threads.map(repeat, range(THREADS)))


def test_sessions_of_before_a_migration_serve_the_release_after_it(pooler: Pooler, shared_db: None) -> None:
    table, url = "changed_by_a_migration", pooler.url(Role.WEB)
    with psycopg.connect(database_url(Role.OWNER), autocommit=True) as owner:
        owner.execute(f"create table {table} (number int)")
        owner.execute(f"grant select on {table} to {ROLES[Role.WEB]}")
        try:
            for release, type_name in (("before", "int4"), ("after", "int8")):
                with psycopg.connect(url, autocommit=True) as raw:
                    mark_pooled(raw, release)
                    for _ in range(8):
                        found = PreparedCursor(raw).execute(f"select number from {table}").description
                        assert found[0].type_display == type_name
                owner.execute(f"alter table {table} alter number type bigint")
        finally:
            owner.execute(f"drop table {table}")


# --- What is refused --------------------------------------------------------------------------------------


@pytest.fixture
def old_pooler(django_db_setup: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pooler]:
    """A pooler as PgBouncer was before 1.21."""
    monkeypatch.setattr(pooler_check, "_checked_at", -pooler_check.CHECKED_FOR_S)
    with stand_in(keeps_statements=False) as started:
        settings.DATABASE_POOLER, settings.DATABASE_POOLED = started.login(), True
        yield started


@pytest.mark.django_db
def test_pooler_that_loses_statements_is_not_ready_and_the_doctor_says_what_to_do(old_pooler: Pooler) -> None:
    with pytest.raises(UnfitPooler):
        health.check_pooler()
    state, said, hint = doctor.check_pooler()
    assert (state, said) == (doctor.State.FAIL, "127.0.0.1: picard.E034")
    assert "PgBouncer 1.21" in hint


@pytest.mark.django_db
def test_web_server_does_not_start_behind_it(old_pooler: Pooler) -> None:
    process = run("-c", "import picard.wsgi", **old_pooler.variables())
    assert process.returncode == 1
    assert "picard.E034: The pooler of DATABASE_URL loses prepared statements" in process.stderr


def test_good_pooler_is_ready(pooler: Pooler, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler_check, "_checked_at", -pooler_check.CHECKED_FOR_S)
    settings.DATABASE_POOLER, settings.DATABASE_POOLED = pooler.login(), True
    assert health.check_pooler()
    assert doctor.check_pooler()[0] == doctor.State.OK


@pytest.mark.django_db
def test_old_pgbouncer_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    require_pgbouncer()
    if pgbouncer.get_version() >= pgbouncer.KEEPS_STATEMENTS:
        pytest.skip("this PgBouncer is new enough")
    monkeypatch.setattr(pooler_check, "_checked_at", -pooler_check.CHECKED_FOR_S)
    with pgbouncer.running_pgbouncer(get_server(), get_passwords()) as port:
        settings.DATABASE_POOLER, settings.DATABASE_POOLED = Pooler(port, None).login(), True
        with pytest.raises(UnfitPooler):
            health.check_pooler()


@pytest.mark.parametrize("command", ["worker", "migrate", "backup"])
def test_command_without_the_direct_url_is_refused(command: str, django_db_setup: None) -> None:
    process = run("manage.py", command, DATABASE_POOLED="1")
    assert process.returncode == 1
    assert "picard.E033: DATABASE_POOLED is set, but DATABASE_DIRECT_URL is missing." in process.stderr
