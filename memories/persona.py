"""A persona: what a person's memories answer to a question, each memory cited.

Retrieval decides what can be said. What the asker may not see is never looked at, so there is nothing to leak. The
answer is the best memories themselves, in their own words; where none is likely to answer, that is said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.models import User
from memories import audit, limits, scopes
from memories.errors import PersonaNotFound
from memories.models import AuditAction, Memory
from memories.queries import opened
from memories.querysets import personas_open_to
from memories.ranking import ANSWERS
from memories.search import Hit, search

ONESELF = "me"  # instead of a handle; no handle may be this word
HANDLE = re.compile(r"[a-z0-9-]{1,30}")
CITED = 3  # memories at most: two of three answers have their evidence among so many (decision 0010)
EXCERPT_CHARACTERS = 600  # of a cited memory


class Mode(StrEnum):
    """How an answer was made."""

    EXTRACTIVE = "extractive"


@dataclass(frozen=True)
class Citation:
    """A memory that an answer rests on. number: as in the answer's text, from 1. text: of a long one, its beginning."""

    number: int
    memory: Memory
    text: str


@dataclass(frozen=True)
class Answer:
    """What was answered: plain text, never markup. Without citations: no memory answers.

    degraded: only words were compared, because the embedding provider did not answer.
    """

    text: str
    citations: tuple[Citation, ...]
    mode: Mode
    degraded: bool

    @property
    def includes_private(self) -> bool:
        return any(not citation.memory.is_public for citation in self.citations)


def find(actor: Actor, handle: str) -> User:
    """Whose persona this is: the actor's own (also by ONESELF), or one that its owner opened to this actor.

    Raises InsufficientScope before anything is looked up, and PersonaNotFound.
    """
    if actor.user is not None:
        actor.require(scope_to_ask(actor, handle))
        if _is_own(actor, handle):
            return actor.user
    could_be = HANDLE.fullmatch(handle)  # what is no handle may hold what PostgreSQL refuses
    person = User.objects.filter(personas_open_to(actor), handle=handle).first() if could_be else None
    if person is None:
        raise PersonaNotFound
    return person


def scope_to_ask(actor: Actor, handle: str) -> str:
    """What somebody who is signed in needs, to ask the persona of this handle."""
    return scopes.READ if _is_own(actor, handle) else scopes.PERSONA


def ask(actor: Actor, about: User, question: str) -> Answer:
    """What the memories of `about` that the actor may see answer.

    Raises InsufficientScope (one's own need memories:read, another's persona:query), and ValidationError.
    """
    question = _clean_question(question)
    found = search(actor, question, owner=about, limit=CITED)
    citations = _citations(answering(found.hits))
    audit.record_read(
        actor,
        AuditAction.PERSONA_ASK,
        owner_id=about.pk,
        memory_ids=[citation.memory.pk for citation in citations],
    )
    return Answer(_in_words(citations), citations, Mode.EXTRACTIVE, found.degraded)


def answering(hits: Sequence[Hit]) -> list[Hit]:
    """Of the hits, best first, those to answer with: none, unless the first is likely to answer."""
    if not hits or hits[0].strength < ANSWERS:
        return []
    return [hit for hit in hits[:CITED] if hit.strength >= ANSWERS]


def _is_own(actor: Actor, handle: str) -> bool:
    return handle in (ONESELF, actor.person.handle)


def _clean_question(question: str) -> str:
    if len(question) > limits.QUERY_CHARACTERS:
        told = {"limit": f"{limits.QUERY_CHARACTERS:,}"}
        message = _("A question has at most %(limit)s characters.")
        raise ValidationError({"question": ValidationError(message, code="too_long", params=told)})
    question = limits.clean_query(question)
    if not question:
        raise ValidationError({"question": ValidationError(_("Ask something."), code="blank")})
    return question


def _citations(hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """A memory that does not open is left out: it must not hide the others."""
    texts = [(hit.memory, text) for hit in hits if (text := opened(hit.memory)) is not None]
    return tuple(
        Citation(number, memory, _excerpt(text)) for number, (memory, text) in enumerate(texts, start=1)
    )


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS].rstrip()}…"


def _in_words(citations: Sequence[Citation]) -> str:
    if not citations:
        return _("No memory answers that.")
    return "\n\n".join(f"{citation.text} [{citation.number}]" for citation in citations)
