"""How fast memories are written, and found by meaning: beside a bare INSERT, and beside the embedder alone."""

import io
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import psycopg
from django.db import connection

from accounts.actor import Actor, Channel
from accounts.ids import new_id
from accounts.models import User
from benchmarks import writer
from benchmarks.clock import CALLS, FEW_CALLS, Times, build_times, measure_in_turns
from benchmarks.report import Report
from benchmarks.servers.processes import run_indexing_worker
from benchmarks.texts import make_texts
from memories.index import work_queue
from memories.jobs import indexer
from memories.models import ImportState, IndexState, Memory
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import
from memories.providers.embeddings import get_provider
from memories.search.query import search_memories
from memories.services import writes
from memories.services.writes import NewMemory

if TYPE_CHECKING:
    import numpy as np

SEED = 20_241
IMPORT_BATCH = 1_000
WRITES_A_SECOND = 20
POLL_S = 0.005  # how often it is looked whether a memory is found by now
SETTLE_S = 30.0  # for the last ones

# The row of a memory as it is stored, its text as bytes, with no index but the key.
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
    batches: int = 24  # of the worker, embedded by both sides
    watched_s: float = 30


QUICK = Sizes(rounds=1, calls=FEW_CALLS, imported=100, batches=1, watched_s=0.5)


def run_benchmark(*, quick: bool, say: Callable[[str], None]) -> Report:
    import numpy as np

    sizes = QUICK if quick else Sizes()
    random = np.random.default_rng(SEED)
    report = Report("Writing")
    say("writing one by one")
    _report_single_writes(report, _measure_single_writes(sizes, random))
    say("importing")
    rates = _measure_import(sizes, random)
    _report_import(report, sizes, *rates, _measure_page_import(sizes, random))
    say("embedding the backlog")
    _report_backlog(report, sizes, *_measure_backlog(sizes, random))
    say("watching memories until they are found by meaning")
    _report_indexing_delay(report, *_measure_indexing_delay(sizes))
    return report


def _create_actor(name: str) -> Actor:
    return Actor(user=User.objects.create_user(f"{name}@example.org", None), door=Channel.WEB)


# --- One memory -----------------------------------------------------------------------------------------


def _measure_single_writes(sizes: Sizes, random: "np.random.Generator") -> dict[str, Times]:
    actor = _create_actor("one")
    some = make_texts(1_000, random)
    sealed = bytes(Memory._meta.get_field("text").seal(Memory(owner_id=actor.person.pk), some[0]))
    with closing(psycopg.connect(**connection.get_connection_params(), autocommit=True)) as raw:
        raw.execute(BARE_TABLE)
        return measure_in_turns(
            {
                "bare insert": lambda _: raw.execute(
                    BARE_INSERT, [new_id(), actor.person.pk, sealed], prepare=True
                ),
                "create_memory": lambda call: writes.create_memory(actor, text=some[call % 1_000]),
                "with a tag": lambda call: writes.create_memory(
                    actor, text=some[call % 1_000], tags=["work"]
                ),
            },
            rounds=sizes.rounds,
            calls=sizes.calls,
        )


def _report_single_writes(report: Report, timed: dict[str, Times]) -> None:
    table = report.add_table("One memory, saved and committed (fsync on), ms", "act", "p50", "p99", "ratio")
    bare = timed["bare insert"].p50
    for name, taken in timed.items():
        table.rows.append((name, taken.p50, taken.p99, taken.p50 / bare))
    # A tag is two rows more: told above, and no part of the promise.
    report.add_bar(
        "create_memory: of a bare one-row INSERT and commit", timed["create_memory"].p50 / bare, 3, " ×"
    )


# --- Many -----------------------------------------------------------------------------------------------


def _measure_import(sizes: Sizes, random: "np.random.Generator") -> tuple[float, float]:
    """Memories a second: in batches of IMPORT_BATCH, and the same rows bare, in one statement a batch."""
    actor = _create_actor("import")
    items = [NewMemory(text) for text in make_texts(sizes.imported, random)]
    sealed = bytes(Memory._meta.get_field("text").seal(Memory(owner_id=actor.person.pk), items[0].text))
    ours = bare = 0.0
    with closing(psycopg.connect(**connection.get_connection_params())) as raw:
        for first in range(0, len(items), IMPORT_BATCH):
            batch = items[first : first + IMPORT_BATCH]
            begun = time.perf_counter()
            writes.create_memories(actor, batch)
            between = time.perf_counter()
            with raw.transaction(), raw.cursor() as cursor:
                cursor.executemany(BARE_INSERT, [(new_id(), actor.person.pk, sealed) for _ in batch])
            ours += between - begun
            bare += time.perf_counter() - between
    Memory.objects.update(index_state=IndexState.READY)  # not what the next part embeds
    return len(items) / ours, len(items) / bare


def _measure_page_import(sizes: Sizes, random: "np.random.Generator") -> float:
    """Memories a second as the page imports them: a file looked at, laid down sealed, then brought in with a tag."""
    actor = _create_actor("page")
    file = io.BytesIO(
        orjson.dumps([{"memory": text} for text in dict.fromkeys(make_texts(sizes.imported, random))])
    )
    begun = time.perf_counter()
    batch = stage_import(actor, file)
    import_run.start_import(actor, batch.pk)
    while batch.state != ImportState.DONE:
        batch = import_run.advance_import(actor, batch.pk)
    rate = batch.done / (time.perf_counter() - begun)
    Memory.objects.update(index_state=IndexState.READY)  # not what the next part embeds
    return rate


def _report_import(report: Report, sizes: Sizes, ours: float, bare: float, by_the_page: float) -> None:
    table = report.add_table(
        f"{sizes.imported:,} memories by create_memories, {IMPORT_BATCH:,} at once", "", "a second"
    )
    table.rows.extend([("create_memories, not embedded", ours), ("bare INSERTs (executemany)", bare)])
    table.rows.append(("an import as the page does it, not embedded", by_the_page))
    report.add_bar("the page's import: of create_memories", by_the_page / ours, 0.5, " ×", at_least=True)
    report.add_bar("import, memories a second", ours, 1_000, at_least=True)


# --- The backlog ----------------------------------------------------------------------------------------


def _measure_backlog(sizes: Sizes, random: "np.random.Generator") -> tuple[float, float]:
    """Texts a second of the embedder alone, and of the worker's whole work, over the same texts in turns."""
    actor = _create_actor("backlog")
    embedder: Any = get_provider()
    bare = embedder.inner  # without the check of its answers
    embedder.embed_query("load the model")
    alone = whole = 0.0
    for _ in range(sizes.batches):
        batch = make_texts(indexer.BATCH, random)
        writes.create_memories(actor, [NewMemory(text) for text in batch])
        begun = time.perf_counter()
        bare.embed_documents(batch)
        between = time.perf_counter()
        claimed = indexer.process_batch(connection.connection.info.backend_pid)
        whole += time.perf_counter() - between
        alone += between - begun
        assert claimed == indexer.BATCH  # noqa: S101
    count = sizes.batches * indexer.BATCH
    return count / alone, count / whole


def _report_backlog(report: Report, sizes: Sizes, alone: float, whole: float) -> None:
    table = report.add_table(
        f"{sizes.batches * indexer.BATCH:,} memories that wait for vectors", "", "a second"
    )
    table.rows.extend([("the embedder alone", alone), ("worker.work_once", whole)])
    report.add_bar("backlog: of the bare embedder's rate", whole / alone, 0.8, " ×", at_least=True)


# --- From saving to being found ---------------------------------------------------------------------------


def _measure_indexing_delay(sizes: Sizes) -> tuple[Times, int, float]:
    """How long after its save each memory had its vector; how many never had; the rate that was written at."""
    actor = _create_actor("watched")
    found: dict[UUID, float] = {}
    with run_indexing_worker(), writer.run_writer(actor.person.pk, WRITES_A_SECOND) as saved:
        _wait_until_settled(saved)
        begun = time.monotonic()
        while time.monotonic() - begun < sizes.watched_s:
            _poll_indexed(saved, found)
        counted = {memory_id: at for memory_id, at in list(saved.items()) if begun <= at}
        rate = len(counted) / (time.monotonic() - begun)
        until = time.monotonic() + SETTLE_S
        while counted.keys() - found.keys() and time.monotonic() < until:
            _poll_indexed(saved, found)
    _assert_searchable(actor, next(iter(found)))
    taken = [(found[memory_id] - at) * 1000 for memory_id, at in counted.items() if memory_id in found]
    return build_times(taken), len(counted.keys() - found.keys()), rate


def _wait_until_settled(saved: writer.SaveTimes) -> None:
    """Until the worker has loaded its model, and has embedded what gathered meanwhile."""
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        found: dict[UUID, float] = {}
        _poll_indexed(saved, found)
        if found and work_queue.get_backlog().pending < WRITES_A_SECOND:
            return


def _poll_indexed(saved: writer.SaveTimes, found: dict[UUID, float]) -> None:
    waiting = list(dict.fromkeys(saved.copy()).keys() - found.keys())
    with connection.cursor() as cursor:
        cursor.execute(SELECT_INDEXED, [waiting])
        now = time.monotonic()
        found.update((row[0], now) for row in cursor.fetchall())
    time.sleep(POLL_S)


def _assert_searchable(actor: Actor, memory_id: UUID) -> None:
    """That a vector in the index means what is claimed here: search finds the memory by its meaning."""
    text = Memory.objects.get(pk=memory_id).text
    hits = search_memories(actor, text).hits
    assert any(hit.memory.pk == memory_id and (hit.cosine or 0) > 0.99 for hit in hits)  # noqa: S101


def _report_indexing_delay(report: Report, taken: Times, never: int, rate: float) -> None:
    table = report.add_table(
        "From saving to being found by meaning, a worker running", "memories a second", "p50, ms", "p99, ms"
    )
    table.rows.append((rate, taken.p50, taken.p99))
    report.notes.append(
        f"{len(taken.ms):,} memories were watched; {never} of them were not found {SETTLE_S:.0f} s later."
    )
