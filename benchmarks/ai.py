"""What AI apps meet: clients of the MCP SDK all at once, and answers that wait for a slow chat model."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connections

from benchmarks import api, clients
from benchmarks.clients import Load, Target
from benchmarks.clock import build_times
from benchmarks.http import create_reader, create_session_cookie, find_free_port
from benchmarks.report import Report
from benchmarks.servers import processes
from benchmarks.servers.slow_model import FIRST, SlowModel, run_slow_model

WAITING = 20  # answers
BESIDE = 4  # connections that ask for pages meanwhile
CLIENTS = 8  # of the SDK, half of them of each kind of revision
PAUSE_S = 0.2  # of the model before its second word
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Sizes:
    memories: int = 2_000
    rounds: int = 4
    seconds: float = 2.0  # of one round
    mcp_s: float = 30.0


QUICK = Sizes(memories=20, rounds=1, seconds=0.2, mcp_s=1.0)


@dataclass
class CallResults:
    """What the SDK's clients were answered."""

    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run_benchmark(*, quick: bool, say: Callable[[str], None]) -> Report:
    sizes = QUICK if quick else Sizes()
    report = Report("AI apps")
    person = create_reader(sizes.memories)
    tokens = {
        path: api.create_access_token(person, f"{settings.PUBLIC_URL}/{path}") for path in ("api", "mcp")
    }
    cookie = create_session_cookie(person)
    connections.close_all()
    port, model_port = find_free_port(), find_free_port()
    os.environ |= {"CHAT_MODEL": "slow", "CHAT_BASE_URL": f"http://127.0.0.1:{model_port}/v1"}
    log = settings.PICARD_HOME / "front.log"
    with processes.run_server("front", processes.build_gateway_command(), port, log):
        say("answers that wait")
        page = Target(port, "/memories/", 200, cookie)
        asyncio.run(
            _measure_waiting_answers(
                report, sizes, page, _build_question(port, tokens["api"], person.texts[0]), model_port
            )
        )
        say(f"{CLIENTS} clients by MCP")
        _report_calls(
            report,
            sizes,
            asyncio.run(_measure_mcp_clients(f"http://127.0.0.1:{port}/mcp", tokens["mcp"], sizes)),
        )
    report.notes.append(f"{settings.WEB_WORKERS} workers with {settings.WEB_THREADS} threads each.")
    return report


def _build_question(port: int, token: str, text: str) -> Target:
    """For an answer as events. Asked by a memory's own words, so that there is something for the model to word."""
    headers = f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
    return Target(
        port,
        "/api/v1/personas/me/ask/",
        headers=headers,
        body=json.dumps({"question": text.lower()}).encode(),
    )


async def _measure_waiting_answers(
    report: Report, sizes: Sizes, page: Target, question: Target, model_port: int
) -> None:
    async with run_slow_model(model_port) as model:
        await clients.send_requests(page, connections=BESIDE, seconds=min(WARM_UP_S, sizes.seconds))
        without, beside, still = Load(), Load(), WAITING
        for _ in range(sizes.rounds):
            without.add(await clients.send_requests(page, connections=BESIDE, seconds=sizes.seconds))
            async with AsyncExitStack() as stack:
                model.go_on.clear()
                await asyncio.gather(*(_time_first_words(stack, question) for _ in range(WAITING)))
                beside.add(await clients.send_requests(page, connections=BESIDE, seconds=sizes.seconds))
                still = min(still, model.waiting)
                model.go_on.set()
                await _wait_until_idle(model)
        _report_pages(report, without, beside, still)
        await _report_first_words(report, model, question)


async def _wait_until_idle(model: SlowModel) -> None:
    while model.waiting:
        await asyncio.sleep(0.005)


async def _time_first_words(stack: AsyncExitStack, question: Target) -> float:
    """When they came. The connection stays open until the stack ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", question.port)
    stack.callback(writer.close)
    writer.write(question.request)
    await reader.readuntil(json.dumps(FIRST).encode()[:-2])
    return time.perf_counter()


def _report_pages(report: Report, without: Load, beside: Load, still: int) -> None:
    table = report.add_table(
        f"The memory list, {BESIDE} connections",
        "answers that wait",
        "requests a second",
        "ms p50 / p99",
        "errors",
    )
    for count, load in ((0, without), (WAITING, beside)):
        taken = build_times(load.ms)
        table.rows.append(
            (count, load.requests_per_second, f"{taken.p50:.3g} / {taken.p99:.3g}", load.errors)
        )
    report.add_bar("answers that still wait when the pages were served", still, WAITING, at_least=True)
    ratio = build_times(beside.ms).p50 / build_times(without.ms).p50
    report.add_bar(f"{WAITING} waiting answers: p50 of the memory list", ratio, 2, " ×")


async def _report_first_words(report: Report, model: SlowModel, question: Target) -> None:
    """One after the other: the first words of each, against the moment at which the model says its second."""
    model.pause_s, leads = PAUSE_S, []
    for _ in range(WAITING):
        async with AsyncExitStack() as stack:
            model.second_at.clear()
            came = await _time_first_words(stack, question)
            while not model.second_at:
                await asyncio.sleep(0.005)
            leads.append((model.second_at[0] - came) * 1000)
    report.add_table(
        f"First words of an answer, before the model's second ({PAUSE_S * 1000:.0f} ms after its first)",
        "answers", "before it, ms p50", "least",
    ).rows.append((len(leads), build_times(leads).p50, min(leads)))  # fmt: skip
    report.add_bar("first words of an answer, before the model's second", min(leads), 0, " ms", at_least=True)


async def _measure_mcp_clients(address: str, token: str, sizes: Sizes) -> CallResults:
    calls = CallResults()
    until = time.perf_counter() + sizes.mcp_s
    modes = ["auto", "legacy"] * (CLIENTS // 2)
    await asyncio.gather(*(_run_mcp_client(address, token, mode, until, calls) for mode in modes))
    return calls


async def _run_mcp_client(address: str, token: str, mode: Any, until: float, calls: CallResults) -> None:
    """One of the SDK's, which searches as soon as it was answered."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        while time.perf_counter() < until:
            begun = time.perf_counter()
            try:
                answer = await client.call_tool("search", api.QUESTION)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                calls.errors.append(repr(error))
                continue
            if answer.is_error or not answer.structured_content["results"]:
                calls.errors.append(str(answer.content))
            calls.ms.append((time.perf_counter() - begun) * 1000)


def _report_calls(report: Report, sizes: Sizes, calls: CallResults) -> None:
    taken = build_times(calls.ms)
    report.add_table(
        f"{CLIENTS} clients of the MCP SDK for {sizes.mcp_s:.0f} s, each searching",
        "calls",
        "ms p50 / p99",
        "errors",
    ).rows.append((len(calls.ms), f"{taken.p50:.3g} / {taken.p99:.3g}", len(calls.errors)))
    report.add_bar(f"{CLIENTS} clients of the MCP SDK: errors", len(calls.errors), 0)
