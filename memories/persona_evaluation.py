"""How often a persona answers what its memories tell of, and refuses what they do not: by conversation."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from django.db import transaction

from accounts import keys
from accounts.actor import Actor, Door
from accounts.models import User
from memories.evaluation import CATEGORIES, FOREIGN, load
from memories.locomo import Conversation, Question
from memories.persona import CITED, answering
from memories.search import search

ANSWERABLE, ADVERSARIAL = "answerable", "adversarial"


@dataclass(frozen=True)
class Share:
    """Of the questions of a kind, the share that was answered. kind: answerable, adversarial or foreign."""

    memories: str  # turns or observations
    conversation: int  # from 1
    kind: str
    questions: int
    answered: float


def answered_shares(conversations: Sequence[Conversation]) -> Iterator[Share]:
    """Foreign questions are those of all the other conversations. Leaves nothing in the database."""
    for memories in ("turns", "observations"):
        for number, conversation in enumerate(conversations):
            others = [one for each in conversations if each is not conversation for one in each.questions]
            for kind, answered in _ask_all(conversation, memories, others).items():
                if answered:
                    yield Share(memories, number + 1, kind, len(answered), fmean(answered))


def _ask_all(conversation: Conversation, memories: str, others: Sequence[Question]) -> dict[str, list[bool]]:
    items = conversation.turns if memories == "turns" else conversation.observations
    held = {name for item in items for name in item.dialog_ids}
    own = [one for one in conversation.questions if one.evidence & held]
    with transaction.atomic():
        person = User.objects.create_user(f"evaluation-{uuid.uuid4()}@picard.invalid")
        actor = Actor(user=person, door=Door.COMMAND)
        load(actor, items)
        answered = {
            ANSWERABLE: [_is_answered(actor, one) for one in own if not _is_adversarial(one)],
            ADVERSARIAL: [_is_answered(actor, one) for one in own if _is_adversarial(one)],
            FOREIGN: [_is_answered(actor, one) for one in others],
        }
        transaction.set_rollback(True)
    keys.forget_cached(person.pk)
    return answered


def _is_adversarial(question: Question) -> bool:
    return CATEGORIES[question.category] == ADVERSARIAL


def _is_answered(actor: Actor, question: Question) -> bool:
    return bool(answering(search(actor, question.text, limit=CITED).hits))
