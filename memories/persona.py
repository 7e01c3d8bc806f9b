"""A persona: what a person's memories answer to a question, each memory cited.

Retrieval decides what can be said. What the asker may not see is never looked at, so there is nothing to leak. The
answer is the best memories themselves, in their own words; where none is likely to answer, that is said. Where a chat
model is configured, and the asker said yes to who runs it, it words the answer from those same memories.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.models import User
from memories import audit, limits, llm, scopes
from memories.errors import PersonaNotFound
from memories.models import AuditAction, Memory
from memories.persona_prompt import Citing, Fenced, Turn, prompt
from memories.queries import opened
from memories.querysets import personas_open_to
from memories.ranking import ANSWERS
from memories.search import Hit, search

ONESELF = "me"  # instead of a handle; no handle may be this word
HANDLE = re.compile(r"[a-z0-9-]{1,30}")
CITED = 3  # memories at most: two of three answers have their evidence among so many (decision 0010)
PROMPTED = 8  # memories at most that a chat model is shown
EXCERPT_CHARACTERS = 600  # of a cited memory
NOTHING = "No memory answers that."  # as the chat model is to say it


class Mode(StrEnum):
    """How an answer was made."""

    EXTRACTIVE = "extractive"  # quoted
    WORDED = "worded"  # by the chat model


@dataclass(frozen=True)
class Citation:
    """A memory that an answer rests on. number: as in the answer's text, from 1. text: of a long one, its beginning."""

    number: int
    memory: Memory
    text: str


@dataclass(frozen=True)
class Answer:
    """What was answered: plain text, never markup. Without citations: no memory answers.

    degraded: only words were compared, because the embedding provider did not answer; or quoted, because the chat
    model did not (is_unworded). sources: all that it was made from, cited or not.
    """

    text: str
    citations: tuple[Citation, ...]
    mode: Mode
    degraded: bool
    is_unworded: bool = False
    sources: tuple[Citation, ...] = ()

    @property
    def includes_private(self) -> bool:
        return any(not citation.memory.is_public for citation in self.sources or self.citations)


@dataclass(frozen=True)
class Found:
    """What an answer can be made from. messages: what the chat model is asked; empty when it is not asked."""

    citations: tuple[Citation, ...]
    degraded: bool
    messages: tuple[llm.Message, ...] = ()


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


def ask(actor: Actor, about: User, question: str, turns: Sequence[Turn] = ()) -> Answer:
    """What the memories of `about` that the actor may see answer. turns: what was said before, oldest first.

    Raises InsufficientScope (one's own need memories:read, another's persona:query), and ValidationError.
    """
    found = look_up(actor, about, question, turns)
    if not found.messages:
        return quoted(found)
    citing = Citing({citation.number for citation in found.citations})
    try:
        return _worded(found, citing, citing.take(llm.complete(found.messages)) + citing.rest())
    except llm.ChatUnavailable:
        return quoted(found, is_unworded=True)


def look_up(actor: Actor, about: User, question: str, turns: Sequence[Turn] = ()) -> Found:
    """The part of `ask` that needs the database; `quoted` or `stream` makes the answer."""
    question = _clean_question(question)
    is_worded = may_be_worded(actor)
    limit = PROMPTED if is_worded else CITED
    found = search(actor, question, owner=about, limit=limit)
    citations = _citations(answering(found.hits, limit))
    messages: Sequence[llm.Message] = ()
    if is_worded and citations:
        shown = [Fenced(each.number, each.text, each.memory.created_at) for each in citations]
        messages, count = prompt(about.name, question, shown, turns, nothing=NOTHING)
        citations = citations[:count]
    audit.record_read(
        actor,
        AuditAction.PERSONA_ASK,
        owner_id=about.pk,
        memory_ids=[citation.memory.pk for citation in citations],
    )
    return Found(citations, found.degraded, tuple(messages))


async def stream(found: Found) -> AsyncIterator[str | Answer]:
    """Pieces of the answer's text as they come, then the whole answer, which counts: it may be another one."""
    if not found.messages:
        yield quoted(found)
        return
    citing, said = Citing({citation.number for citation in found.citations}), ""
    try:
        async for piece in llm.stream(found.messages):
            if shown := citing.take(piece):
                said += shown
                yield shown
        answer = _worded(found, citing, said + citing.rest())
    except llm.ChatUnavailable:
        answer = quoted(found, is_unworded=True)
    yield answer


def quoted(found: Found, *, is_unworded: bool = False) -> Answer:
    """The best memories themselves."""
    citations = found.citations[:CITED]
    text, degraded = _in_words(citations), found.degraded or is_unworded
    return Answer(text, citations, Mode.EXTRACTIVE, degraded, is_unworded, citations)


def may_be_worded(actor: Actor) -> bool:
    """Whether the chat model is asked for this actor: never for a visitor, and a hosted one only after their yes.

    What leaves this machine is the asker's: the question, and private memories only where they are the asker's own.
    """
    if not llm.is_configured() or actor.user is None:
        return False
    return not llm.is_hosted() or actor.user.chat_provider == llm.provider_name()


def worded_by(actor: Actor) -> str:
    """The host of the chat model that words this actor's answers; empty where they are quotations."""
    return llm.provider_name() if may_be_worded(actor) else ""


def answering(hits: Sequence[Hit], limit: int = CITED) -> list[Hit]:
    """Of the hits, best first, those to answer with: none, unless the first is likely to answer."""
    if not hits or hits[0].strength < ANSWERS:
        return []
    return [hit for hit in hits[:limit] if hit.strength >= ANSWERS]


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


def _worded(found: Found, citing: Citing, text: str) -> Answer:
    """What rests on no memory is not an answer: then the memories themselves are."""
    cited = tuple(each for each in found.citations if each.number in citing.cited)
    if not cited and NOTHING.rstrip(".").lower() not in text.lower():
        return quoted(found, is_unworded=True)
    text = text.strip() if cited else _in_words(())
    return Answer(text, cited, Mode.WORDED, found.degraded, sources=found.citations if cited else ())


def _in_words(citations: Sequence[Citation]) -> str:
    if not citations:
        return _("No memory answers that.")
    return "\n\n".join(f"{citation.text} [{citation.number}]" for citation in citations)
