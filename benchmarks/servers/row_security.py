"""Cost of row-level security: requests with it and without it, in turns on one database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import orjson
from django.db import connection
from django.test import Client

from benchmarks import corpus, databases
from benchmarks.clock import Times, build_times
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from benchmarks.servers.measured_requests import connect_app, send_request, time_calls
from core.db import cursors
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role, connected_as
from memories.index import spaces
from memories.index.languages import get_default_language

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
    token = connect_app(person)
    client = Client()
    client.force_login(person.user)
    session = f"{client.cookies.output(header='', sep=';').split(';')[0].strip()}"
    queries = [" ".join(random.choice(text.rstrip(".").split(), 3)) for text in person.texts[:100]]

    def search(call: int) -> object:
        body = orjson.dumps({"query": queries[call % len(queries)]})
        return send_request("POST", "/api/v1/memories/search/", body, authorization=f"Bearer {token}")

    return {
        "list": lambda _: send_request("GET", "/api/v1/memories/", authorization=f"Bearer {token}"),
        "search": search,
        "list page": lambda _: send_request("GET", "/memories/", cookie=session),
        "search page": lambda call: send_request(
            "GET", "/memories/", query=f"q={queries[call % len(queries)].replace(' ', '+')}", cookie=session
        ),
    }


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
                    ms, cpu_ms = time_calls(request, turn * sizes.calls, sizes.calls)
                    if turn:
                        wall.setdefault((name, how), []).extend(ms)
                        cpu[name, how] = cpu.get((name, how), 0.0) + cpu_ms
    count = sizes.rounds * sizes.calls
    return {key: Cost(build_times(ms), cpu[key] / count) for key, ms in wall.items()}


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
