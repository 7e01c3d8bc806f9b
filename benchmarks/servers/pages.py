"""CPU time of each page of the demo, in this process and in PostgreSQL's, and requests per second of the web server."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from accounts.models import User
from benchmarks.clients import Target, send_requests
from benchmarks.clock import build_times
from benchmarks.report import Report
from benchmarks.servers import processes
from benchmarks.servers.measured_requests import create_session_cookie, send_request, time_calls
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role, connected_as
from memories.jobs import indexer
from memories.models import Memory
from picard.demo.seed import fill_database
from picard.management.commands.up import has_stale_static_files

LIST, LIGHT, FRONT, HEALTH = 8.0, 3.0, 1.5, 0.4  # ms of CPU
LIMITS = {
    "/memories/": LIST,
    "/memories/ask/": LIGHT,
    "/accounts/": LIGHT,
    "/connect/": LIGHT,
    "/": FRONT,
    "/healthz": HEALTH,
}
OTHERS = (
    "/memories/?q=knee",
    "/memories/{memory}/",
    "/memories/tags/",
    "/memories/trash/",
    "/memories/review/",
    "/memories/import/",
    "/memories/insights/",
    "/memories/context/",
    "/accounts/apps/",
    "/accounts/profile/",
    "/help/",
)
ANONYMOUS = ("/", "/healthz")


@dataclass(frozen=True)
class Sizes:
    calls: int = 100
    connections: tuple[int, ...] = (1, 8)
    seconds: float = 3


QUICK = Sizes(calls=1, connections=(2,), seconds=0.02)


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    sizes = QUICK if quick else Sizes()
    report = Report("Pages")
    log_progress("creating the demo")
    person, _password = fill_database()
    while indexer.process_batch(worker=0):
        log_progress("indexing")
    if has_stale_static_files():
        call_command("collectstatic", interactive=False, verbosity=0)
    cookie = create_session_cookie(person)
    _measure_cpu(report, sizes, person, cookie, log_progress)
    connections.close_all()
    log_progress("sending requests to the web server")
    _measure_server(report, sizes, cookie)
    return report


def _measure_cpu(
    report: Report, sizes: Sizes, person: User, cookie: str, log_progress: Callable[[str], None]
) -> None:
    table = report.add_table(
        "Pages of the demo, milliseconds", "page", "median", "p99", "CPU", "statements", "kB of HTML"
    )
    newest = Memory.objects.filter(owner=person, deleted_at=None).latest("created_at")
    with acting_as(NOBODY), connected_as(Role.WEB):
        for path in (*LIMITS, *OTHERS):
            log_progress(path)
            request = _build_request(path.format(memory=newest.pk), "" if path in ANONYMOUS else cookie)
            for call in range(3):  # connects, and compiles the templates
                request(call)
            statements: list[str] = []
            with connection.execute_wrapper(_build_counter(statements)):
                size = len(request(0)) / 1000
            ms, cpu_ms = time_calls(request, 0, sizes.calls)
            times, each = build_times(ms), cpu_ms / sizes.calls
            figures = (f"{figure:.3g}" for figure in (times.p50, times.p99, each))
            table.rows.append((path, *figures, len(statements), f"{size:.3g}"))
            if path in LIMITS:
                report.add_bar(f"{path}: CPU", each, LIMITS[path], " ms")


def _build_counter(statements: list[str]) -> Callable[..., Any]:
    """Return a wrapper of statements that lists them, as Django's own list is emptied by each request."""

    def count(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        statements.append(sql)
        return execute(sql, *args)

    return count


def _build_request(url: str, cookie: str) -> Callable[[int], bytes]:
    path, _separator, query = url.partition("?")
    if not cookie:
        return lambda _call: send_request("GET", path, query=query)
    return lambda _call: send_request("GET", path, query=query, cookie=cookie)


def _measure_server(report: Report, sizes: Sizes, cookie: str) -> None:
    table = report.add_table(
        "Requests per second of the web server", "page", *(f"{n} connections" for n in sizes.connections)
    )
    with ExitStack() as stack:
        port = processes.find_free_port()
        log = settings.PICARD_HOME / "pages.log"
        command = processes.build_gateway_command()
        stack.enter_context(processes.run_server("pages", command, port, log))
        for path in LIMITS:
            target = Target(port, path, 200, "" if path in ANONYMOUS else cookie)
            asyncio.run(send_requests(target, connections=8, seconds=min(1, sizes.seconds), patience_s=60))
            rates = [
                asyncio.run(
                    send_requests(target, connections=count, seconds=sizes.seconds)
                ).requests_per_second
                for count in sizes.connections
            ]
            table.rows.append((path, *rates))
