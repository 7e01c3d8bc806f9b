"""Personas: answers to questions from a user's memories, with citations.

Retrieval decides what an answer can contain. It never reads what the asking actor cannot see, so nothing can leak. The
answer quotes the best memories, or says that none is likely to answer. A chat model may generate an answer
(generation.py) from the memories found here and nothing else.
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

SELF_HANDLE = "me"  # in place of a handle; reserved, so no handle can be this word
HANDLE = re.compile(r"[a-z0-9-]{1,30}")
MAX_CITATIONS = 3  # memories: contain the evidence of two of three answers (decision 0010)
MAX_MODEL_SOURCES = 8  # memories; those the model does not cite are not shown
EXCERPT_CHARACTERS = 600  # of a cited memory


class AnswerMode(StrEnum):
    """How an answer was made."""

    EXTRACTIVE = "extractive"
    WORDED = "worded"  # by a chat model


@dataclass(frozen=True)
class Citation:
    """A memory cited by an answer. number: as in the answer's text, from 1. text: truncated if long."""

    number: int
    memory: Memory
    text: str


@dataclass(frozen=True)
class Answer:
    """An answer in plain text, never markup. Without citations, no memory answers.

    degraded: keyword search only, because the embedding provider failed; or memories are quoted, because the chat model
    failed.
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
    """An earlier message by the user or the assistant. Never stored."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class PreparedAnswer:
    """A question with everything that an answer may use.

    quoted: the extractive answer. sources: what a model may read, numbered as in an answer; empty if none may.
    """

    about: User
    question: str
    quoted: Answer
    sources: tuple[Citation, ...] = ()
    turns: tuple[ChatTurn, ...] = ()


def find_persona(actor: Actor, handle: str) -> User:
    """Return the user of this persona: the actor's own (also by SELF_HANDLE), or one available to this actor.

    Raises InsufficientScope, before any lookup, and PersonaNotFound.
    """
    handle = handle.lower()
    if actor.user is not None:
        actor.require_scope(get_required_scope(actor, handle))
        if _is_own(actor, handle):
            return actor.user
    is_valid = HANDLE.fullmatch(handle)  # others may contain characters that PostgreSQL rejects
    person = User.objects.filter(build_persona_access_q(actor), handle=handle).first() if is_valid else None
    if person is None:
        raise PersonaNotFound
    return person


def get_required_scope(actor: Actor, handle: str) -> str:
    """Return the scope that a signed-in actor needs to ask the persona with this handle."""
    return scopes.READ if _is_own(actor, handle) else scopes.PERSONA


def ask_persona(actor: Actor, about: User, question: str) -> Answer:
    """Return an extractive answer from the memories of `about` that the actor may see.

    Raises ValidationError and InsufficientScope (own memories need memories:read, another user's persona:query).
    """
    return _retrieve_answer(actor, about, question, wanted=MAX_CITATIONS).quoted


def prepare_answer(
    actor: Actor, about: User, question: str, turns: Sequence[ChatTurn] = ()
) -> PreparedAnswer:
    """Return the extractive answer and the sources for `generation.stream_answer`. Raises as `ask_persona` does."""
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
    """Return whether the actor's user allows the chat model; a remote one gets nothing without consent to its host."""
    return actor.user is not None and chat_consent.can_send_texts(actor.user)


def extract_question_names(question: str, about: User) -> set[str]:
    """Return the stems of names in the question, without the user's own name, since their memories say "I"."""
    return keywords.extract_names(question) - _get_name_words(about)


def get_own_names(about: User) -> set[str]:
    """Return the stems of the user's name and handle, without the ordinary word in generated handles."""
    return _get_name_words(about) - set(keywords.extract_words(GENERATED_HANDLE_PREFIX))


def select_answers(hits: Sequence[Hit], names: Set[str] = frozenset()) -> list[Hit]:
    """Return the hits to answer with, best first: none unless they are likely to answer."""
    if measure_answer_strength(hits, names) < ANSWER_THRESHOLD:
        return []
    return [hit for hit in hits[:MAX_CITATIONS] if hit.strength >= ANSWER_THRESHOLD]


def measure_answer_strength(hits: Sequence[Hit], names: Set[str] = frozenset()) -> float:
    """Return the strength of the first hits: of the best one, limited by the best that has one of the names, if any.

    So a question about someone whom no hit names is not answered with memories about someone else.
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
        params = {"limit": f"{limits.QUERY_CHARACTERS:,}"}
        message = _("A question can have at most %(limit)s characters.")
        raise ValidationError({"question": ValidationError(message, code="too_long", params=params)})
    question = limits.clean_query(question)
    if not question:
        raise ValidationError({"question": ValidationError(_("Enter a question."), code="blank")})
    return question


def _build_citations(hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """Build the citations, without memories that cannot be decrypted."""
    texts = [(hit.memory, text) for hit in hits if (text := decrypt_or_none(hit.memory)) is not None]
    return tuple(
        Citation(number, memory, shorten_text(text, EXCERPT_CHARACTERS))
        for number, (memory, text) in enumerate(texts, start=1)
    )


def _format_citations(citations: Sequence[Citation]) -> str:
    if not citations:
        return get_no_answer_text()
    return "\n\n".join(f"{citation.text} [{citation.number}]" for citation in citations)
