"""How fast pages are served: the shipped front beside gunicorn's threads, and what rude clients do to it."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import Client

from benchmarks import api, clients, corpus, oauth
from benchmarks.clients import Load, Target
from benchmarks.clock import CALLS, FEW_CALLS, times
from benchmarks.report import Report
from benchmarks.servers import processes
from benchmarks.servers.processes import Server
from picard.management.commands.up import static_files_are_old

SEED = 20_242
FRONT, GTHREAD, STOCK = "front", "gthread", "stock"
BARRED = 32  # connections at which the front is compared
SLOW = 30
BESIDE_SLOW = 8  # connections of the others, meanwhile
WARM_UP_S = 1.0
FIRST_ANSWER_S = 60.0
STALLED_S = 1.0
SLOW_PAGE = "plain"


@dataclass(frozen=True)
class Sizes:
    memories: int = 2_000
    connections: tuple[int, ...] = (1, 8, BARRED)
    barred: int = BARRED
    rounds: int = 4
    seconds: float = 1.5  # of one round
    slow_s: float = 6
    upload_bytes: int = 1_000_000_000
    cpu_rounds: int = oauth.ROUNDS
    cpu_calls: int = CALLS


QUICK = Sizes(
    memories=20,
    connections=(2,),
    barred=2,
    rounds=1,
    seconds=0.2,
    slow_s=0.5,
    upload_bytes=20_000_000,
    cpu_rounds=1,
    cpu_calls=FEW_CALLS,
)
PAGES = ("plain", "landing", "memory list", "search page")
Measured = dict[tuple[str, int, str], Load]  # page, connections, server


def run(*, quick: bool, say: Callable[[str], None]) -> Report:

    sizes = QUICK if quick else Sizes()
    report = Report("The web server")
    person = reader(sizes.memories)
    cookie = signed_in(person)
    connections.close_all()
    with ExitStack() as stack:
        say("starting both servers")
        front, gthread = (_start(stack, name) for name in (FRONT, GTHREAD))
        asyncio.run(_everything(report, sizes, front, gthread, cookie, say))
    with ExitStack() as stack:
        say("asking with a token")
        ports = {api.API: _start(stack, FRONT).port, api.STOCK: _start(stack, STOCK).port}
        targets = api.targets(ports, person)
        connections.close_all()
        asyncio.run(_by_token(report, sizes, targets))
    say("counting CPU")
    oauth.report_on(report, person, rounds=sizes.cpu_rounds, calls=sizes.cpu_calls)
    report.notes.append(
        f"{settings.WEB_WORKERS} workers with {settings.WEB_THREADS} threads each, both servers at once, asked in "
        "turns over connections that are kept; the client runs on the same cores. plain: a stranger is sent to the "
        "log-in page. search page: with the embedding of the query."
    )
    return report


def reader(memories: int) -> corpus.Person:
    """Somebody with so many memories, on a site whose pages can be served."""
    import numpy as np

    person = corpus.make_person("reader", memories, np.random.default_rng(SEED))
    corpus.write([person], "picard", np.random.default_rng(SEED))
    if static_files_are_old():
        call_command("collectstatic", interactive=False, verbosity=0)
    return person


def signed_in(person: corpus.Person) -> str:
    """The cookie of a session."""
    client = Client()
    client.force_login(person.user)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def _start(stack: ExitStack, name: str) -> Server:
    port = free_port()
    command = {FRONT: processes.shipped, GTHREAD: processes.gthread, STOCK: processes.stock}[name]()
    return stack.enter_context(processes.running(name, command, port, settings.PICARD_HOME / f"{name}.log"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _target(server: Server, page: str, cookie: str) -> Target:
    return {
        "plain": Target(server.port, "/memories/", 302),
        "landing": Target(server.port, "/"),
        "memory list": Target(server.port, "/memories/", 200, cookie),
        "search page": Target(server.port, "/memories/?q=which+river+did+the+old+boat+cross", 200, cookie),
    }[page]


async def _everything(
    report: Report, sizes: Sizes, front: Server, gthread: Server, cookie: str, say: Callable[[str], None]
) -> None:
    measured: Measured = {}
    for page in PAGES:
        if page == "search page":
            weight_before = front.worker_mb()
        say(f"asking for: {page}")
        targets = {server.name: _target(server, page, cookie) for server in (front, gthread)}
        for target in targets.values():
            await _warm_up(target, sizes)
        for count in sizes.connections:
            for name, load in (await _in_turns(targets, count, sizes)).items():
                measured[page, count, name] = load
    _report_pages(report, measured, sizes)
    _report_weight(report, weight_before, front.worker_mb())
    say("slow clients")
    for server in (front, gthread):
        await _report_slow(report, server, _target(server, SLOW_PAGE, cookie), sizes)
    say("a large upload")
    await _report_uploads(report, front, sizes)


async def _by_token(report: Report, sizes: Sizes, targets: dict[str, Target]) -> None:
    measured: api.Measured = {}
    for target in targets.values():
        await _warm_up(target, sizes)
    for count in sizes.connections:
        for act, load in (await _in_turns(targets, count, sizes)).items():
            measured[act, count] = load
    api.report_on(report, measured, sizes.connections)


async def _warm_up(target: Target, sizes: Sizes) -> None:
    """Every worker answers; a first search makes each of them load the model."""
    seconds = min(WARM_UP_S, sizes.seconds)
    await clients.ask(target, connections=sizes.barred, seconds=seconds, patience_s=FIRST_ANSWER_S)


async def _in_turns(targets: dict[str, Target], count: int, sizes: Sizes) -> dict[str, Load]:
    loads = {name: Load() for name in targets}
    for turn in range(sizes.rounds):
        for name in list(targets) if turn % 2 == 0 else list(targets)[::-1]:
            loads[name].add(await clients.ask(targets[name], connections=count, seconds=sizes.seconds))
    return loads


def _report_pages(report: Report, measured: Measured, sizes: Sizes) -> None:
    table = report.table(
        "Requests a second, and ms p50 / p99", "page", "connections", FRONT, GTHREAD, "ratio",
        f"{FRONT}, ms", f"{GTHREAD}, ms", "wrong answers",
    )  # fmt: skip
    for page in PAGES:
        for count in sizes.connections:
            ours, theirs = (measured[page, count, name] for name in (FRONT, GTHREAD))
            ratio = ours.a_second / theirs.a_second if theirs.ms else float("nan")
            row = (page, count, ours.a_second, theirs.a_second, ratio, _ms(ours), _ms(theirs))
            table.rows.append((*row, ours.errors + theirs.errors))
            if count == sizes.barred:
                report.bar(
                    f"{page}, {count} connections: of gthread's requests/s", ratio, 0.9, " ×", at_least=True
                )


def _ms(load: Load) -> str:
    taken = times(load.ms)
    return f"{taken.p50:.3g} / {taken.p99:.3g}"


def _report_weight(report: Report, before: float, after: float) -> None:
    table = report.table("What the heaviest web worker weighs (resident), MB", "before a search", "after")
    table.rows.append((before, after))
    report.bar("a web worker before its first search", before, 150, " MB")


async def _report_slow(report: Report, server: Server, target: Target, sizes: Sizes) -> None:
    without = await clients.ask(target, connections=BESIDE_SLOW, seconds=sizes.slow_s / 2)
    async with clients.slow_clients(server.port, SLOW):
        meanwhile = await clients.ask(
            target, connections=BESIDE_SLOW, seconds=sizes.slow_s, patience_s=STALLED_S
        )
    without.add(await clients.ask(target, connections=BESIDE_SLOW, seconds=sizes.slow_s / 2))
    title = f"Beside {SLOW} slow connections, {SLOW_PAGE}, {BESIDE_SLOW} connections"
    table = next((table for table in report.tables if table.title == title), None) or report.table(
        title, "server", "requests a second without", "with", "ms without", "ms with"
    )
    table.rows.append((server.name, without.a_second, meanwhile.a_second, _ms(without), _ms(meanwhile)))
    if server.name == FRONT:
        ratio = times(meanwhile.ms).p50 / times(without.ms).p50
        report.bar(f"{SLOW} slow connections: p50 of the others", ratio, 2, " ×")


async def _report_uploads(report: Report, server: Server, sizes: Sizes) -> None:
    table = report.table(
        f"An upload of {sizes.upload_bytes / processes.MB:,.0f} MB",
        "",
        "answer",
        "MB sent",
        "heaviest process, MB",
    )
    for name, chunked in (("announced", False), ("chunked", True)):
        with server.weighed() as peak:
            result = await asyncio.to_thread(clients.upload, server.port, sizes.upload_bytes, chunked=chunked)
        table.rows.append((name, result.status, result.sent / processes.MB, peak[0]))
        report.bar(f"upload, {name}: the heaviest server process", peak[0], 300, " MB")
        report.bar(f"upload, {name}: answered with 413", result.status, 413, at_least=True)
