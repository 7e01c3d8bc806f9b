"""How fast and how exact search is: its statement and the whole service call, beside numpy and a bare count(*)."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import UUID

from accounts.actor import Actor, Channel
from benchmarks import corpus, databases, writer
from benchmarks.clock import CALLS, FEW_CALLS, Times, measure_in_turns
from benchmarks.corpus import CorpusOwner, FixedVectorProvider
from benchmarks.report import Report
from core.db import prepared
from memories.index import work_queue
from memories.models.visibility import Filters
from memories.search import ranking
from memories.search.query import Arm, search_memories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K = 10
WORDS_A_QUESTION = 3
WRITES_A_SECOND = 20
SEED = 20_240
QUIET_NS_A_ROW = 240
OVER = "over its statements"
STOP_WORD = "what"  # a question without a word to look for: the vector arm alone
STOP_WORDS = (
    "what is it"  # and one that may stand in a text as it is: as many are looked through as by any phrase
)


@dataclass(frozen=True)
class Sizes:
    owners: tuple[int, ...] = (100, 2_000, 10_000, 50_000)
    barred: tuple[int, ...] = (100, 2_000, 10_000)  # where numpy is the measure of the vector arm
    hybrid: int = 2_000  # the size at which the arms are compared, and writes go on
    others: int = 100_000
    others_each: int = 2_000
    rounds: int = 20
    calls: int = CALLS
    questions: int = 20  # timed in turns
    recalled: int = 1_000  # questions whose answers are compared with numpy's
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
    recalled=5,
    vacuum_timeout_s=1,
)

Call = tuple[str, Any]  # a statement and its parameters


@dataclass(frozen=True)
class Question:
    """One question to one person, and what the product asks the database for it."""

    text: str
    vector: "NDArray[np.float32]"
    by_vector: list[Call]
    by_vector_of_many: list[Call]  # as many as `hybrid` looks through
    by_words: list[Call]
    hybrid: list[Call]
    tagged: list[Call]
    whole: list[Call]  # hybrid, and reading what it found


def run_benchmark(*, quick: bool, say: Callable[[str], None]) -> Report:
    import numpy as np

    sizes = QUICK if quick else Sizes()
    random = np.random.default_rng(SEED)
    report = Report("Search")
    say("making people and their memories")
    owners = [corpus.create_owner(f"owner-{size}", size, random) for size in sizes.owners]
    each = sizes.others_each
    others = [corpus.create_owner(f"other-{at}", each, random) for at in range(sizes.others // each)]
    work_queue.get_active_space()  # the same in both databases
    tenth = databases.copy_empty_database("tenth")
    corpus.write_corpus([*owners, *others[: max(1, len(others) // 10)]], "tenth", random)
    corpus.write_corpus([*owners, *others], "picard", random)
    _wait_for_vacuum(owners, tenth, sizes, report, say)
    timed = {len(person.ids): _measure_searches(person, tenth, sizes, random, say) for person in owners}
    _report_times(report, timed, sizes)
    _report_speed(report, timed[sizes.hybrid], sizes.hybrid)
    recall = {len(person.ids): _measure_recall(person, sizes, random) for person in owners}
    _report_recall(report, recall)
    say("the same while memories are written")
    chosen = owners[sizes.owners.index(sizes.hybrid)]
    _report_writes(report, timed[sizes.hybrid], *_measure_during_writes(chosen, sizes, random))
    return report


def _wait_for_vacuum(
    owners: Sequence[CorpusOwner], tenth: object, sizes: Sizes, report: Report, say: Callable[[str], None]
) -> None:
    say("waiting for autovacuum")
    ids = [person.user.pk for person in owners]
    waited = databases.wait_for_autovacuum(ids, sizes.vacuum_timeout_s)
    with databases.use_database(tenth):
        also = databases.wait_for_autovacuum(ids, sizes.vacuum_timeout_s)
    total = None if waited is None or also is None else waited + also
    report.notes.append(
        f"Autovacuum had not done its work within {sizes.vacuum_timeout_s:.0f} s."
        if total is None
        else f"No manual VACUUM: autovacuum had done its work {total:.0f} s after the rows were written."
    )


# --- What is timed --------------------------------------------------------------------------------------


def _measure_searches(
    person: CorpusOwner,
    tenth: object,
    sizes: Sizes,
    random: "np.random.Generator",
    say: Callable[[str], None],
) -> dict[str, Times]:
    say(f"searching {len(person.ids):,} memories")
    questions = _build_questions(person, sizes.questions, random)
    acts = {
        "numpy": lambda call: _find_nearest_numpy(person, _pick_question(questions, call).vector),
        "count(*)": lambda _: _count_rows(person.user.pk),
        "vector": lambda call: _execute_calls(_pick_question(questions, call).by_vector),
        "vector, a tenth": lambda call: _execute_calls_on(tenth, _pick_question(questions, call).by_vector),
        "vector of 50": lambda call: _execute_calls(_pick_question(questions, call).by_vector_of_many),
        "words": lambda call: _execute_calls(_pick_question(questions, call).by_words),
        "hybrid": lambda call: _execute_calls(_pick_question(questions, call).hybrid),
        "tagged": lambda call: _execute_calls(_pick_question(questions, call).tagged),
        "statements": lambda call: _execute_calls(_pick_question(questions, call).whole),
        "service": lambda call: over.append(_time_service_call(person, _pick_question(questions, call))),
    }
    over: list[float] = []
    timed = measure_in_turns(acts, rounds=sizes.rounds, calls=sizes.calls)
    return timed | {OVER: Times(sorted(over[sizes.calls :]))}


def _pick_question(questions: Sequence[Question], call: int) -> Question:
    return questions[call % len(questions)]


def _build_questions(person: CorpusOwner, count: int, random: "np.random.Generator") -> list[Question]:
    """Near one of the person's memories each, in words and in meaning."""
    return [
        _build_question(person, at, random) for at in random.integers(len(person.ids), size=count).tolist()
    ]


def _build_question(person: CorpusOwner, at: int, random: "np.random.Generator") -> Question:
    vector = _make_near_vector(person, at, random)
    text = " ".join(
        random.choice(person.texts[at].rstrip(".").split(), WORDS_A_QUESTION, replace=False).tolist()
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


def _make_near_vector(person: CorpusOwner, at: int, random: "np.random.Generator") -> "NDArray[np.float32]":
    near = person.vectors[at] + corpus.make_clustered_vectors(1, random)[0]
    unit: NDArray[np.float32] = near / math.sqrt(float(near @ near))
    return unit


def _capture_calls(
    person: CorpusOwner, text: str, vector: Any, filters: Filters | None = None, *, reading: bool = False
) -> list[Call]:
    """What the product's own search sends to the database to rank, and to read what it found if `reading`."""
    calls: list[Call] = []

    def remember(sql: str, params: Any) -> list[tuple[Any, ...]]:
        calls.append((sql, params))
        return prepared.fetch_prepared(sql, params)

    def remember_ranking(*args: Any, **how: Any) -> Call | None:
        found = statement(*args, **how)
        rankings.extend([found] if found else [])
        return found

    rankings: list[Call] = []
    statement = ranking.build_statement
    with (
        mock.patch.object(ranking, "fetch_prepared", remember),
        mock.patch.object(ranking, "build_statement", remember_ranking),
    ):
        if vector is None:
            search_memories(_build_actor(person), text, filters=filters, limit=K, arms={Arm.WORDS})
        else:
            with _patch_vector(vector):
                search_memories(_build_actor(person), text, filters=filters, limit=K)
    return calls if reading else [*calls[:-1], *rankings]


@contextmanager
def _patch_vector(vector: Any) -> Iterator[None]:
    """The provider gives this vector to every question."""
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
    """An exact scan in process: float32, one thread (management/commands/benchmark.py), the best K in order."""
    import numpy as np

    cosines = person.vectors @ vector
    best = np.argpartition(cosines, -K)[-K:]
    return [person.ids[at] for at in best[np.argsort(-cosines[best])]]


def _time_service_call(person: CorpusOwner, question: Question) -> float:
    """The whole call with ten texts unsealed. The milliseconds of it that were not spent in its statements: two
    medians of much that is the same would differ by more than that."""
    FixedVectorProvider.vector = question.vector.tolist()  # not patched: that takes time
    in_statements = 0.0

    def clocked(sql: str, params: Any) -> list[tuple[object, ...]]:
        nonlocal in_statements
        begun = time.perf_counter()
        rows = prepared.fetch_prepared(sql, params)
        in_statements += time.perf_counter() - begun
        return rows

    with mock.patch.object(ranking, "fetch_prepared", clocked):
        begun = time.perf_counter()
        for hit in search_memories(_build_actor(person), question.text, limit=K).hits:
            assert hit.memory.text  # noqa: S101
        return (time.perf_counter() - begun - in_statements) * 1000


def _measure_recall(person: CorpusOwner, sizes: Sizes, random: "np.random.Generator") -> float:
    """The share of numpy's best K that the vector arm finds, over halfvecs turned by the person's matrix."""
    found = 0
    for at in random.integers(len(person.ids), size=sizes.recalled).tolist():
        vector = _make_near_vector(person, at, random)
        ranked = {row[0] for row in _execute_calls(_capture_calls(person, STOP_WORD, vector))}
        found += len(ranked & set(_find_nearest_numpy(person, vector)))
    return found / (sizes.recalled * K)


def _measure_during_writes(
    person: CorpusOwner, sizes: Sizes, random: "np.random.Generator"
) -> tuple[dict[str, Times], int, int]:
    """Times, how many memories were added to the same person meanwhile, and heap fetches at the end."""
    questions = _build_questions(person, sizes.questions, random)
    acts = {
        "vector": lambda call: _execute_calls(_pick_question(questions, call).by_vector),
        "hybrid": lambda call: _execute_calls(_pick_question(questions, call).hybrid),
        "service": lambda call: _time_service_call(person, _pick_question(questions, call)),
    }
    with writer.run_writer(person.user.pk, WRITES_A_SECOND) as saved:
        timed = measure_in_turns(acts, rounds=sizes.rounds * 4, calls=sizes.calls)
    return timed, len(saved), databases.count_heap_fetches(person.user.pk)


# --- What is said of it ---------------------------------------------------------------------------------


def _report_times(report: Report, timed: dict[int, dict[str, Times]], sizes: Sizes) -> None:
    names = [name for name in next(iter(timed.values())) if name != OVER]
    table = report.add_table("Milliseconds, p50 / p99", "memories of the owner", *names)
    for size, times in timed.items():
        table.rows.append((size, *(f"{times[name].p50:.3g} / {times[name].p99:.3g}" for name in names)))
    ratios = report.add_table(
        "Ratios of medians", "memories of the owner", "vector : numpy", "vector : count(*)",
        "vector : a tenth of the corpus", "hybrid : vector", "hybrid : vector of 50", "tagged : hybrid",
        "service, outside its statements, ms",
    )  # fmt: skip
    for size, times in timed.items():
        ratios.rows.append((size, *_compute_ratios(times)))
    for size in sizes.barred:
        times = timed[size]
        limit = 0.3 + 10 * times["numpy"].p50
        report.add_bar(f"vector arm, {size:,}: .3 ms + 10 × numpy", times["vector"].p50, limit, " ms")
    for size, times in timed.items():
        ratio = times["vector"].p50 / times["vector, a tenth"].p50
        report.add_bar(f"vector arm, {size:,}: as in a corpus a tenth the size", ratio, 1.25, " ×")
    times = timed[sizes.hybrid]
    ratio = times["hybrid"].p50 / times["vector of 50"].p50  # both rank as many
    report.add_bar(f"hybrid, {sizes.hybrid:,}: of the vector arm", ratio, 3.5, " ×")
    for size, times in timed.items():
        report.add_bar(
            f"tag-filtered, {size:,}: of unfiltered", times["tagged"].p50 / times["hybrid"].p50, 2, " ×"
        )
    for size, times in timed.items():
        report.add_bar(f"service call, {size:,}: over its statements", times[OVER].p50, 3, " ms")


def _compute_ratios(times: dict[str, Times]) -> tuple[float, ...]:
    vector, hybrid = times["vector"].p50, times["hybrid"].p50
    return (
        vector / times["numpy"].p50,
        vector / times["count(*)"].p50,
        vector / times["vector, a tenth"].p50,
        hybrid / vector,
        hybrid / times["vector of 50"].p50,
        times["tagged"].p50 / hybrid,
        times[OVER].p50,
    )


def _report_speed(report: Report, times: dict[str, Times], size: int) -> None:
    """How fast the machine was just now, for the bars that are in milliseconds."""
    ns = times["count(*)"].p50 / size * 1_000_000
    report.notes.append(
        f"The bare count(*) took {ns:,.0f} ns a row. The bars in milliseconds were set on a quiet machine on which it "
        f"takes {QUIET_NS_A_ROW}."
    )


def _report_recall(report: Report, recall: dict[int, float]) -> None:
    for size, share in recall.items():
        report.add_bar(f"recall@{K} of the vector arm, {size:,}", share, 0.999, at_least=True)


def _report_writes(
    report: Report, quiet: dict[str, Times], timed: dict[str, Times], written: int, fetched: int
) -> None:
    table = report.add_table(
        f"While {WRITES_A_SECOND} memories a second are written to the same person, ms p50 / p99",
        "arm", "quiet", "while writing", "ratio",
    )  # fmt: skip
    for name, now in timed.items():
        before = quiet[name]
        table.rows.append(
            (
                name,
                f"{before.p50:.3g} / {before.p99:.3g}",
                f"{now.p50:.3g} / {now.p99:.3g}",
                now.p50 / before.p50,
            )
        )
    report.notes.append(
        f"{written:,} memories were added meanwhile; {fetched:,} passages were not yet in vacuumed pages at the end. "
        f"{CALLS} calls of a kind in a row, in turns."
    )
