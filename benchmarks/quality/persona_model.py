"""What a persona answers with a chat model that follows its instructions: a scripted one, over HTTP."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from asgiref.sync import async_to_sync
from django.test.utils import override_settings

from accounts.actor import Actor
from benchmarks.quality import natural as natural_sets
from benchmarks.quality.natural import SETS, EvaluationSet
from benchmarks.quality.retrieval import EvidenceByMemory, create_temporary_owner, load_memories
from benchmarks.servers.scripted_model import ScriptedModel
from memories.persona.answers import Answer, AnswerMode
from memories.persona.generation import generate_answer
from memories.persona.retrieval import prepare_answer
from memories.providers.chat import reset_model
from memories.providers.chat_settings import ChatSettings

OFF, QUESTION, STATEMENT = "off", "question", "statement"  # what the rewriting request returns


@dataclass(frozen=True)
class ModelShare:
    """Shares on one of our own sets, with a scripted chat model.

    rewriting: what the model returns when it is to rewrite a question: nothing is asked ("off"), the question itself,
    or a statement of sets/rewritings-en.json. right: answered with a right memory among those cited.
    """

    name: str
    rewriting: str
    questions: int
    answered: float
    right: float
    unanswerable: int
    refused: float


def measure_model_sets(language: str = "") -> Iterator[ModelShare]:
    """Measure each of our own sets with questions that it does not answer. Leaves nothing in the database."""
    natural, paraphrases = natural_sets.read_sets()
    statements = json.loads((SETS / "rewritings-en.json").read_text("utf-8"))
    for each, unanswerable in (
        (natural, natural_sets.read_unanswerable()),
        (paraphrases, [question.text for question in natural.questions]),
    ):
        for rewriting in (OFF, QUESTION, STATEMENT):
            known = statements if rewriting == STATEMENT else {}
            yield measure_model(each, unanswerable, rewriting=rewriting, statements=known, language=language)


def measure_model(
    each: EvaluationSet,
    unanswerable: Sequence[str],
    *,
    rewriting: str,
    statements: Mapping[str, str],
    language: str = "",
) -> ModelShare:
    """Ask the questions of a set and those that it does not answer, as the channels do."""
    texts = {name: item.text for item in each.memories for name in item.dialog_ids}
    known = {question.text: {texts[name] for name in question.answers} for question in each.questions}
    with ScriptedModel(known, statements) as model, create_temporary_owner(language) as actor:
        ids = load_memories(actor, each.memories)
        chat = ChatSettings("scripted", base_url=model.url, rewrites_questions=rewriting != OFF)
        with override_settings(CHAT=chat):
            reset_model()
            answers = [_ask(actor, question.text) for question in each.questions]
            others = [_ask(actor, text) for text in unanswerable]
    reset_model()
    rights = [
        _is_right(answer, question.answers, ids)
        for question, answer in zip(each.questions, answers, strict=True)
    ]
    return ModelShare(
        each.name,
        rewriting,
        len(each.questions),
        answered=fmean(bool(answer.citations) for answer in answers),
        right=fmean(rights),
        unanswerable=len(unanswerable),
        refused=fmean(not answer.citations for answer in others),
    )


def _ask(actor: Actor, question: str) -> Answer:
    answer = async_to_sync(generate_answer)(prepare_answer(actor, actor.person, question))
    if answer.degraded:
        raise RuntimeError(f"The scripted model gave no answer to {question!r}")
    return answer


def _is_right(answer: Answer, right: frozenset[str], ids: EvidenceByMemory) -> bool:
    is_generated = answer.mode == AnswerMode.WORDED
    return is_generated and any(ids[source.memory.pk] & right for source in answer.citations)
