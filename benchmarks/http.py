"""Web server: the front server compared to gunicorn's gthread, slow clients, and oversized uploads."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from benchmarks import api, clients, corpus, oauth
from benchmarks.clients import Load, Requests, Target
from benchmarks.clock import CALLS, FEW_CALLS, build_times
from benchmarks.report import Report
from benchmarks.servers import processes
from benchmarks.servers.measured_requests import create_session_cookie
from benchmarks.servers.processes import WebServer
from picard.management.commands.up import has_stale_static_files

SEED = 20_242
FRONT, GTHREAD, STOCK = "front", "gthread", "stock"
COMPARED_CONNECTIONS = 32  # connections at which the servers are compared
SLOW = 30
OTHER_CONNECTIONS = 8  # during the slow ones
WARM_UP_S = 1.0
FIRST_ANSWER_S = 60.0
STALLED_S = 1.0
SLOW_PAGE = "plain"


@dataclass(frozen=True)
class Sizes:
    memories: int = 2_000  # of each user
    people: int = 8  # who send the API requests
    connections: tuple[int, ...] = (1, 8, COMPARED_CONNECTIONS)
    target_connections: int = COMPARED_CONNECTIONS
    rounds: int = 4
    seconds: float = 1.5  # per round
    slow_s: float = 6
    upload_bytes: int = 1_000_000_000
    cpu_rounds: int = oauth.ROUNDS
    cpu_calls: int = CALLS


QUICK = Sizes(
    memories=20,
    people=2,
    connections=(2,),
    target_connections=2,
    rounds=1,
    seconds=0.02,
    slow_s=0.1,
    upload_bytes=11_000_000,
    cpu_rounds=1,
    cpu_calls=FEW_CALLS,
)
PAGES = ("plain", "landing", "memory list", "search page")
LoadResults = dict[tuple[str, int, str], Load]  # page, connections, server


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:

    sizes = QUICK if quick else Sizes()
    report = Report("Web server")
    people = [create_reader(sizes.memories, f"reader{number}") for number in range(sizes.people)]
    person = people[0]
    cookie = create_session_cookie(person.user)
    connections.close_all()
    with ExitStack() as stack:
        log_progress("starting both servers")
        front, gthread = (_start_server(stack, name) for name in (FRONT, GTHREAD))
        asyncio.run(_measure_servers(report, sizes, front, gthread, cookie, log_progress))
    with ExitStack() as stack:
        log_progress("sending API requests")
        ports = {api.API: _start_server(stack, FRONT).port, api.STOCK: _start_server(stack, STOCK).port}
        targets = api.build_targets(ports, people)
        connections.close_all()
        asyncio.run(_measure_api(report, sizes, targets))
    log_progress("measuring CPU time")
    oauth.report_cpu_costs(report, person, rounds=sizes.cpu_rounds, calls=sizes.cpu_calls)
    report.notes.append(
        f"{settings.WEB_WORKERS} workers with {settings.WEB_THREADS} threads each. Both servers run at the same time "
        "and are called in turns over persistent connections; the client runs on the same cores. plain: an anonymous "
        "user is redirected to the log-in page. search page: includes embedding the query. One user requests pages, "
        "and may use one thread while they use much; several in turn send the API requests."
    )
    return report


def create_reader(memories: int, name: str = "reader") -> corpus.CorpusOwner:
    """Create a user with memories, and the static files that pages need."""
    import numpy as np

    person = corpus.create_owner(name, memories, np.random.default_rng(SEED))
    corpus.write_corpus([person], "picard", np.random.default_rng(SEED))
    if has_stale_static_files():
        call_command("collectstatic", interactive=False, verbosity=0)
    return person


def _start_server(stack: ExitStack, name: str) -> WebServer:
    port = processes.find_free_port()
    command = {
        FRONT: processes.build_gateway_command,
        GTHREAD: processes.build_gthread_command,
        STOCK: processes.build_stock_command,
    }[name]()
    return stack.enter_context(
        processes.run_server(name, command, port, settings.PICARD_HOME / f"{name}.log")
    )


def _build_target(server: WebServer, page: str, cookie: str) -> Target:
    return {
        "plain": Target(server.port, "/memories/", 302),
        "landing": Target(server.port, "/"),
        "memory list": Target(server.port, "/memories/", 200, cookie),
        "search page": Target(server.port, "/memories/?q=which+river+did+the+old+boat+cross", 200, cookie),
    }[page]


async def _measure_servers(
    report: Report,
    sizes: Sizes,
    front: WebServer,
    gthread: WebServer,
    cookie: str,
    log_progress: Callable[[str], None],
) -> None:
    measured: LoadResults = {}
    for page in PAGES:
        if page == "search page":
            mb_before = front.measure_worker_mb()
        log_progress(f"requesting: {page}")
        targets = {server.name: _build_target(server, page, cookie) for server in (front, gthread)}
        for target in targets.values():
            await _warm_up(target, sizes)
        for count in sizes.connections:
            for name, load in (await _measure_in_turns(targets, count, sizes)).items():
                measured[page, count, name] = load
    _report_pages(report, measured, sizes)
    _report_memory_use(report, mb_before, front.measure_worker_mb())
    log_progress("slow clients")
    for server in (front, gthread):
        await _report_slow_clients(report, server, _build_target(server, SLOW_PAGE, cookie), sizes)
    log_progress("a large upload")
    await _report_uploads(report, front, sizes)


async def _measure_api(report: Report, sizes: Sizes, targets: Mapping[str, Requests]) -> None:
    measured: api.LoadResults = {}
    for target in targets.values():
        await _warm_up(target, sizes)
    for count in sizes.connections:
        for operation, load in (await _measure_in_turns(targets, count, sizes)).items():
            measured[operation, count] = load
    api.report_api_load(report, measured, sizes.connections)


async def _warm_up(target: Requests, sizes: Sizes) -> None:
    """Make every worker respond; the first search loads the model."""
    seconds = min(WARM_UP_S, sizes.seconds)
    await clients.send_requests(
        target, connections=sizes.target_connections, seconds=seconds, patience_s=FIRST_ANSWER_S
    )


async def _measure_in_turns(targets: Mapping[str, Requests], count: int, sizes: Sizes) -> dict[str, Load]:
    loads = {name: Load() for name in targets}
    for turn in range(sizes.rounds):
        for name in list(targets) if turn % 2 == 0 else list(targets)[::-1]:
            loads[name].add(
                await clients.send_requests(targets[name], connections=count, seconds=sizes.seconds)
            )
    return loads


def _report_pages(report: Report, measured: LoadResults, sizes: Sizes) -> None:
    table = report.add_table(
        "Requests per second, and ms p50 / p99", "page", "connections", FRONT, GTHREAD, "ratio",
        f"{FRONT}, ms", f"{GTHREAD}, ms", "errors",
    )  # fmt: skip
    for page in PAGES:
        for count in sizes.connections:
            front_load, gthread_load = (measured[page, count, name] for name in (FRONT, GTHREAD))
            ratio = (
                front_load.requests_per_second / gthread_load.requests_per_second
                if gthread_load.ms
                else float("nan")
            )
            row = (
                page,
                count,
                front_load.requests_per_second,
                gthread_load.requests_per_second,
                ratio,
                _format_latency(front_load),
                _format_latency(gthread_load),
            )
            table.rows.append((*row, front_load.errors + gthread_load.errors))
            if count == sizes.target_connections:
                report.add_bar(
                    f"{page}, {count} connections: requests/s relative to gthread",
                    ratio,
                    0.9,
                    " ×",
                    at_least=True,
                )


def _format_latency(load: Load) -> str:
    times = build_times(load.ms)
    return f"{times.p50:.3g} / {times.p99:.3g}"


def _report_memory_use(report: Report, before: float, after: float) -> None:
    table = report.add_table("Resident memory of the largest web worker, MB", "before a search", "after")
    table.rows.append((before, after))
    report.add_bar("a web worker before its first search", before, 150, " MB")


async def _report_slow_clients(report: Report, server: WebServer, target: Target, sizes: Sizes) -> None:
    baseline = await clients.send_requests(target, connections=OTHER_CONNECTIONS, seconds=sizes.slow_s / 2)
    async with clients.run_slow_clients(server.port, SLOW):
        during = await clients.send_requests(
            target, connections=OTHER_CONNECTIONS, seconds=sizes.slow_s, patience_s=STALLED_S
        )
    baseline.add(await clients.send_requests(target, connections=OTHER_CONNECTIONS, seconds=sizes.slow_s / 2))
    title = f"During {SLOW} slow connections: {SLOW_PAGE}, {OTHER_CONNECTIONS} connections"
    table = next((table for table in report.tables if table.title == title), None) or report.add_table(
        title, "server", "requests per second without", "with", "ms without", "ms with"
    )
    table.rows.append(
        (
            server.name,
            baseline.requests_per_second,
            during.requests_per_second,
            _format_latency(baseline),
            _format_latency(during),
        )
    )
    if server.name == FRONT:
        ratio = build_times(during.ms).p50 / build_times(baseline.ms).p50
        report.add_bar(f"{SLOW} slow connections: p50 of the others", ratio, 2, " ×")


async def _report_uploads(report: Report, server: WebServer, sizes: Sizes) -> None:
    table = report.add_table(
        f"Upload of {sizes.upload_bytes / processes.MB:,.0f} MB",
        "",
        "status",
        "MB sent",
        "largest process, MB",
    )
    for name, chunked in (("Content-Length", False), ("chunked", True)):
        with server.record_peak_mb() as peak:
            result = await asyncio.to_thread(
                clients.send_upload, server.port, sizes.upload_bytes, chunked=chunked
            )
        table.rows.append((name, result.status, result.sent / processes.MB, peak[0]))
        report.add_bar(f"upload, {name}: largest server process", peak[0], 300, " MB")
        report.add_bar(f"upload, {name}: rejected with 413", result.status, 413, at_least=True)
