"""AI apps: concurrent clients of the MCP SDK, and answers that wait for a slow chat model."""

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
from benchmarks.http import create_reader
from benchmarks.report import Report
from benchmarks.servers import processes
from benchmarks.servers.measured_requests import create_session_cookie
from benchmarks.servers.slow_model import FIRST, SlowModel, run_slow_model

PENDING = 20  # answers
PAGE_CONNECTIONS = 4  # that request pages during pending answers
CLIENTS = 8  # of the SDK, half for each kind of protocol revision
PAUSE_S = 0.2  # of the model, before its second word
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Sizes:
    memories: int = 2_000
    rounds: int = 4
    seconds: float = 2.0  # per round
    mcp_s: float = 30.0


QUICK = Sizes(memories=20, rounds=1, seconds=0.2, mcp_s=1.0)


@dataclass
class CallResults:
    """Latencies and errors of the SDK's clients."""

    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    sizes = QUICK if quick else Sizes()
    report = Report("AI apps")
    person = create_reader(sizes.memories)
    tokens = {
        path: api.create_access_token(person, f"{settings.PUBLIC_URL}/{path}") for path in ("api", "mcp")
    }
    cookie = create_session_cookie(person.user)
    connections.close_all()
    port, model_port = processes.find_free_port(), processes.find_free_port()
    os.environ |= {"CHAT_MODEL": "slow", "CHAT_BASE_URL": f"http://127.0.0.1:{model_port}/v1"}
    os.environ["CHAT_REWRITES_QUESTIONS"] = (
        "False"  # the model answers one request per question, in two parts
    )
    log = settings.PICARD_HOME / "front.log"
    with processes.run_server("front", processes.build_gateway_command(), port, log):
        log_progress("pending answers")
        page = Target(port, "/memories/", 200, cookie)
        asyncio.run(
            _measure_pending_answers(
                report, sizes, page, _build_question(port, tokens["api"], person.texts[0]), model_port
            )
        )
        log_progress(f"{CLIENTS} MCP clients")
        _report_calls(
            report,
            sizes,
            asyncio.run(_measure_mcp_clients(f"http://127.0.0.1:{port}/mcp", tokens["mcp"], sizes)),
        )
    report.notes.append(f"{settings.WEB_WORKERS} workers with {settings.WEB_THREADS} threads each.")
    return report


def _build_question(port: int, token: str, text: str) -> Target:
    """Build a request for a streamed answer. It repeats a memory's text, so that the model is called."""
    headers = f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
    return Target(
        port,
        "/api/v1/personas/me/ask/",
        headers=headers,
        body=json.dumps({"question": text.lower()}).encode(),
    )


async def _measure_pending_answers(
    report: Report, sizes: Sizes, page: Target, question: Target, model_port: int
) -> None:
    async with run_slow_model(model_port) as model:
        await clients.send_requests(page, connections=PAGE_CONNECTIONS, seconds=min(WARM_UP_S, sizes.seconds))
        model.go_on.set()
        async with AsyncExitStack() as stack:  # a worker shows an answer while it arrives after its first one
            await asyncio.gather(*(_time_first_words(stack, question) for _ in range(PENDING)))
        baseline, during, still_pending = Load(), Load(), PENDING
        for _ in range(sizes.rounds):
            baseline.add(
                await clients.send_requests(page, connections=PAGE_CONNECTIONS, seconds=sizes.seconds)
            )
            async with AsyncExitStack() as stack:
                model.go_on.clear()
                await asyncio.gather(*(_time_first_words(stack, question) for _ in range(PENDING)))
                during.add(
                    await clients.send_requests(page, connections=PAGE_CONNECTIONS, seconds=sizes.seconds)
                )
                still_pending = min(still_pending, model.waiting)
                model.go_on.set()
                await _wait_until_idle(model)
        _report_pages(report, baseline, during, still_pending)
        await _report_first_words(report, model, question)


async def _wait_until_idle(model: SlowModel) -> None:
    while model.waiting:
        await asyncio.sleep(0.005)


async def _time_first_words(stack: AsyncExitStack, question: Target) -> float:
    """Return the time of the first words. The connection stays open until the stack exits."""
    reader, writer = await asyncio.open_connection("127.0.0.1", question.port)
    stack.callback(writer.close)
    writer.write(question.request)
    await reader.readuntil(json.dumps(FIRST).encode()[:-2])
    return time.perf_counter()


def _report_pages(report: Report, baseline: Load, during: Load, still_pending: int) -> None:
    table = report.add_table(
        f"Memory list, {PAGE_CONNECTIONS} connections",
        "pending answers",
        "requests per second",
        "ms p50 / p99",
        "errors",
    )
    for count, load in ((0, baseline), (PENDING, during)):
        times = build_times(load.ms)
        table.rows.append(
            (count, load.requests_per_second, f"{times.p50:.3g} / {times.p99:.3g}", load.errors)
        )
    report.add_bar("answers still pending when the pages were served", still_pending, PENDING, at_least=True)
    ratio = build_times(during.ms).p50 / build_times(baseline.ms).p50
    report.add_bar(f"memory list during {PENDING} pending answers: p50, relative to none", ratio, 2, " ×")


async def _report_first_words(report: Report, model: SlowModel, question: Target) -> None:
    """Compare the time of the first words with the time of the model's second word, one answer at a time."""
    model.pause_s, leads = PAUSE_S, []
    for _ in range(PENDING):
        async with AsyncExitStack() as stack:
            model.second_at.clear()
            first_words_at = await _time_first_words(stack, question)
            while not model.second_at:
                await asyncio.sleep(0.005)
            leads.append((model.second_at[0] - first_words_at) * 1000)
    report.add_table(
        f"First words of an answer, lead over the model's second word ({PAUSE_S * 1000:.0f} ms after its first)",
        "answers", "lead, ms p50", "minimum",
    ).rows.append((len(leads), build_times(leads).p50, min(leads)))  # fmt: skip
    report.add_bar(
        "first words of an answer, lead over the model's second word", min(leads), 0, " ms", at_least=True
    )


async def _measure_mcp_clients(url: str, token: str, sizes: Sizes) -> CallResults:
    calls = CallResults()
    deadline = time.perf_counter() + sizes.mcp_s
    modes = ["auto", "legacy"] * (CLIENTS // 2)
    await asyncio.gather(*(_run_mcp_client(url, token, mode, deadline, calls) for mode in modes))
    return calls


async def _run_mcp_client(url: str, token: str, mode: Any, deadline: float, calls: CallResults) -> None:
    """Search in a loop with a client of the SDK."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        while time.perf_counter() < deadline:
            started_at = time.perf_counter()
            try:
                answer = await client.call_tool("search", api.QUESTION)
            except Exception as error:  # noqa: BLE001 - any error is counted
                calls.errors.append(repr(error))
                continue
            if answer.is_error or not answer.structured_content["results"]:
                calls.errors.append(str(answer.content))
            calls.ms.append((time.perf_counter() - started_at) * 1000)


def _report_calls(report: Report, sizes: Sizes, calls: CallResults) -> None:
    times = build_times(calls.ms)
    report.add_table(
        f"{CLIENTS} clients of the MCP SDK, searching for {sizes.mcp_s:.0f} s",
        "calls",
        "ms p50 / p99",
        "errors",
    ).rows.append((len(calls.ms), f"{times.p50:.3g} / {times.p99:.3g}", len(calls.errors)))
    report.add_bar(f"{CLIENTS} clients of the MCP SDK: errors", len(calls.errors), 0)
