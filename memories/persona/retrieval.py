"""A persona: what a person's memories answer to a question, each memory cited.

Retrieval decides what can be said. What the asker may not see is never looked at, so there is nothing to leak. The
answer is the best memories themselves, in their own words; where none is likely to answer, that is said. A chat model
may word it anew (wording.py), out of what was found here and nothing else.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.consent import chat as chat_consent
from accounts.models import GENERATED_HANDLE_PREFIX, User
from memories import scopes
from memories.errors import PersonaNotFound
from memories.index import keywords
from memories.models import AuditAction, Memory
from memories.models.visibility import build_persona_access_q
from memories.providers import chat
from memories.search.query import Hit, search_memories
from memories.search.ranking import ANSWER_THRESHOLD
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.services.representation import shorten_text
from memories.validation import limits

SELF_HANDLE = "me"  # instead of a handle; no handle may be this word
HANDLE = re.compile(r"[a-z0-9-]{1,30}")
MAX_CITATIONS = 3  # memories at most: two of three answers have their evidence among so many (decision 0010)
MAX_MODEL_SOURCES = 8  # memories at most; what is not cited in the end is not shown as a source
EXCERPT_CHARACTERS = 600  # of a cited memory


class AnswerMode(StrEnum):
    """How an answer was made."""

    EXTRACTIVE = "extractive"
    WORDED = "worded"  # by a chat model


@dataclass(frozen=True)
class Citation:
    """A memory that an answer rests on. number: as in the answer's text, from 1. text: of a long one, its beginning."""

    number: int
    memory: Memory
    text: str


@dataclass(frozen=True)
class Answer:
    """What was answered: plain text, never markup. Without citations: no memory answers.

    degraded: only words were compared, because the embedding provider did not answer; or memories are quoted, because
    the chat model did not.
    """

    text: str
    citations: tuple[Citation, ...]
    mode: AnswerMode
    degraded: bool

    @property
    def includes_private(self) -> bool:
        return any(not citation.memory.is_public for citation in self.citations)


@dataclass(frozen=True)
class ChatTurn:
    """Something said before, by the person (user) or to them (assistant). Kept nowhere."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class PreparedAnswer:
    """A question with all that may be said to it.

    quoted: the answer without a model. sources: what a model may read, numbered as in an answer; empty when none may.
    """

    about: User
    question: str
    quoted: Answer
    sources: tuple[Citation, ...] = ()
    turns: tuple[ChatTurn, ...] = ()


def find_persona(actor: Actor, handle: str) -> User:
    """Whose persona this is: the actor's own (also by ONESELF), or one that its owner opened to this actor.

    Raises InsufficientScope before anything is looked up, and PersonaNotFound.
    """
    handle = handle.lower()
    if actor.user is not None:
        actor.require_scope(get_required_scope(actor, handle))
        if _is_own(actor, handle):
            return actor.user
    could_be = HANDLE.fullmatch(handle)  # what is no handle may hold what PostgreSQL refuses
    person = User.objects.filter(build_persona_access_q(actor), handle=handle).first() if could_be else None
    if person is None:
        raise PersonaNotFound
    return person


def get_required_scope(actor: Actor, handle: str) -> str:
    """What somebody who is signed in needs, to ask the persona of this handle."""
    return scopes.READ if _is_own(actor, handle) else scopes.PERSONA


def ask_persona(actor: Actor, about: User, question: str) -> Answer:
    """What the memories of `about` that the actor may see answer, in their own words.

    Raises InsufficientScope (one's own need memories:read, another's persona:query), and ValidationError.
    """
    return _retrieve_answer(actor, about, question, wanted=MAX_CITATIONS).quoted


def prepare_answer(
    actor: Actor, about: User, question: str, turns: Sequence[ChatTurn] = ()
) -> PreparedAnswer:
    """The same, with what a chat model may read to word it: for `wording.answer`. Raises as `ask_persona` does."""
    if not chat.is_configured() or actor.user is None:
        return _retrieve_answer(actor, about, question, wanted=MAX_CITATIONS)
    return replace(_retrieve_answer(actor, about, question, wanted=MAX_MODEL_SOURCES), turns=tuple(turns))


def _retrieve_answer(actor: Actor, about: User, question: str, *, wanted: int) -> PreparedAnswer:
    question = _clean_question(question)
    found = search_memories(actor, question, owner=about, limit=wanted, names=get_own_names(about))
    quoted = _build_citations(select_answers(found.hits, extract_question_names(question, about)))
    read = _build_citations(found.hits) if quoted and wanted > MAX_CITATIONS else ()
    sources = read if can_send_to_model(actor) else ()
    audit.record_read(
        actor,
        AuditAction.PERSONA_ASK,
        owner_id=about.pk,
        memory_ids=[citation.memory.pk for citation in sources or quoted],
    )
    answer = Answer(_format_citations(quoted), quoted, AnswerMode.EXTRACTIVE, found.degraded)
    return PreparedAnswer(about, question, answer, sources)


def can_send_to_model(actor: Actor) -> bool:
    """A model elsewhere gets nothing of a person, not even a question, before their yes to its host."""
    return actor.user is not None and chat_consent.can_send_texts(actor.user)


def extract_question_names(question: str, about: User) -> set[str]:
    """Whom and what the question names, as stems. The person's own name is left out: their memories say "I"."""
    return keywords.extract_names(question) - _get_name_words(about)


def get_own_names(about: User) -> set[str]:
    """What the person is called, as stems that say nothing else: handles that were made up hold an ordinary word."""
    return _get_name_words(about) - set(keywords.extract_words(GENERATED_HANDLE_PREFIX))


def select_answers(hits: Sequence[Hit], names: Set[str] = frozenset()) -> list[Hit]:
    """Of the hits, best first, those to answer with: none, unless they are likely to answer."""
    if measure_answer_strength(hits, names) < ANSWER_THRESHOLD:
        return []
    return [hit for hit in hits[:MAX_CITATIONS] if hit.strength >= ANSWER_THRESHOLD]


def measure_answer_strength(hits: Sequence[Hit], names: Set[str] = frozenset()) -> float:
    """How strong an answer the first hits make: as the best, and as one that has one of the names, if there are any.

    What is asked of somebody whom no memory at hand names is not answered with what is told of another.
    """
    cited = hits[:MAX_CITATIONS]
    naming = [hit.strength for hit in cited if not names or not names.isdisjoint(hit.matched)]
    return min(cited[0].strength, max(naming)) if naming else 0.0


def _get_name_words(about: User) -> set[str]:
    return set(keywords.extract_words(f"{about.name} {about.handle}"))


def get_no_answer_text() -> str:
    return _("No memory answers that.")


def _is_own(actor: Actor, handle: str) -> bool:
    return handle.lower() in (SELF_HANDLE, actor.person.handle)


def _clean_question(question: str) -> str:
    if len(question) > limits.QUERY_CHARACTERS:
        told = {"limit": f"{limits.QUERY_CHARACTERS:,}"}
        message = _("A question has at most %(limit)s characters.")
        raise ValidationError({"question": ValidationError(message, code="too_long", params=told)})
    question = limits.clean_query(question)
    if not question:
        raise ValidationError({"question": ValidationError(_("Ask something."), code="blank")})
    return question


def _build_citations(hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """A memory that does not open is left out: it must not hide the others."""
    texts = [(hit.memory, text) for hit in hits if (text := decrypt_or_none(hit.memory)) is not None]
    return tuple(
        Citation(number, memory, shorten_text(text, EXCERPT_CHARACTERS))
        for number, (memory, text) in enumerate(texts, start=1)
    )


def _format_citations(citations: Sequence[Citation]) -> str:
    if not citations:
        return get_no_answer_text()
    return "\n\n".join(f"{citation.text} [{citation.number}]" for citation in citations)
