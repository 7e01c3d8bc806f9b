"""Evaluate search on this project's own sets: what people save and how they ask for it (sets/README.md)."""

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from django.db import transaction

from accounts import keys
from accounts.actor import Actor, Channel
from accounts.models import User
from benchmarks.quality.locomo import Item
from benchmarks.quality.retrieval import ALL, ARMS, EvidenceByMemory, load_memories
from memories.search.query import Arm, search_memories

SETS = Path(__file__).parent / "sets"
NAMES = ("natural-en", "paraphrases-en")
DEPTHS = (1, 5, 10)
MAX_RANK = 50


@dataclass(frozen=True)
class SetQuestion:
    """A question, the IDs of all memories that answer it, and who asks: a person or an AI client."""

    text: str
    asked_by: str
    answers: frozenset[str]


@dataclass(frozen=True)
class EvaluationSet:
    """The memories of one account, none of them in a conversation, and the questions about them."""

    name: str
    memories: list[Item]
    questions: list[SetQuestion]


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
    return [_read_set(name) for name in names]


def read_unanswerable(name: str = NAMES[0]) -> list[str]:
    """Return the questions that no memory of a set answers."""
    return [str(text) for text in json.loads((SETS / f"{name}.json").read_text("utf-8"))["unanswerable"]]


def evaluate_sets(
    sets: Sequence[EvaluationSet], *, log_progress: Callable[[str], None] = lambda _: None
) -> Iterator[SetRow]:
    """Evaluate each set with both arms and with each alone. Leaves nothing in the database."""
    for each in sets:
        log_progress(f"{each.name}: {len(each.memories)} memories")
        with transaction.atomic():
            person = User.objects.create_user(f"evaluation-{uuid.uuid4()}@picard.invalid")
            actor = Actor(user=person, door=Channel.COMMAND)
            ids_by_memory = load_memories(actor, each.memories)
            ranks_by_arm = {
                name: [_find_rank(actor, question, ids_by_memory, arms) for question in each.questions]
                for name, arms in ARMS.items()
            }
            transaction.set_rollback(True)
        keys.clear_key_cache(person.pk)
        for arm, ranks in ranks_by_arm.items():
            yield from _aggregate_rows(each, arm, ranks)


def _read_set(name: str) -> EvaluationSet:
    contents = json.loads((SETS / f"{name}.json").read_text("utf-8"))
    memories = [
        Item(
            entry["text"],
            frozenset([entry["id"]]),
            None,
            datetime.fromisoformat(entry["date"]).replace(tzinfo=UTC),
        )
        for entry in contents["memories"]
    ]
    questions = [
        SetQuestion(entry["text"], entry["asked_by"], frozenset(entry["answers"]))
        for entry in contents["questions"]
    ]
    return EvaluationSet(name, memories, questions)


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
