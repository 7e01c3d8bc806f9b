"""How well the search finds: questions whose evidence is known, asked of the product itself.

Each conversation's memories belong to a person who exists only for it, in a transaction that is always rolled back:
even an interruption leaves nothing behind, no worker and no other person ever sees the memories, and no row of
anybody else is read or written.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from django.db import transaction

from accounts import keys
from accounts.actor import Actor, Channel
from accounts.models import User
from benchmarks.quality.locomo import Conversation, Item, Question
from memories.index import work_queue
from memories.jobs import indexer
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

EvidenceByMemory = dict[uuid.UUID, frozenset[str]]  # memory -> the ids of the turns that it tells of


@dataclass(frozen=True)
class QuestionResult:
    """What one question found.

    recall: by depth, the share of its evidence among so many hits. reciprocal_rank: 1 / the place of the first hit
    that is evidence, 0 when none is. is_answered: whether the first hit is as strong as an answer.
    """

    category: str
    recall: dict[int, float]
    reciprocal_rank: float
    is_answered: bool


@dataclass(frozen=True)
class ResultRow:
    """Means over the questions of one category, or of all."""

    memories: str  # turns or observations
    with_neighbours: bool
    arm: str
    category: str
    questions: int
    recall: dict[int, float]
    mrr: float
    answered: float


def evaluate_search(
    conversations: Sequence[Conversation], *, say: Callable[[str], None] = lambda _: None
) -> Iterator[ResultRow]:
    """Turns and observations, without and with neighbours, by both arms and each alone, in all and by category.

    The rows of the category "foreign" are the questions of the next conversation, which nothing here answers: their
    `answered` is the share of false answers.
    """
    for memories in ("turns", "observations"):
        found: dict[tuple[bool, str], list[QuestionResult]] = defaultdict(list)
        for number, conversation in enumerate(conversations):
            say(f"{memories} of conversation {number + 1} of {len(conversations)}")
            foreign = conversations[(number + 1) % len(conversations)].questions
            for how, results in _ask_questions(conversation, memories, foreign).items():
                found[how] += results
        for (with_neighbours, arm), results in sorted(found.items()):
            yield from _aggregate_rows(memories, with_neighbours, arm, results)


def _ask_questions(
    conversation: Conversation, memories: str, foreign: Sequence[Question]
) -> dict[tuple[bool, str], list[QuestionResult]]:
    items = conversation.turns if memories == "turns" else conversation.observations
    held = {name for item in items for name in item.dialog_ids}
    questions = [replace(one, evidence=one.evidence & held) for one in conversation.questions]
    found = {}
    with transaction.atomic():
        person = User.objects.create_user(f"evaluation-{uuid.uuid4()}@picard.invalid")
        actor = Actor(user=person, door=Channel.COMMAND)
        told = load_memories(actor, items)
        for with_neighbours in (True, False):
            if not with_neighbours:
                MemoryVector.objects.filter(owner=person).update(sequence=None)
            for name, arms in ARMS.items():
                found[with_neighbours, name] = [
                    _ask_question(actor, one, CATEGORIES[one.category], told, arms)
                    for one in questions
                    if one.evidence
                ]
        found[False, "both"] += [_ask_question(actor, one, FOREIGN, told, ARMS["both"]) for one in foreign]
        transaction.set_rollback(True)
    keys.clear_key_cache(person.pk)
    return found


def load_memories(actor: Actor, items: Sequence[Item]) -> EvidenceByMemory:
    """Keep the items as memories of the actor's own, each session a conversation, indexed as a worker does it."""
    conversations: dict[int, uuid.UUID] = defaultdict(uuid.uuid4)
    memories = writes.create_memories(
        actor,
        [
            writes.NewMemory(item.text, conversation=conversations[item.session], position=at)
            for at, item in enumerate(items)
        ],
    )
    for memory, item in zip(memories, items, strict=True):
        memory.created_at = item.said_at
        Memory.objects.filter(pk=memory.pk).update(created_at=item.said_at)
    for first in range(0, len(memories), BATCH):
        _index_memories(memories[first : first + BATCH])
    return {memory.pk: item.dialog_ids for memory, item in zip(memories, items, strict=True)}


def _index_memories(memories: Sequence[Memory]) -> None:
    """Not by the queue: it would hand out the memories of others."""
    done = indexer.embed_memories(memories)
    for one in done:
        if one.vectors is None:
            raise ProviderUnavailable(one.error)
    vectors = [one.vectors or [] for one in done]
    work_queue.store_vectors(
        [one.memory for one in done], [one.passages for one in done], vectors, work_queue.get_active_space()
    )


def _ask_question(
    actor: Actor, question: Question, category: str, told: EvidenceByMemory, arms: Collection[Arm]
) -> QuestionResult:
    hits = search_memories(actor, question.text, limit=max(DEPTHS), arms=arms).hits
    evidence = [told[hit.memory.pk] & question.evidence for hit in hits]
    first = next((place for place, ids in enumerate(evidence, 1) if ids), None)
    return QuestionResult(
        category=category,
        recall={depth: len(set().union(*evidence[:depth])) / len(question.evidence) for depth in DEPTHS},
        reciprocal_rank=1 / first if first else 0.0,
        is_answered=bool(hits) and hits[0].strength >= ranking.ANSWER_THRESHOLD,
    )


def _aggregate_rows(
    memories: str, with_neighbours: bool, arm: str, results: Sequence[QuestionResult]
) -> Iterator[ResultRow]:
    for category in (ALL, *CATEGORIES.values(), FOREIGN):
        of_it = [
            one
            for one in results
            if one.category == category or (category == ALL and one.category != FOREIGN)
        ]
        if of_it:
            yield ResultRow(
                memories=memories,
                with_neighbours=with_neighbours,
                arm=arm,
                category=category,
                questions=len(of_it),
                recall={depth: fmean(one.recall[depth] for one in of_it) for depth in DEPTHS},
                mrr=fmean(one.reciprocal_rank for one in of_it),
                answered=fmean(one.is_answered for one in of_it),
            )
