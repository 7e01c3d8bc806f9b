"""How often a persona answers what its memories tell of, and refuses what they do not: by conversation."""

import math
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from django.db import transaction

from accounts import keys
from accounts.actor import Actor, Channel
from accounts.models import User
from benchmarks.quality.locomo import Conversation, Question
from benchmarks.quality.retrieval import CATEGORIES, FOREIGN, load_memories
from memories.persona.retrieval import (
    MAX_CITATIONS,
    extract_question_names,
    get_own_names,
    measure_answer_strength,
)
from memories.search.query import search_memories
from memories.search.ranking import ANSWER_THRESHOLD

ANSWERABLE, ADVERSARIAL, RENAMED = "answerable", "adversarial", "renamed"
TARGET_SHARE = 0.9  # of the answerable questions of the other conversations, the share that must be answered

Strengths = dict[str, list[float]]  # kind of question -> how strong an answer each got


@dataclass(frozen=True)
class AnswerShare:
    """Of the questions of a kind, the share that was answered. kind: answerable, adversarial, foreign or renamed.

    calibrated: the threshold that the other conversations would have chosen, this one not looked at;
    answered_by_it: the share that is answered with that one instead.
    """

    memories: str  # turns or observations
    conversation: int  # from 1
    kind: str
    questions: int
    answered: float
    calibrated: float
    answered_by_it: float


def measure_answer_shares(conversations: Sequence[Conversation]) -> Iterator[AnswerShare]:
    """Foreign questions are those of all the other conversations; renamed ones the same, with the names of this
    conversation's speakers put in. Leaves nothing in the database."""
    asked = {
        (memories, number): _ask_questions(conversations, number, memories)
        for memories in ("turns", "observations")
        for number in range(len(conversations))
    }
    for (memories, number), strengths in asked.items():
        calibrated = _calibrate_threshold([each for (_, other), each in asked.items() if other != number])
        for kind, of_kind in strengths.items():
            if of_kind:
                answered, by_it = (
                    fmean(strength >= least for strength in of_kind)
                    for least in (ANSWER_THRESHOLD, calibrated)
                )
                yield AnswerShare(memories, number + 1, kind, len(of_kind), answered, calibrated, by_it)


def _calibrate_threshold(others: Sequence[Strengths]) -> float:
    """The highest threshold by which CALIBRATED of their answerable questions are answered."""
    strongest = sorted((one for each in others for one in each[ANSWERABLE]), reverse=True)
    return strongest[math.ceil(len(strongest) * TARGET_SHARE) - 1] if strongest else ANSWER_THRESHOLD


def _ask_questions(conversations: Sequence[Conversation], number: int, memories: str) -> Strengths:
    conversation = conversations[number]
    items = conversation.turns if memories == "turns" else conversation.observations
    held = {name for item in items for name in item.dialog_ids}
    own = [one for one in conversation.questions if one.evidence & held]
    others = [each for each in conversations if each is not conversation]
    with transaction.atomic():
        person = User.objects.create_user(f"evaluation-{uuid.uuid4()}@picard.invalid")
        actor = Actor(user=person, door=Channel.COMMAND)
        load_memories(actor, items)
        strengths = {
            ANSWERABLE: [_measure_strength(actor, one.text) for one in own if not _is_adversarial(one)],
            ADVERSARIAL: [_measure_strength(actor, one.text) for one in own if _is_adversarial(one)],
            FOREIGN: [_measure_strength(actor, one.text) for each in others for one in each.questions],
            RENAMED: [
                _measure_strength(actor, _rename_speakers(one.text, each.speakers, conversation.speakers))
                for each in others
                for one in each.questions
            ],
        }
        transaction.set_rollback(True)
    keys.clear_key_cache(person.pk)
    return strengths


def _rename_speakers(text: str, speakers: Sequence[str], instead: Sequence[str]) -> str:
    for name, other in zip(speakers, instead, strict=True):
        text = re.sub(rf"\b{re.escape(name)}\b", other, text)
    return text


def _is_adversarial(question: Question) -> bool:
    return CATEGORIES[question.category] == ADVERSARIAL


def _measure_strength(actor: Actor, question: str) -> float:
    person = actor.person
    hits = search_memories(actor, question, limit=MAX_CITATIONS, names=get_own_names(person)).hits
    return measure_answer_strength(hits, extract_question_names(question, person))
