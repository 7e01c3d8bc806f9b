"""Speed of writing and indexing, compared to a plain INSERT and to the embedding model alone."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from django.db import connection

from accounts.actor import Actor, Channel
from accounts.ids import new_id
from accounts.models import User
from benchmarks import writer
from benchmarks.clock import CALLS, FEW_CALLS, Times, build_times, measure_in_turns
from benchmarks.file_imports import FileRates, measure_file_imports
from benchmarks.report import Report
from benchmarks.servers.processes import run_indexing_worker
from benchmarks.texts import make_texts
from memories.index import work_queue
from memories.jobs import indexer
from memories.models import IndexState, Memory
from memories.providers.embeddings import get_provider
from memories.search.query import search_memories
from memories.services import writes
from memories.services.writes import NewMemory

if TYPE_CHECKING:
    import numpy as np

SEED = 20_241
IMPORT_BATCH = 1_000
WRITES_PER_SECOND = 20
POLL_S = 0.005  # between checks whether memories are indexed
SETTLE_S = 30.0  # to wait for the last memories

# A table with the columns of stored memories and no index but the primary key.
BARE_TABLE = """
create table bare (like memories_memory including defaults);
alter table bare add primary key (id)
"""
BARE_INSERT = """
insert into bare (id, owner_id, text, visibility, version, source, index_state, index_attempts, index_error)
values (%s, %s, %s, 'private', 1, 'web', 'pending', 0, '')
"""
SELECT_INDEXED = (
    "select distinct memory_id from memories_memoryvector where memory_id = any(%s) and embedding is not null"
)


@dataclass(frozen=True)
class Sizes:
    rounds: int = 20
    calls: int = CALLS
    imported: int = 10_000
    batches: int = 24  # of the worker
    watched_s: float = 30


QUICK = Sizes(rounds=1, calls=FEW_CALLS, imported=100, batches=1, watched_s=0.5)


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    import numpy as np

    sizes = QUICK if quick else Sizes()
    random = np.random.default_rng(SEED)
    report = Report("Writing")
    log_progress("writing single memories")
    _report_single_writes(report, _measure_single_writes(sizes, random))
    log_progress("importing")
    rates = _measure_import(sizes, random)
    _report_import(
        report, sizes, *rates, measure_file_imports(dict.fromkeys(make_texts(sizes.imported, random)))
    )
    log_progress("indexing a backlog")
    _report_backlog(report, sizes, *_measure_backlog(sizes, random))
    log_progress("watching memories until they are indexed")
    _report_indexing_delay(report, *_measure_indexing_delay(sizes))
    return report


def _create_actor(name: str) -> Actor:
    return Actor(user=User.objects.create_user(f"{name}@example.org", None), door=Channel.WEB)


# --- Single memories ------------------------------------------------------------------------------------


def _measure_single_writes(sizes: Sizes, random: "np.random.Generator") -> dict[str, Times]:
    actor = _create_actor("one")
    texts = make_texts(1_000, random)
    sealed = bytes(Memory._meta.get_field("text").seal(Memory(owner_id=actor.person.pk), texts[0]))
    with closing(psycopg.connect(**connection.get_connection_params(), autocommit=True)) as raw:
        raw.execute(BARE_TABLE)
        return measure_in_turns(
            {
                "plain INSERT": lambda _: raw.execute(
                    BARE_INSERT, [new_id(), actor.person.pk, sealed], prepare=True
                ),
                "create_memory": lambda call: writes.create_memory(actor, text=texts[call % 1_000]),
                "with a tag": lambda call: writes.create_memory(
                    actor, text=texts[call % 1_000], tags=["work"]
                ),
            },
            rounds=sizes.rounds,
            calls=sizes.calls,
        )


def _report_single_writes(report: Report, timed: dict[str, Times]) -> None:
    table = report.add_table(
        "One memory, saved and committed (fsync on), ms", "operation", "p50", "p99", "ratio"
    )
    bare = timed["plain INSERT"].p50
    for name, times in timed.items():
        table.rows.append((name, times.p50, times.p99, times.p50 / bare))
    # A tag adds two rows, so it is reported but not part of the promise.
    report.add_bar(
        "create_memory: relative to a plain one-row INSERT and commit",
        timed["create_memory"].p50 / bare,
        2.2,
        " ×",
    )


# --- Imports --------------------------------------------------------------------------------------------


def _measure_import(sizes: Sizes, random: "np.random.Generator") -> tuple[float, float]:
    """Return memories per second in batches of IMPORT_BATCH, and of plain INSERTs of the same rows."""
    actor = _create_actor("import")
    items = [NewMemory(text) for text in make_texts(sizes.imported, random)]
    sealed = bytes(Memory._meta.get_field("text").seal(Memory(owner_id=actor.person.pk), items[0].text))
    picard_s = bare = 0.0
    with closing(psycopg.connect(**connection.get_connection_params())) as raw:
        for first in range(0, len(items), IMPORT_BATCH):
            batch = items[first : first + IMPORT_BATCH]
            started_at = time.perf_counter()
            writes.create_memories(actor, batch)
            switched_at = time.perf_counter()
            with raw.transaction(), raw.cursor() as cursor:
                cursor.executemany(BARE_INSERT, [(new_id(), actor.person.pk, sealed) for _ in batch])
            picard_s += switched_at - started_at
            bare += time.perf_counter() - switched_at
    Memory.objects.update(index_state=IndexState.READY)  # not what the next part embeds
    return len(items) / picard_s, len(items) / bare


def _report_import(
    report: Report, sizes: Sizes, service_rate: float, bare_rate: float, of_files: dict[str, FileRates]
) -> None:
    table = report.add_table(
        f"{sizes.imported:,} memories by create_memories, in batches of {IMPORT_BATCH:,}", "", "per second"
    )
    table.rows.extend(
        [("create_memories, not embedded", service_rate), ("plain INSERTs (executemany)", bare_rate)]
    )
    table = report.add_table(
        f"{sizes.imported:,} memories from a file, not embedded, per second",
        "file", "preview", "import", "preview again",
    )  # fmt: skip
    for name, rates in of_files.items():
        table.rows.append((name, rates.preview, rates.run, rates.again))
    page = of_files["list"]
    page_rate = 1 / (1 / page.preview + 1 / page.run)
    report.add_bar(
        "import on the page: relative to create_memories", page_rate / service_rate, 0.5, " ×", at_least=True
    )
    report.add_bar("import, memories per second", service_rate, 1_000, at_least=True)
    slowest = {name: min(getattr(rates, name) for rates in of_files.values()) for name in ("preview", "run")}
    report.add_bar("preview of a file, memories per second", slowest["preview"], 2_000, at_least=True)
    report.add_bar("import after its preview, memories per second", slowest["run"], 2_000, at_least=True)


# --- Backlog --------------------------------------------------------------------------------------------


def _measure_backlog(sizes: Sizes, random: "np.random.Generator") -> tuple[float, float]:
    """Return texts per second of the embedding model alone and of the worker, for the same texts in turns."""
    actor = _create_actor("backlog")
    embedder: Any = get_provider()
    bare = embedder.inner  # without response validation
    embedder.embed_query("load the model")
    alone = whole = 0.0
    for _ in range(sizes.batches):
        batch = make_texts(indexer.BATCH, random)
        writes.create_memories(actor, [NewMemory(text) for text in batch])
        started_at = time.perf_counter()
        bare.embed_documents(batch)
        switched_at = time.perf_counter()
        claimed = indexer.process_batch(connection.connection.info.backend_pid)
        whole += time.perf_counter() - switched_at
        alone += switched_at - started_at
        assert claimed == indexer.BATCH  # noqa: S101
    count = sizes.batches * indexer.BATCH
    return count / alone, count / whole


def _report_backlog(report: Report, sizes: Sizes, alone: float, whole: float) -> None:
    table = report.add_table(f"{sizes.batches * indexer.BATCH:,} memories to index", "", "per second")
    table.rows.extend([("embedding model alone", alone), ("indexer.process_batch", whole)])
    report.add_bar(
        "backlog: rate relative to the embedding model alone", whole / alone, 0.8, " ×", at_least=True
    )


# --- Indexing delay ---------------------------------------------------------------------------------------


def _measure_indexing_delay(sizes: Sizes) -> tuple[Times, int, float]:
    """Return the time from saving to indexing, the number of memories never indexed, and the write rate."""
    actor = _create_actor("watched")
    indexed_at: dict[UUID, float] = {}
    with run_indexing_worker(), writer.run_writer(actor.person.pk, WRITES_PER_SECOND) as saved:
        _wait_until_settled(saved)
        started_at = time.monotonic()
        while time.monotonic() - started_at < sizes.watched_s:
            _poll_indexed(saved, indexed_at)
        counted = {
            memory_id: saved_at for memory_id, saved_at in list(saved.items()) if started_at <= saved_at
        }
        rate = len(counted) / (time.monotonic() - started_at)
        deadline = time.monotonic() + SETTLE_S
        while counted.keys() - indexed_at.keys() and time.monotonic() < deadline:
            _poll_indexed(saved, indexed_at)
    _assert_searchable(actor, next(iter(indexed_at)))
    times = [
        (indexed_at[memory_id] - saved_at) * 1000
        for memory_id, saved_at in counted.items()
        if memory_id in indexed_at
    ]
    return build_times(times), len(counted.keys() - indexed_at.keys()), rate


def _wait_until_settled(saved: writer.SaveTimes) -> None:
    """Wait until the worker has loaded its model and worked off the initial backlog."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        indexed_at: dict[UUID, float] = {}
        _poll_indexed(saved, indexed_at)
        if indexed_at and work_queue.get_backlog().pending < WRITES_PER_SECOND:
            return


def _poll_indexed(saved: writer.SaveTimes, indexed_at: dict[UUID, float]) -> None:
    pending = list(dict.fromkeys(saved.copy()).keys() - indexed_at.keys())
    with connection.cursor() as cursor:
        cursor.execute(SELECT_INDEXED, [pending])
        now = time.monotonic()
        indexed_at.update((row[0], now) for row in cursor.fetchall())
    time.sleep(POLL_S)


def _assert_searchable(actor: Actor, memory_id: UUID) -> None:
    """Check that an indexed memory is found by semantic search."""
    text = Memory.objects.get(pk=memory_id).text
    hits = search_memories(actor, text).hits
    assert any(hit.memory.pk == memory_id and (hit.cosine or 0) > 0.99 for hit in hits)  # noqa: S101


def _report_indexing_delay(report: Report, times: Times, missing: int, rate: float) -> None:
    table = report.add_table(
        "From saving to semantic search, with a running worker", "memories per second", "p50, ms", "p99, ms"
    )
    table.rows.append((rate, times.p50, times.p99))
    report.notes.append(
        f"{len(times.ms):,} memories were watched; {missing} were not indexed after another {SETTLE_S:.0f} s."
    )
