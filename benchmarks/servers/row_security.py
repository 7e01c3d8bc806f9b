"""Cost of row-level security: requests with it and without it, in turns on one database."""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import numpy as np
import orjson
import psutil
from django.db import connection
from django.test import Client

from benchmarks import corpus, databases
from benchmarks.clock import Times, build_times
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from core.db import cursors
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role, connected_as
from memories import scopes
from memories.index import spaces
from memories.index.languages import get_default_language
from oauth.access import grants
from oauth.registration import manual as manual_registration
from oauth.tokens.families import AccessToken, new_access_token
from picard.server.wsgi import build_environ, run_application

SEED = 20_242
MAX_SLOWDOWN = 1.08
WITH, WITHOUT = "with", "without"
PROTECTED = "select relname from pg_class where relforcerowsecurity"


@dataclass(frozen=True)
class Sizes:
    own: int = 5_000  # memories of the one who asks
    others: int = 5
    others_each: int = 1_000
    rounds: int = 30
    calls: int = 5
    vacuum_timeout_s: float = 60


QUICK = Sizes(own=200, others=2, others_each=100, rounds=1, calls=2, vacuum_timeout_s=1)


@dataclass(frozen=True)
class Cost:
    """Of a request: seconds on the clock, and of CPU in this process and in PostgreSQL's."""

    wall: Times
    cpu_ms: float


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    sizes, random = QUICK if quick else Sizes(), np.random.default_rng(SEED)
    report = Report("Row-level security")
    log_progress("creating users and memories")
    person = corpus.create_owner("asker", sizes.own, random)
    others = [
        corpus.create_owner(f"other-{index}", sizes.others_each, random) for index in range(sizes.others)
    ]
    spaces.get_space(get_default_language())
    corpus.write_corpus([person, *others], "picard", random)
    if databases.wait_for_autovacuum([person.user.pk], sizes.vacuum_timeout_s) is None:
        report.notes.append(f"Autovacuum did not finish within {sizes.vacuum_timeout_s:.0f} s.")
    requests = _build_requests(person, random)
    with acting_as(NOBODY):
        costs = _measure(requests, sizes, log_progress)
    _report_costs(report, requests, costs)
    return report


def _build_requests(person: CorpusOwner, random: "np.random.Generator") -> dict[str, Callable[[int], object]]:
    token = _connect_app(person)
    client = Client()
    client.force_login(person.user)
    session = f"{client.cookies.output(header='', sep=';').split(';')[0].strip()}"
    queries = [" ".join(random.choice(text.rstrip(".").split(), 3)) for text in person.texts[:100]]

    def search(call: int) -> object:
        body = orjson.dumps({"query": queries[call % len(queries)]})
        return _request("POST", "/api/v1/memories/search/", body, authorization=f"Bearer {token}")

    return {
        "list": lambda _: _request("GET", "/api/v1/memories/", authorization=f"Bearer {token}"),
        "search": search,
        "list page": lambda _: _request("GET", "/memories/", cookie=session),
        "search page": lambda call: _request(
            "GET", "/memories/", query=f"q={queries[call % len(queries)].replace(' ', '+')}", cookie=session
        ),
    }


def _connect_app(person: CorpusOwner) -> str:
    from django.conf import settings
    from django.utils import timezone

    app = manual_registration.register_app(
        name="Measured", redirect_uris=["https://app.example.org/"]
    ).application
    granted = frozenset({scopes.READ})
    grants.grant_access(person.user, app, grants.GrantOptions(granted))
    token = new_access_token(None)
    row = AccessToken(
        user=person.user,
        application=app,
        scope=scopes.READ,
        resource=[f"{settings.PUBLIC_URL}/api"],
        expires=timezone.now() + timedelta(hours=12),
    )
    row._raw_token = token
    AccessToken.objects.bulk_create([row])
    return token


def _request(method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> bytes:
    """Serve a request as a thread of the gateway does. Raises RuntimeError unless the response is a 200."""
    from picard.wsgi import application

    fields = {"host": "127.0.0.1:8000", "content-type": "application/json", **headers}
    scope = {
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }
    response = run_application(application, build_environ(scope, io.BytesIO(body), len(body)))
    content = response.body.read()
    if response.status != 200:
        raise RuntimeError(f"{method} {path} returned {response.status}: {content[:200]!r}")
    return content


def _measure(
    requests: Mapping[str, Callable[[int], object]], sizes: Sizes, log_progress: Callable[[str], None]
) -> dict[tuple[str, str], Cost]:
    """Measure each request, in turns with and without. A first round warms up."""
    wall: dict[tuple[str, str], list[float]] = {}
    cpu: dict[tuple[str, str], float] = {}
    for turn in range(sizes.rounds + 1):
        log_progress(f"round {turn} of {sizes.rounds}")
        for how in (WITH, WITHOUT) if turn % 2 else (WITHOUT, WITH):
            with _row_security(how), connected_as(Role.WEB):
                for name, request in requests.items():
                    for call in range(2):  # the plans are made anew
                        request(call)
                    ms, cpu_ms = _time_calls(request, turn * sizes.calls, sizes.calls)
                    if turn:
                        wall.setdefault((name, how), []).extend(ms)
                        cpu[name, how] = cpu.get((name, how), 0.0) + cpu_ms
    count = sizes.rounds * sizes.calls
    return {key: Cost(build_times(ms), cpu[key] / count) for key, ms in wall.items()}


def _time_calls(request: Callable[[int], object], first: int, calls: int) -> tuple[list[float], float]:
    server = psutil.Process(connection.connection.info.backend_pid)
    wall, before = [], time.process_time() + _read_cpu_s(server)
    for call in range(first, first + calls):
        started_at = time.perf_counter()
        request(call)
        wall.append((time.perf_counter() - started_at) * 1000)
    return wall, (time.process_time() + _read_cpu_s(server) - before) * 1000


def _read_cpu_s(process: psutil.Process) -> float:
    """Return the CPU time to the nanosecond, where Linux tells it; psutil counts hundredths of a second."""
    try:
        with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    except OSError:
        times = process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _row_security(how: str) -> Iterator[None]:
    """Turn row-level security and what it sends off in the block, or leave it."""
    if how == WITH:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(PROTECTED)
        tables = [table for (table,) in cursor.fetchall()]
        for table in tables:
            cursor.execute(f"alter table {table} disable row level security")
    try:
        with mock.patch.object(cursors, "find_unsent", return_value=None):
            yield
    finally:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"alter table {table} enable row level security")


def _report_costs(report: Report, names: Mapping[str, Any], costs: Mapping[tuple[str, str], Cost]) -> None:
    table = report.add_table(
        "Requests in milliseconds", "request", "median", "without", "CPU", "CPU without", "CPU, times"
    )
    for name in names:
        protected, plain = costs[name, WITH], costs[name, WITHOUT]
        ratio = protected.cpu_ms / plain.cpu_ms
        row = (protected.wall.p50, plain.wall.p50, protected.cpu_ms, plain.cpu_ms, ratio)
        table.rows.append((name, *(f"{figure:.3g}" for figure in row)))
        report.add_bar(f"{name}: CPU with row-level security", ratio, MAX_SLOWDOWN, " times")
        report.add_bar(f"{name}: median", protected.wall.p50 / plain.wall.p50, MAX_SLOWDOWN, " times")
