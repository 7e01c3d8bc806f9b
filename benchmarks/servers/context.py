"""CPU time of the context, in this process and in PostgreSQL's, for a user with many memories."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import corpus, databases
from benchmarks.clock import build_times
from benchmarks.report import Report
from benchmarks.servers.measured_requests import connect_app, send_request, time_calls
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role, connected_as
from memories.index import spaces
from memories.index.languages import get_default_language
from memories.models import Memory

SEED = 20_246
MAX_CPU_MS = 30
REQUESTS = {
    "800 tokens": "",
    "8,000 tokens": "max_tokens=8000",
    "800 tokens, query": "query=the+measured+words",
}
BOUNDED = "800 tokens"


@dataclass(frozen=True)
class Sizes:
    own: int = 10_000
    pinned: int = 20
    superseded: int = 1_000
    others: int = 5
    others_each: int = 1_000
    rounds: int = 5
    calls: int = 5
    vacuum_timeout_s: float = 60


QUICK = Sizes(200, 5, 20, 2, 100, rounds=1, calls=2, vacuum_timeout_s=1)


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    sizes, random = QUICK if quick else Sizes(), np.random.default_rng(SEED)
    report = Report("Context")
    log_progress("creating users and memories")
    person = corpus.create_owner("asker", sizes.own, random)
    others = [
        corpus.create_owner(f"other-{index}", sizes.others_each, random) for index in range(sizes.others)
    ]
    spaces.get_space(get_default_language())
    corpus.write_corpus([person, *others], "picard", random)
    own = Memory.objects.filter(owner=person.user)
    own.filter(pk__in=person.ids[:: sizes.own // sizes.pinned]).update(pinned=True)
    for older, newer in zip(person.ids[: sizes.superseded], person.ids[-sizes.superseded :], strict=True):
        own.filter(pk=newer).update(supersedes=older)
    if databases.wait_for_autovacuum([person.user.pk], sizes.vacuum_timeout_s) is None:
        report.notes.append(f"Autovacuum did not finish within {sizes.vacuum_timeout_s:.0f} s.")
    token = connect_app(person)
    table = report.add_table(
        f"Context of {sizes.own:,} memories, milliseconds", "request", "median", "p99", "CPU"
    )
    with acting_as(NOBODY), connected_as(Role.WEB):
        for name, query in REQUESTS.items():
            log_progress(name)

            def read(_call: int, query: str = query) -> object:
                return send_request("GET", "/api/v1/context/", query=query, authorization=f"Bearer {token}")

            for call in range(2):  # connects, and makes the plans
                read(call)
            ms, cpu_ms = time_calls(read, 0, sizes.rounds * sizes.calls)
            times, each = build_times(ms), cpu_ms / (sizes.rounds * sizes.calls)
            table.rows.append((name, *(f"{figure:.3g}" for figure in (times.p50, times.p99, each))))
            if name == BOUNDED:
                report.add_bar("context of 800 tokens: CPU", each, MAX_CPU_MS, " ms")
    return report
