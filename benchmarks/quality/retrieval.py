"""Evaluate search with questions whose evidence is known.

The memories of each conversation belong to a temporary user in a transaction that is always rolled back. So nothing
remains even after an interruption, no worker or other user sees the memories, and no other row is read or written.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean

from django.db import transaction

from accounts import keys
from accounts.actor import Actor, Channel
from accounts.models import User
from benchmarks.quality.locomo import Conversation, Item, Question
from memories.index import work_queue
from memories.jobs import embedder
from memories.models import Memory, MemoryVector
from memories.providers.embeddings import ProviderUnavailable
from memories.search import ranking
from memories.search.query import Arm, search_memories
from memories.services import writes

DEPTHS = (1, 5, 10, 50)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
ALL, FOREIGN = "all", "foreign"
ARMS = {"both": frozenset(Arm), "meaning": {Arm.MEANING}, "words": {Arm.WORDS}}
BATCH = 64

EvidenceByMemory = dict[uuid.UUID, frozenset[str]]  # memory -> IDs of the turns it covers


@dataclass(frozen=True)
class QuestionResult:
    """The result of a question.

    recall: share of the evidence in the first hits, by depth. reciprocal_rank: 1 / rank of the first hit that is
    evidence, or 0. is_answered: whether the first hit is strong enough for an answer.
    """

    category: str
    recall: dict[int, float]
    reciprocal_rank: float
    is_answered: bool


@dataclass(frozen=True)
class ResultRow:
    """Means over the questions of a category, or of all."""

    memories: str  # turns or observations
    with_neighbours: bool
    arm: str
    category: str
    questions: int
    recall: dict[int, float]
    mrr: float
    answered: float


@contextmanager
def create_temporary_owner(language: str = "") -> Iterator[Actor]:
    """Yield an actor for a new user with this language; without one, with SEARCH_LANGUAGE. Rolls back all writes."""
    with transaction.atomic():
        person = User.objects.create_user(f"evaluation-{uuid.uuid4()}@picard.invalid", language=language)
        yield Actor(user=person, door=Channel.COMMAND)
        transaction.set_rollback(True)
    keys.clear_key_cache(person.pk)


def evaluate_search(
    conversations: Sequence[Conversation],
    *,
    language: str = "",
    log_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[ResultRow]:
    """Evaluate turns and observations, with and without neighbours, by arm and by category.

    language: the code of the users' language.
    The category "foreign" consists of the next conversation's questions, which these memories cannot answer: its
    `answered` is the share of false answers.
    """
    for memories in ("turns", "observations"):
        results_by_variant: dict[tuple[bool, str], list[QuestionResult]] = defaultdict(list)
        for number, conversation in enumerate(conversations):
            log_progress(f"{memories} of conversation {number + 1} of {len(conversations)}")
            foreign = conversations[(number + 1) % len(conversations)].questions
            for variant, results in _ask_questions(conversation, memories, foreign, language).items():
                results_by_variant[variant] += results
        for (with_neighbours, arm), results in sorted(results_by_variant.items()):
            yield from _aggregate_rows(memories, with_neighbours, arm, results)


def _ask_questions(
    conversation: Conversation, memories: str, foreign: Sequence[Question], language: str
) -> dict[tuple[bool, str], list[QuestionResult]]:
    items = conversation.turns if memories == "turns" else conversation.observations
    covered_ids = {name for item in items for name in item.dialog_ids}
    questions = [replace(each, evidence=each.evidence & covered_ids) for each in conversation.questions]
    results_by_variant = {}
    with create_temporary_owner(language) as actor:
        evidence_by_memory = load_memories(actor, items)
        for with_neighbours in (True, False):
            if not with_neighbours:
                MemoryVector.objects.filter(owner=actor.person).update(sequence=None)
            for name, arms in ARMS.items():
                results_by_variant[with_neighbours, name] = [
                    _ask_question(actor, each, CATEGORIES[each.category], evidence_by_memory, arms)
                    for each in questions
                    if each.evidence
                ]
        results_by_variant[False, "both"] += [
            _ask_question(actor, each, FOREIGN, evidence_by_memory, ARMS["both"]) for each in foreign
        ]
    return results_by_variant


def load_memories(actor: Actor, items: Sequence[Item]) -> EvidenceByMemory:
    """Save the items as the actor's memories, each session as a conversation, and index them as a worker does."""
    conversations: dict[int | None, uuid.UUID | None] = defaultdict(uuid.uuid4, {None: None})
    memories = writes.create_memories(
        actor,
        [
            writes.NewMemory(
                item.text,
                conversation=conversations[item.session],
                position=None if item.session is None else position,
            )
            for position, item in enumerate(items)
        ],
    )
    for memory, item in zip(memories, items, strict=True):
        memory.created_at = item.said_at
        Memory.objects.filter(pk=memory.pk).update(created_at=item.said_at)
    for first in range(0, len(memories), BATCH):
        _index_memories(memories[first : first + BATCH])
    return {memory.pk: item.dialog_ids for memory, item in zip(memories, items, strict=True)}


def _index_memories(memories: Sequence[Memory]) -> None:
    """Index memories without the queue, which would return memories of other users."""
    embedded = embedder.embed_memories(memories)
    for each in embedded:
        if each.vectors is None:
            raise ProviderUnavailable(each.error)
    vectors = [each.vectors or [] for each in embedded]
    work_queue.store_vectors(
        [each.memory for each in embedded],
        [each.passages for each in embedded],
        vectors,
        {each.memory.owner_id: each.language for each in embedded},
    )


def _ask_question(
    actor: Actor,
    question: Question,
    category: str,
    evidence_by_memory: EvidenceByMemory,
    arms: Collection[Arm],
) -> QuestionResult:
    hits = search_memories(actor, question.text, limit=max(DEPTHS), arms=arms).hits
    evidence = [evidence_by_memory[hit.memory.pk] & question.evidence for hit in hits]
    first = next((rank for rank, ids in enumerate(evidence, 1) if ids), None)
    return QuestionResult(
        category=category,
        recall={depth: len(set().union(*evidence[:depth])) / len(question.evidence) for depth in DEPTHS},
        reciprocal_rank=1 / first if first else 0.0,
        is_answered=bool(hits) and hits[0].strength >= ranking.STRONG_STRENGTH,
    )


def _aggregate_rows(
    memories: str, with_neighbours: bool, arm: str, results: Sequence[QuestionResult]
) -> Iterator[ResultRow]:
    for category in (ALL, *CATEGORIES.values(), FOREIGN):
        selected = [
            each
            for each in results
            if each.category == category or (category == ALL and each.category != FOREIGN)
        ]
        if selected:
            yield ResultRow(
                memories=memories,
                with_neighbours=with_neighbours,
                arm=arm,
                category=category,
                questions=len(selected),
                recall={depth: fmean(each.recall[depth] for each in selected) for depth in DEPTHS},
                mrr=fmean(each.reciprocal_rank for each in selected),
                answered=fmean(each.is_answered for each in selected),
            )
