"""CPU time of the Insights page, in this process and in PostgreSQL's, for a user with many memories and five apps."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import connection
from django.utils import timezone

from accounts.actor import Channel
from accounts.ids import new_id, new_id_at
from benchmarks import corpus, databases
from benchmarks.clock import build_times
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from benchmarks.servers.measured_requests import create_session_cookie, send_request, time_calls
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role, connected_as
from memories.index import spaces
from memories.index.languages import get_default_language
from memories.models import AppDay, AuditAction, AuditEvent, AuditSum

SEED = 20_252
MAX_CPU_MS = 100
APPS, DAYS = 5, 365
# Spread over two years, so that a year has half of them.
SPREAD = "update memories_memory set created_at = now() - random() * interval '730 days' where owner_id = %s"


@dataclass(frozen=True)
class Sizes:
    own: int = 100_000
    recent: int = 2_000  # events that are not summed yet
    calls: int = 20
    vacuum_timeout_s: float = 120


QUICK = Sizes(300, 20, calls=2, vacuum_timeout_s=1)


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    sizes, random = QUICK if quick else Sizes(), np.random.default_rng(SEED)
    report = Report("Insights")
    log_progress("creating memories and activity")
    person = corpus.create_owner("reader", sizes.own, random)
    spaces.get_space(get_default_language())
    corpus.write_corpus([person], "picard", random)
    with connection.cursor() as cursor:
        cursor.execute(SPREAD, [person.user.pk])
    _write_activity(person, sizes.recent)
    if databases.wait_for_autovacuum([person.user.pk], sizes.vacuum_timeout_s) is None:
        report.notes.append(f"Autovacuum did not finish within {sizes.vacuum_timeout_s:.0f} s.")
    cookie = create_session_cookie(person.user)
    table = report.add_table(
        f"Insights of {sizes.own:,} memories, milliseconds", "range", "median", "p99", "CPU"
    )
    with acting_as(NOBODY), connected_as(Role.WEB):
        for name in ("30d", "12m", "all"):
            log_progress(name)

            def read(_call: int, query: str = f"range={name}") -> object:
                return send_request("GET", "/memories/insights/", query=query, cookie=cookie)

            for call in range(2):  # connects, and builds the matrix of the user's vectors
                read(call)
            ms, cpu_ms = time_calls(read, 0, sizes.calls)
            times, each = build_times(ms), cpu_ms / sizes.calls
            table.rows.append((name, *(f"{figure:.3g}" for figure in (times.p50, times.p99, each))))
            report.add_bar(f"Insights, {name}: CPU", each, MAX_CPU_MS, " ms")
    return report


def _write_activity(person: CorpusOwner, recent: int) -> None:
    """Write a year of sums, and events that are not in them yet."""
    now = timezone.now()
    AuditSum.objects.create(until=new_id_at(now - timedelta(hours=1)))
    AppDay.objects.bulk_create(
        AppDay(
            owner=person.user,
            day=(now - timedelta(days=day)).date(),
            client_id=f"app {app}",
            reads=9,
            writes=1,
        )
        for app in range(APPS)
        for day in range(DAYS)
    )
    AuditEvent.objects.bulk_create(
        AuditEvent(
            id=new_id(),
            owner=person.user,
            actor_id=person.user.pk,
            door=Channel.MCP,
            client_id=f"app {number % APPS}",
            action=AuditAction.MEMORY_SEARCH,
            memory_ids=person.ids[:5],
            happened_at=now,
        )
        for number in range(recent)
    )
