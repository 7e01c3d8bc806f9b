"""How often a persona answers questions its memories cover and refuses others, by conversation and on our own sets."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from accounts.actor import Actor
from benchmarks.quality import natural as natural_sets
from benchmarks.quality.locomo import Conversation, Question
from benchmarks.quality.natural import EvaluationSet
from benchmarks.quality.retrieval import CATEGORIES, FOREIGN, create_temporary_owner, load_memories
from memories.persona.retrieval import judge_memories
from memories.search.answer_strength import ANSWER_STRENGTH

ANSWERABLE, ADVERSARIAL, RENAMED = "answerable", "adversarial", "renamed"
TARGET_SHARE = 0.9  # of the answerable questions of the other conversations, for calibration

Strengths = dict[str, list[float]]  # kind of question -> answer strengths


@dataclass(frozen=True)
class AnswerShare:
    """The share of answered questions of a kind: answerable, adversarial, foreign or renamed.

    calibrated: the threshold calibrated on the other conversations only; answered_by_it: the share answered with it.
    """

    memories: str  # turns or observations
    conversation: int  # from 1
    kind: str
    questions: int
    answered: float
    calibrated: float
    answered_by_it: float


@dataclass(frozen=True)
class SetShare:
    """Shares on one of our own sets: of its questions, and of those that none of its memories answers.

    right: answered with a right memory among those cited. shown: a right memory cited or among the closest. refused: of
    the unanswerable questions; nothing_near: refused without any memory.
    """

    name: str
    questions: int
    answered: float
    right: float
    shown: float
    unanswerable: int
    refused: float
    nothing_near: float


def measure_sets(language: str = "") -> Iterator[SetShare]:
    """Measure each of our own sets with questions that it does not answer."""
    natural, paraphrases = natural_sets.read_sets()
    yield measure_set(natural, natural_sets.read_unanswerable(), language)
    yield measure_set(paraphrases, [question.text for question in natural.questions], language)


def measure_set(each: EvaluationSet, unanswerable: Sequence[str], language: str = "") -> SetShare:
    """Ask the questions of a set and those that it does not answer. Leaves nothing in the database."""
    with create_temporary_owner(language) as actor:
        ids = load_memories(actor, each.memories)
        judged = [judge_memories(actor, actor.person, question.text)[0] for question in each.questions]
        others = [judge_memories(actor, actor.person, text)[0] for text in unanswerable]
    is_right = [
        [bool(ids[hit.memory.pk] & question.answers) for hit in found.hits]
        for question, found in zip(each.questions, judged, strict=True)
    ]
    return SetShare(
        each.name,
        len(each.questions),
        answered=fmean(found.answers > 0 for found in judged),
        right=fmean(any(right[: found.answers]) for found, right in zip(judged, is_right, strict=True)),
        shown=fmean(map(any, is_right)),
        unanswerable=len(unanswerable),
        refused=fmean(found.answers == 0 for found in others),
        nothing_near=fmean(not found.hits for found in others),
    )


def measure_answer_shares(conversations: Sequence[Conversation], language: str = "") -> Iterator[AnswerShare]:
    """Measure answer shares by conversation. Leaves nothing in the database.

    Foreign questions are those of all other conversations; renamed ones are the same with the names of this
    conversation's speakers.
    """
    strengths_by_run = {
        (memories, number): _ask_questions(conversations, number, memories, language)
        for memories in ("turns", "observations")
        for number in range(len(conversations))
    }
    for (memories, number), strengths in strengths_by_run.items():
        calibrated = _calibrate_threshold(
            [each for (_, other), each in strengths_by_run.items() if other != number]
        )
        for kind, kind_strengths in strengths.items():
            if kind_strengths:
                answered, by_calibrated = (
                    fmean(strength >= threshold for strength in kind_strengths)
                    for threshold in (ANSWER_STRENGTH, calibrated)
                )
                yield AnswerShare(
                    memories, number + 1, kind, len(kind_strengths), answered, calibrated, by_calibrated
                )


def _calibrate_threshold(others: Sequence[Strengths]) -> float:
    """Return the highest threshold with which TARGET_SHARE of the answerable questions are answered."""
    descending = sorted((question for each in others for question in each[ANSWERABLE]), reverse=True)
    return descending[math.ceil(len(descending) * TARGET_SHARE) - 1] if descending else ANSWER_STRENGTH


def _ask_questions(
    conversations: Sequence[Conversation], number: int, memories: str, language: str
) -> Strengths:
    conversation = conversations[number]
    items = conversation.turns if memories == "turns" else conversation.observations
    covered_ids = {name for item in items for name in item.dialog_ids}
    own = [question for question in conversation.questions if question.evidence & covered_ids]
    others = [each for each in conversations if each is not conversation]
    with create_temporary_owner(language) as actor:
        load_memories(actor, items)
        return {
            ANSWERABLE: [
                _measure_strength(actor, question.text) for question in own if not _is_adversarial(question)
            ],
            ADVERSARIAL: [
                _measure_strength(actor, question.text) for question in own if _is_adversarial(question)
            ],
            FOREIGN: [
                _measure_strength(actor, question.text) for each in others for question in each.questions
            ],
            RENAMED: [
                _measure_strength(
                    actor, _rename_speakers(question.text, each.speakers, conversation.speakers)
                )
                for each in others
                for question in each.questions
            ],
        }


def _rename_speakers(text: str, speakers: Sequence[str], replacements: Sequence[str]) -> str:
    for name, other in zip(speakers, replacements, strict=True):
        text = re.sub(rf"\b{re.escape(name)}\b", other, text)
    return text


def _is_adversarial(question: Question) -> bool:
    return CATEGORIES[question.category] == ADVERSARIAL


def _measure_strength(actor: Actor, question: str) -> float:
    judged, _is_degraded = judge_memories(actor, actor.person, question)
    return judged.strength
