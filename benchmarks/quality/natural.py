"""Evaluate search on this project's own sets: what people save and how they ask for it (sets/README.md)."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from accounts.actor import Actor
from benchmarks.quality.locomo import Item
from benchmarks.quality.retrieval import ALL, ARMS, EvidenceByMemory, create_temporary_owner, load_memories
from core import languages
from core.languages import ENGLISH, SEVERAL
from memories.search.query import Arm, search_memories

SETS = Path(__file__).parent / "sets"
NAMES = ("natural-en", "paraphrases-en")
LANGUAGES = "languages"
MIXED = "mixed"  # the set of all languages in one account
DEPTHS = (1, 5, 10)
MAX_RANK = 50
DEFAULT_DATE = "2026-03-02"  # of memories without a date


@dataclass(frozen=True)
class SetQuestion:
    """A question, the IDs of all memories that answer it, and who asks: a person or an AI client."""

    text: str
    asked_by: str
    answers: frozenset[str]


@dataclass(frozen=True)
class EvaluationSet:
    """The memories of one account, none of them in a conversation, and the questions about them.

    language: the code of the language that they are in.
    """

    name: str
    memories: list[Item]
    questions: list[SetQuestion]
    language: str = ENGLISH


@dataclass(frozen=True)
class SetRow:
    """Means over the questions of a set that a person or an AI client asks, or all.

    recall: share of the questions with an answer among the first hits, by depth. mrr: mean of 1 / rank of the first.
    """

    name: str
    arm: str
    asked_by: str
    questions: int
    recall: dict[int, float]
    mrr: float


def read_sets(names: Sequence[str] = NAMES) -> list[EvaluationSet]:
    return [_parse_set(name, _read_file(name), ENGLISH) for name in names]


def read_language_sets() -> list[EvaluationSet]:
    """Return the set of each language of sets/languages.json, and one of all of them, whose IDs differ."""
    sets = [_parse_set(code, contents, code) for code, contents in _read_file(LANGUAGES).items()]
    memories = [memory for each in sets for memory in each.memories]
    questions = [question for each in sets for question in each.questions]
    return [*sets, EvaluationSet(MIXED, memories, questions, SEVERAL)]


def select_sets(language: str) -> list[EvaluationSet]:
    """Return the own sets for users of this language: those in it, or all if there is none or it is "several"."""
    sets = [*read_sets(), *read_language_sets()]
    chosen = [each for each in sets if each.language == language]
    return chosen if chosen and language != SEVERAL else sets


def read_unanswerable(name: str = NAMES[0]) -> list[str]:
    """Return the questions that no memory of a set answers."""
    return [str(text) for text in _read_file(name)["unanswerable"]]


def evaluate_sets(
    sets: Sequence[EvaluationSet],
    *,
    language: str = "",
    log_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[SetRow]:
    """Evaluate each set with both arms and with each alone. Leaves nothing in the database.

    language: the code of the users' language, by default that of each set.
    """
    for each in sets:
        log_progress(f"{each.name}: {len(each.memories)} memories")
        with create_temporary_owner(language or each.language) as actor:
            ids_by_memory = load_memories(actor, each.memories)
            ranks_by_arm = {
                name: [_find_rank(actor, question, ids_by_memory, arms) for question in each.questions]
                for name, arms in ARMS.items()
            }
        for arm, ranks in ranks_by_arm.items():
            yield from _aggregate_rows(each, arm, ranks)


def average_languages(rows: Iterable[SetRow]) -> Iterator[SetRow]:
    """Yield the means over the sets that are named by a language, by arm."""
    for arm in ARMS:
        found = [
            row for row in rows if row.arm == arm and row.asked_by == ALL and row.name in languages.NAMES
        ]
        if found:
            yield SetRow(
                name=f"mean of {len(found)}",
                arm=arm,
                asked_by=ALL,
                questions=sum(row.questions for row in found),
                recall={depth: fmean(row.recall[depth] for row in found) for depth in DEPTHS},
                mrr=fmean(row.mrr for row in found),
            )


def _read_file(name: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((SETS / f"{name}.json").read_text("utf-8"))
    return contents


def _parse_set(name: str, contents: dict[str, Any], language: str) -> EvaluationSet:
    memories = [
        Item(
            entry["text"],
            frozenset([entry["id"]]),
            None,
            datetime.fromisoformat(entry.get("date", DEFAULT_DATE)).replace(tzinfo=UTC),
        )
        for entry in contents["memories"]
    ]
    questions = [
        SetQuestion(entry["text"], entry["asked_by"], frozenset(entry["answers"]))
        for entry in contents["questions"]
    ]
    return EvaluationSet(name, memories, questions, language)


def _find_rank(
    actor: Actor, question: SetQuestion, ids_by_memory: EvidenceByMemory, arms: Collection[Arm]
) -> int | None:
    """Return the rank of the first hit that answers the question, from 1; None if none of the first does."""
    hits = search_memories(actor, question.text, limit=MAX_RANK, arms=arms).hits
    ranks = (rank for rank, hit in enumerate(hits, 1) if ids_by_memory[hit.memory.pk] & question.answers)
    return next(ranks, None)


def _aggregate_rows(each: EvaluationSet, arm: str, ranks: Sequence[int | None]) -> Iterator[SetRow]:
    askers = sorted({question.asked_by for question in each.questions})
    for asked_by in (ALL, *askers) if len(askers) > 1 else (ALL,):
        selected = [
            rank
            for question, rank in zip(each.questions, ranks, strict=True)
            if asked_by in (ALL, question.asked_by)
        ]
        yield SetRow(
            name=each.name,
            arm=arm,
            asked_by=asked_by,
            questions=len(selected),
            recall={
                depth: fmean(rank is not None and rank <= depth for rank in selected) for depth in DEPTHS
            },
            mrr=fmean(1 / rank if rank else 0.0 for rank in selected),
        )
