"""Whole requests over HTTP: Picard's server beside those of other products, in turns."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import connections

from benchmarks import clients
from benchmarks.clients import Load
from benchmarks.report import Report
from benchmarks.whole import report, work
from benchmarks.whole.calls import Call, CallRequests, RunningServer, parse_body
from benchmarks.whole.model_files import run_embeddings_endpoint
from benchmarks.whole.results import ADD, ADD_INDEXED, SEARCH, Results
from benchmarks.whole.setup import ServerNotRun, Setup
from benchmarks.whole.systems import NEED_ENDPOINT, SYSTEMS
from benchmarks.whole.work import ADDER, READER, Question, Work

FILL_CONNECTIONS = 2  # one per core
FILL_TIMEOUT_S = 1_200.0
MIN_STORED = 0.99  # of the memories
FAILURE_CHARACTERS = 300


@dataclass(frozen=True)
class Sizes:
    searched: int
    others: int
    per_other: int
    questions: int
    spare: int = 40_000
    connections: tuple[int, ...] = (1, 8)
    rounds: int = 4
    seconds: float = 1.5  # per round
    checked: int = 100  # questions


QUICK = Sizes(20, 2, 5, questions=20, spare=2_000, connections=(2,), rounds=1, seconds=0.05, checked=5)


def run_benchmark(
    *, quick: bool, log_progress: Callable[[str], None], size: int, systems: Sequence[str]
) -> Report:
    """Measure the systems, default: all. One that is not installed or does not start is named in the report.

    `size`: memories of the user who searches.
    """
    sizes = QUICK if quick else Sizes(size, others=10, per_other=size // 40, questions=3 * size)
    results = Results()
    names = systems or list(SYSTEMS)
    load = os.getloadavg()[0]
    memories = work.create_work(
        searched=sizes.searched, others=sizes.others, per_other=sizes.per_other, questions=sizes.questions,
        spare=sizes.spare,
    )  # fmt: skip
    home = Path(settings.PICARD_HOME) / "servers"
    home.mkdir(mode=0o711)
    with ExitStack() as stack:
        setup = Setup(home, memories, _start_endpoint(stack, names, home))
        servers = _start_servers(stack, names, setup, results, log_progress)
        comparison = _Comparison(servers, memories, sizes, results, log_progress)
        comparison.fill()
        comparison.check_answers()
        comparison.measure_searches()
        comparison.measure_additions()
    return report.build_report(results, sizes.searched, len(memories.owners), load)


def _start_endpoint(stack: ExitStack, names: Sequence[str], home: Path) -> str:
    """Return the URL of the endpoint, empty if no server needs it."""
    is_needed = not NEED_ENDPOINT.isdisjoint(names)
    return stack.enter_context(run_embeddings_endpoint(home / "embeddings.log")) if is_needed else ""


def _start_servers(
    stack: ExitStack,
    names: Sequence[str],
    setup: Setup,
    results: Results,
    log_progress: Callable[[str], None],
) -> dict[str, RunningServer]:
    servers = {}
    for name in names:
        log_progress(f"starting {name}")
        folder = setup.folder / name.replace(" ", "-")
        folder.mkdir()
        try:
            server = servers[name] = stack.enter_context(SYSTEMS[name](replace(setup, folder=folder)))
        except (ServerNotRun, RuntimeError, OSError) as error:
            results.not_run[name] = _shorten(str(error))
            log_progress(f"{name} does not run: {error}")
            continue
        results.versions |= server.versions
        results.notes[name] = server.note
        if not server.embeds:
            results.without_embedding.add(name)
    return servers


@dataclass
class _Comparison:
    servers: dict[str, RunningServer]
    work: Work
    sizes: Sizes
    results: Results
    log_progress: Callable[[str], None]

    def fill(self) -> None:
        """Add all memories by requests, the first one alone: it may create tables.

        A server that stores too few is left out, with its first error.
        """
        for name, server in list(self.servers.items()):
            started_at = time.monotonic()
            memories = iter(self.work.memories)
            call = next(iter(server.additions.values()))
            requests = CallRequests(call, memories)
            stored = len(_send(CallRequests(call, itertools.islice(memories, 1)), 1, FILL_TIMEOUT_S).ms)
            stored += len(_send(requests, FILL_CONNECTIONS, FILL_TIMEOUT_S).ms)
            _wait_until_indexed(server)
            if stored < MIN_STORED * len(self.work.memories):
                self._leave_out(name, f"stored {stored} of {len(self.work.memories)}", requests.failure)
            self.log_progress(f"filled {name} in {time.monotonic() - started_at:.0f} s")

    def check_answers(self) -> None:
        """Compute the share of questions whose memory is among the answers, one question at a time."""
        for name, server in list(self.servers.items()):
            for protocol, call in server.searches.items():
                if not call.read_texts:
                    continue
                found = 0
                for question in self.work.questions[: self.sizes.checked]:
                    requests = CallRequests(call, iter([(READER, question.text)]))
                    _send(requests, 1, clients.PATIENCE_S)
                    found += _has_target(call, requests, question)
                self.results.found[name, protocol] = found / min(self.sizes.checked, len(self.work.questions))

    def measure_searches(self) -> None:
        calls = {
            (name, protocol): CallRequests(call, _ask(self.work.questions))
            for name, server in self.servers.items()
            for protocol, call in server.searches.items()
        }
        for count in self.sizes.connections:
            self.log_progress(f"searching, {count} connections")
            for name, protocol in self._take_turns(calls):
                load = _send(calls[name, protocol], count, self.sizes.seconds)
                self.results.add_load((SEARCH, name, protocol, count), load)
        self._keep_failures(SEARCH, calls)

    def measure_additions(self) -> None:
        """Between turns, wait until everything can be found, so that indexing does not slow the next server."""
        calls = {
            (name, protocol): CallRequests(call, ((ADDER, text) for text in self.work.spare))
            for name, server in self.servers.items()
            for protocol, call in server.additions.items()
        }
        for count in self.sizes.connections:
            self.log_progress(f"adding, {count} connections")
            for name, protocol in self._take_turns(calls):
                started_at = time.perf_counter()
                load = _send(calls[name, protocol], count, self.sizes.seconds)
                self.results.add_load((ADD, name, protocol, count), load)
                if _wait_until_indexed(self.servers[name]):
                    elapsed = time.perf_counter() - started_at
                    indexed = Load(load.ms, load.errors, elapsed)
                    self.results.add_load((ADD_INDEXED, name, protocol, count), indexed)
        self._keep_failures(ADD, calls)

    def _take_turns(self, calls: Mapping[tuple[str, str], CallRequests]) -> Iterator[tuple[str, str]]:
        """Yield each call once a round, in another order each round."""
        import numpy as np

        names = list(calls)
        for turn in range(self.sizes.rounds):
            yield from (names[at] for at in np.random.default_rng(turn).permutation(len(names)).tolist())

    def _keep_failures(self, operation: str, calls: Mapping[tuple[str, str], CallRequests]) -> None:
        for (name, protocol), requests in calls.items():
            if requests.failure:
                self.results.failures[operation, name, protocol] = _describe(requests.failure)

    def _leave_out(self, name: str, reason: str, answer: bytes) -> None:
        del self.servers[name]
        self.results.not_run[name] = f"{reason}: {_describe(answer)}"
        self.log_progress(f"{name} is left out: {self.results.not_run[name]}")


def _send(requests: CallRequests, count: int, seconds: float) -> Load:
    connections.close_all()  # this process has no connection while it measures
    return asyncio.run(clients.send_requests(requests, connections=count, seconds=seconds))


def _wait_until_indexed(server: RunningServer) -> bool:
    """Return whether the server indexes after its answers."""
    if server.wait_until_indexed:
        server.wait_until_indexed()
    return server.wait_until_indexed is not None


def _ask(questions: Sequence[Question]) -> Iterator[tuple[str, str]]:
    return ((READER, question.text) for question in itertools.cycle(questions))


def _has_target(call: Call, requests: CallRequests, question: Question) -> bool:
    if requests.failure or not requests.last:
        return False
    assert call.read_texts  # noqa: S101
    return any(question.target in text for text in call.read_texts(parse_body(requests.last)))


def _describe(answer: bytes) -> str:
    return _shorten(answer.decode(errors="replace")) or "no answer"


def _shorten(text: str) -> str:
    """Return the end of a text, which has the reason, on one line of a table."""
    return " ".join(text.split()).replace("|", "/")[-FAILURE_CHARACTERS:]
