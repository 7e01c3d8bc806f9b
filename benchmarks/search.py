"""Speed and recall of search: its statements and the service call, compared to numpy and a plain count(*)."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import UUID

from django.conf import settings

from accounts.actor import Actor, Channel
from benchmarks import corpus, databases, writer
from benchmarks.clock import CALLS, FEW_CALLS, Times, measure_in_turns
from benchmarks.corpus import CorpusOwner, FixedVectorProvider
from benchmarks.report import Report
from core.db import prepared
from memories.index import spaces
from memories.index.languages import get_default_language
from memories.models.visibility import Filters
from memories.search import ranking, visible_words
from memories.search.query import Arm, Hit, search_memories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K = 10
WORDS_PER_QUESTION = 3
WRITES_PER_SECOND = 20
SEED = 20_240
IDLE_NS_PER_ROW = 240
OVERHEAD = "over its statements"
MEMORY = "service, vectors in memory"  # of owners who have enough for that
BUDGET_MB = 1_000
STOP_WORD = "what"  # has no keyword, so only the vector arm runs
STOP_WORDS = "what is it"  # may match a text literally, so as many candidates are ranked as for any phrase


@dataclass(frozen=True)
class Sizes:
    owners: tuple[int, ...] = (100, 2_000, 10_000, 50_000)
    compared: tuple[int, ...] = (100, 2_000, 10_000)  # compared to numpy
    hybrid: int = 2_000  # size at which the arms are compared, also during writes
    others: int = 100_000
    others_each: int = 2_000
    rounds: int = 20
    calls: int = CALLS
    questions: int = 20  # timed in turns
    recall_questions: int = 1_000  # compared to numpy's results
    vacuum_timeout_s: float = 300


QUICK = Sizes(
    (100, 500),
    (100, 500),
    500,
    1_000,
    500,
    rounds=1,
    calls=FEW_CALLS,
    questions=2,
    recall_questions=5,
    vacuum_timeout_s=1,
)

Call = tuple[str, Any]  # a statement and its parameters


@dataclass(frozen=True)
class Question:
    """A question to one user, and the statements that the product executes for it."""

    text: str
    vector: "NDArray[np.float32]"
    by_vector: list[Call]
    by_vector_of_many: list[Call]  # with as many candidates as `hybrid`
    by_words: list[Call]
    hybrid: list[Call]
    tagged: list[Call]
    whole: list[Call]  # hybrid, and loading the results


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    import numpy as np

    sizes = QUICK if quick else Sizes()
    random = np.random.default_rng(SEED)
    report = Report("Search")
    log_progress("creating users and memories")
    owners = [corpus.create_owner(f"owner-{size}", size, random) for size in sizes.owners]
    each = sizes.others_each
    others = [corpus.create_owner(f"other-{index}", each, random) for index in range(sizes.others // each)]
    spaces.get_space(get_default_language())  # created now, so that both databases have it
    tenth_database = databases.copy_empty_database("tenth")
    corpus.write_corpus([*owners, *others[: max(1, len(others) // 10)]], "tenth", random)
    corpus.write_corpus([*owners, *others], "picard", random)
    _wait_for_vacuum(owners, tenth_database, sizes, report, log_progress)
    timed = {
        len(person.ids): _measure_searches(person, tenth_database, sizes, random, log_progress)
        for person in owners
    }
    _report_times(report, timed, sizes)
    _report_speed(report, timed[sizes.hybrid], sizes.hybrid)
    recall = {len(person.ids): _measure_recall(person, sizes, random) for person in owners}
    _report_recall(report, recall)
    log_progress("searching while memories are written")
    written_owner = owners[sizes.owners.index(sizes.hybrid)]
    _report_writes(report, timed[sizes.hybrid], *_measure_during_writes(written_owner, sizes, random))
    return report


def _wait_for_vacuum(
    owners: Sequence[CorpusOwner],
    tenth_database: object,
    sizes: Sizes,
    report: Report,
    log_progress: Callable[[str], None],
) -> None:
    log_progress("waiting for autovacuum")
    ids = [person.user.pk for person in owners]
    seconds = databases.wait_for_autovacuum(ids, sizes.vacuum_timeout_s)
    with databases.use_database(tenth_database):
        tenth_seconds = databases.wait_for_autovacuum(ids, sizes.vacuum_timeout_s)
    total = None if seconds is None or tenth_seconds is None else seconds + tenth_seconds
    report.notes.append(
        f"Autovacuum did not finish within {sizes.vacuum_timeout_s:.0f} s."
        if total is None
        else f"No manual VACUUM: autovacuum finished {total:.0f} s after the rows were written."
    )


# --- Measurements ---------------------------------------------------------------------------------------


def _measure_searches(
    person: CorpusOwner,
    tenth_database: object,
    sizes: Sizes,
    random: "np.random.Generator",
    log_progress: Callable[[str], None],
) -> dict[str, Times]:
    log_progress(f"searching {len(person.ids):,} memories")
    questions = _build_questions(person, sizes.questions, random)
    operations = {
        "numpy": lambda call: _find_nearest_numpy(person, _pick_question(questions, call).vector),
        "count(*)": lambda _: _count_rows(person.user.pk),
        "vector": lambda call: _execute_calls(_pick_question(questions, call).by_vector),
        "vector, a tenth": lambda call: _execute_calls_on(
            tenth_database, _pick_question(questions, call).by_vector
        ),
        "vector of 50": lambda call: _execute_calls(_pick_question(questions, call).by_vector_of_many),
        "keywords": lambda call: _execute_calls(_pick_question(questions, call).by_words),
        "hybrid": lambda call: _execute_calls(_pick_question(questions, call).hybrid),
        "tagged": lambda call: _execute_calls(_pick_question(questions, call).tagged),
        "statements": lambda call: _execute_calls(_pick_question(questions, call).whole),
        "service": lambda call: overheads.append(_time_service_call(person, _pick_question(questions, call))),
        MEMORY: lambda call: _search_in_memory(person, _pick_question(questions, call)),
    }
    overheads: list[float] = []
    timed = measure_in_turns(operations, rounds=sizes.rounds, calls=sizes.calls)
    return timed | {OVERHEAD: Times(sorted(overheads[sizes.calls :]))}


def _pick_question(questions: Sequence[Question], call: int) -> Question:
    return questions[call % len(questions)]


def _build_questions(person: CorpusOwner, count: int, random: "np.random.Generator") -> list[Question]:
    """Build questions, each similar to one of the user's memories in words and in meaning."""
    return [
        _build_question(person, index, random)
        for index in random.integers(len(person.ids), size=count).tolist()
    ]


def _build_question(person: CorpusOwner, index: int, random: "np.random.Generator") -> Question:
    vector = _make_near_vector(person, index, random)
    text = " ".join(
        random.choice(person.texts[index].rstrip(".").split(), WORDS_PER_QUESTION, replace=False).tolist()
    )
    tagged = Filters(tags_any=frozenset({person.tag.pk}))
    return Question(
        text=text,
        vector=vector,
        by_vector=_capture_calls(person, STOP_WORD, vector),
        by_vector_of_many=_capture_calls(person, STOP_WORDS, vector),
        by_words=_capture_calls(person, text, None),
        hybrid=_capture_calls(person, text, vector),
        tagged=_capture_calls(person, text, vector, tagged),
        whole=_capture_calls(person, text, vector, reading=True),
    )


def _make_near_vector(
    person: CorpusOwner, index: int, random: "np.random.Generator"
) -> "NDArray[np.float32]":
    near = person.vectors[index] + corpus.make_clustered_vectors(1, random)[0]
    unit: NDArray[np.float32] = near / math.sqrt(float(near @ near))
    return unit


def _capture_calls(
    person: CorpusOwner, text: str, vector: Any, filters: Filters | None = None, *, reading: bool = False
) -> list[Call]:
    """Capture the statements with which search ranks and, if `reading`, loads the results."""
    calls: list[Call] = []

    def capture_call(sql: str, params: Any) -> list[tuple[Any, ...]]:
        calls.append((sql, params))
        return prepared.fetch_prepared(sql, params)

    def capture_ranking(*args: Any, **kwargs: Any) -> Call | None:
        call = original_build(*args, **kwargs)
        rankings.extend([call] if call else [])
        return call

    rankings: list[Call] = []
    original_build = ranking.build_statement
    with (
        mock.patch.object(ranking, "fetch_prepared", capture_call),
        mock.patch.object(visible_words, "fetch_prepared", capture_call),
        mock.patch.object(ranking, "build_statement", capture_ranking),
    ):
        if vector is None:
            search_memories(_build_actor(person), text, filters=filters, limit=K, arms={Arm.WORDS})
        else:
            with _patch_vector(vector):
                search_memories(_build_actor(person), text, filters=filters, limit=K)
    return calls if reading else [*calls[:-1], *rankings]


@contextmanager
def _patch_vector(vector: Any) -> Iterator[None]:
    """Make the provider return this vector for every question."""
    with mock.patch.object(FixedVectorProvider, "vector", tuple(vector.tolist())):
        yield


def _build_actor(person: CorpusOwner) -> Actor:
    return Actor(user=person.user, door=Channel.WEB)


def _execute_calls(calls: Sequence[Call]) -> list[tuple[Any, ...]]:
    return [row for sql, params in calls for row in prepared.fetch_prepared(sql, params)]


def _execute_calls_on(other: object, calls: Sequence[Call]) -> None:
    with databases.use_database(other):
        _execute_calls(calls)


def _count_rows(owner: UUID) -> None:
    prepared.fetch_prepared("select count(*) from memories_memoryvector where owner_id = %s", [owner])


def _find_nearest_numpy(person: CorpusOwner, vector: "NDArray[np.float32]") -> list[UUID]:
    """Return the K nearest memories in order by an exact scan: float32, one thread (`__main__.py`)."""
    import numpy as np

    cosines = person.vectors @ vector
    best = np.argpartition(cosines, -K)[-K:]
    return [person.ids[index] for index in best[np.argsort(-cosines[best])]]


def _time_service_call(person: CorpusOwner, question: Question) -> float:
    """Time the service call with ten texts decrypted, and return the milliseconds spent outside its statements.

    Measured within one call: the difference of two medians would be less precise.
    """
    FixedVectorProvider.vector = question.vector.tolist()  # not patched: patching takes time
    in_statements = 0.0

    def timed_fetch(sql: str, params: Any) -> list[tuple[object, ...]]:
        nonlocal in_statements
        started_at = time.perf_counter()
        rows = prepared.fetch_prepared(sql, params)
        in_statements += time.perf_counter() - started_at
        return rows

    with (
        mock.patch.object(ranking, "fetch_prepared", timed_fetch),
        mock.patch.object(visible_words, "fetch_prepared", timed_fetch),
    ):
        started_at = time.perf_counter()
        for hit in search_memories(_build_actor(person), question.text, limit=K).hits:
            assert hit.memory.text  # noqa: S101
        return (time.perf_counter() - started_at - in_statements) * 1000


def _search_in_memory(person: CorpusOwner, question: Question) -> list[Hit]:
    FixedVectorProvider.vector = question.vector.tolist()
    with mock.patch.object(settings, "MEMORY_VECTORS_MB", BUDGET_MB):
        hits = search_memories(_build_actor(person), question.text, limit=K).hits
    for hit in hits:
        assert hit.memory.text  # noqa: S101
    return hits


def _measure_recall(person: CorpusOwner, sizes: Sizes, random: "np.random.Generator") -> float:
    """Return the share of numpy's best K that the vector arm finds in the user's rotated halfvecs."""
    matches = 0
    for index in random.integers(len(person.ids), size=sizes.recall_questions).tolist():
        vector = _make_near_vector(person, index, random)
        ranked = {row[0] for row in _execute_calls(_capture_calls(person, STOP_WORD, vector))}
        matches += len(ranked & set(_find_nearest_numpy(person, vector)))
    return matches / (sizes.recall_questions * K)


def _measure_during_writes(
    person: CorpusOwner, sizes: Sizes, random: "np.random.Generator"
) -> tuple[dict[str, Times], int, int]:
    """Return times, the number of memories added for the same user meanwhile, and heap fetches at the end."""
    questions = _build_questions(person, sizes.questions, random)
    operations = {
        "vector": lambda call: _execute_calls(_pick_question(questions, call).by_vector),
        "hybrid": lambda call: _execute_calls(_pick_question(questions, call).hybrid),
        "service": lambda call: _time_service_call(person, _pick_question(questions, call)),
    }
    with writer.run_writer(person.user.pk, WRITES_PER_SECOND) as saved:
        timed = measure_in_turns(operations, rounds=sizes.rounds * 4, calls=sizes.calls)
    return timed, len(saved), databases.count_heap_fetches(person.user.pk)


# --- Reports --------------------------------------------------------------------------------------------


def _report_times(report: Report, timed: dict[int, dict[str, Times]], sizes: Sizes) -> None:
    names = [name for name in next(iter(timed.values())) if name != OVERHEAD]
    table = report.add_table("Milliseconds, p50 / p99", "memories of the owner", *names)
    for size, times in timed.items():
        table.rows.append((size, *(f"{times[name].p50:.3g} / {times[name].p99:.3g}" for name in names)))
    ratios = report.add_table(
        "Ratios of medians", "memories of the owner", "vector : numpy", "vector : count(*)",
        "vector : a tenth of the corpus", "hybrid : vector", "hybrid : vector of 50", "tagged : hybrid",
        "service call over its statements, ms",
    )  # fmt: skip
    for size, times in timed.items():
        ratios.rows.append((size, *_compute_ratios(times)))
    for size in sizes.compared:
        times = timed[size]
        limit = 0.3 + 10 * times["numpy"].p50
        report.add_bar(f"vector arm, {size:,}: .3 ms + 10 × numpy", times["vector"].p50, limit, " ms")
    for size, times in timed.items():
        ratio = times["vector"].p50 / times["vector, a tenth"].p50
        report.add_bar(f"vector arm, {size:,}: relative to a corpus a tenth the size", ratio, 1.25, " ×")
    times = timed[sizes.hybrid]
    ratio = times["hybrid"].p50 / times["vector of 50"].p50  # both rank the same number of candidates
    report.add_bar(f"hybrid, {sizes.hybrid:,}: relative to the vector arm of 50", ratio, 3.5, " ×")
    for size, times in timed.items():
        report.add_bar(
            f"tag-filtered, {size:,}: relative to unfiltered",
            times["tagged"].p50 / times["hybrid"].p50,
            2,
            " ×",
        )
    for size, times in timed.items():
        report.add_bar(f"service call, {size:,}: over its statements", times[OVERHEAD].p50, 3, " ms")
    largest = max(timed)
    report.add_bar(f"service call, {largest:,}, vectors in memory", timed[largest][MEMORY].p50, 15, " ms")


def _compute_ratios(times: dict[str, Times]) -> tuple[float, ...]:
    vector, hybrid = times["vector"].p50, times["hybrid"].p50
    return (
        vector / times["numpy"].p50,
        vector / times["count(*)"].p50,
        vector / times["vector, a tenth"].p50,
        hybrid / vector,
        hybrid / times["vector of 50"].p50,
        times["tagged"].p50 / hybrid,
        times[OVERHEAD].p50,
    )


def _report_speed(report: Report, times: dict[str, Times], size: int) -> None:
    """Note the speed of the machine, for the targets in milliseconds."""
    ns = times["count(*)"].p50 / size * 1_000_000
    report.notes.append(
        f"A plain count(*) took {ns:,.0f} ns per row. The targets in milliseconds were set on an idle machine, on "
        f"which it takes {IDLE_NS_PER_ROW}."
    )


def _report_recall(report: Report, recall: dict[int, float]) -> None:
    for size, share in recall.items():
        report.add_bar(f"recall@{K} of the vector arm, {size:,}", share, 0.999, at_least=True)


def _report_writes(
    report: Report, idle: dict[str, Times], timed: dict[str, Times], written: int, fetched: int
) -> None:
    table = report.add_table(
        f"While {WRITES_PER_SECOND} memories per second are written for the same user, ms p50 / p99",
        "arm", "idle", "while writing", "ratio",
    )  # fmt: skip
    for name, times in timed.items():
        idle_times = idle[name]
        table.rows.append(
            (
                name,
                f"{idle_times.p50:.3g} / {idle_times.p99:.3g}",
                f"{times.p50:.3g} / {times.p99:.3g}",
                times.p50 / idle_times.p50,
            )
        )
    report.notes.append(
        f"{written:,} memories were added meanwhile; {fetched:,} passages were in unvacuumed pages at the end. "
        f"{CALLS} calls of an operation in a row, in turns."
    )
