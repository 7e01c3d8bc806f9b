"""Personas: answers to questions from a user's memories, with citations.

Retrieval decides what an answer can contain. It never reads what the asking actor cannot see, so nothing can leak. The
answer quotes the memories that are likely to answer. If none is, it says so and shows the closest ones. A chat model
may generate an answer (generation.py) from the memories found here and nothing else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.consent import chat as chat_consent
from accounts.models import GENERATED_HANDLE_PREFIX, User
from memories import scopes
from memories.clients.grants import get_present_actor
from memories.errors import PersonaNotFound
from memories.index import keywords
from memories.index.languages import get_owner_language
from memories.index.names import extract_names
from memories.models import AuditAction
from memories.models.visibility import build_persona_access_q
from memories.persona.answers import Answer, AnswerMode, ChatTurn, Citation, build_citation, format_citations
from memories.persona.current_facts import asks_about_past, select_current_facts
from memories.persona.follow_ups import is_told, list_readings
from memories.providers import chat
from memories.search.answer_strength import JudgedHits, judge_hits
from memories.search.query import search_memories
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.validation import limits

SELF_HANDLE = "me"  # in place of a handle; reserved, so no handle can be this word
HANDLE = re.compile(r"[a-z0-9-]{1,30}")
MAX_SOURCES = 10  # memories: cited or closest, and for a model to read (decision 0027)
MAX_REWRITTEN_SOURCES = 15  # for a model, with those that the rewritten question finds (decision 0029)


@dataclass(frozen=True)
class PreparedAnswer:
    """A question with everything that an answer may use.

    quoted: the extractive answer. may_generate: whether a model may read the sources and the question. sources: what
    it reads, numbered as in an answer; empty if nothing is near, or if no model may read them.
    """

    actor: Actor
    about: User
    question: str
    quoted: Answer
    may_generate: bool = False
    sources: tuple[Citation, ...] = ()
    turns: tuple[ChatTurn, ...] = ()
    is_complete: bool = False  # whether `sources` are what the model reads: generation.complete_sources


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
    return _retrieve_answer(actor, about, question, (), for_model=False).quoted


def prepare_answer(
    actor: Actor, about: User, question: str, turns: Sequence[ChatTurn] = ()
) -> PreparedAnswer:
    """Return the extractive answer and the sources for `generation.stream_answer`. Raises as `ask_persona` does.

    turns: what was said before, oldest first. They say what a follow-up question means, and are no source.
    """
    for_model = chat.is_configured() and actor.user is not None
    return _retrieve_answer(actor, about, question, turns, for_model=for_model)


def add_sources(prepared: PreparedAnswer, rewritten: str) -> PreparedAnswer:
    """Return the answer with up to MAX_REWRITTEN_SOURCES sources: also those near question and rewritten question.

    Quoted memories come first, so that their numbers stay. Then one of the new sources follows each of the others: they
    may not all fit into a prompt.
    """
    actor, about = get_present_actor(prepared.actor), prepared.about
    query = f"{prepared.question}\n{rewritten}"
    names = get_own_names(about) | extract_question_names(query, about)
    found = search_memories(
        actor, query, owner=about, limit=MAX_REWRITTEN_SOURCES, names=names, only_related=True
    )
    known = {source.memory.pk for source in prepared.sources}
    is_about_past = asks_about_past(prepared.question, get_owner_language(about))
    added = [
        build_citation(actor, 0, hit)
        for hit in found.hits
        if hit.memory.pk not in known
        and decrypt_or_none(hit.memory) is not None
        and (is_about_past or hit.memory.superseded_by is None)
    ][: MAX_REWRITTEN_SOURCES - len(prepared.sources)]
    audit.record_read(
        actor,
        AuditAction.PERSONA_ASK,
        owner_id=about.pk,
        memory_ids=[source.memory.pk for source in added],
    )
    quoted = len(prepared.quoted.citations)
    mixed = _alternate(prepared.sources[quoted:], added)
    sources = [replace(source, number=number) for number, source in enumerate(mixed, start=quoted + 1)]
    return replace(prepared, sources=(*prepared.sources[:quoted], *sources))


def judge_memories(
    actor: Actor, about: User, question: str, *, named: str | None = None
) -> tuple[JudgedHits, bool]:
    """Return the memories near the question, which of them answer it, and whether the search was degraded.

    named: the text whose names count, by default the question. Former facts are among them only if the question is
    about the past.
    """
    names = extract_question_names(question if named is None else named, about)
    found = search_memories(
        actor,
        question,
        owner=about,
        limit=MAX_SOURCES,
        names=get_own_names(about) | names,
        only_related=True,
    )
    readable = [hit for hit in found.hits if decrypt_or_none(hit.memory) is not None]
    return select_current_facts(judge_hits(readable, names), question, about), found.degraded


def _judge_follow_up(
    actor: Actor, about: User, question: str, turns: Sequence[ChatTurn]
) -> tuple[JudgedHits, bool]:
    """Return what `judge_memories` does for the first reading of the question that is answered, else for the first."""
    readings = list_readings(question, turns, get_owner_language(about))
    judged = judge_memories(actor, about, readings[0].text, named=readings[0].named)
    for reading in readings[1:]:
        if judged[0].answers:
            break
        other = judge_memories(actor, about, reading.text, named=reading.named)
        judged = other if other[0].answers else judged
    return judged


def _retrieve_answer(
    actor: Actor, about: User, question: str, turns: Sequence[ChatTurn], *, for_model: bool
) -> PreparedAnswer:
    question = _clean_question(question)
    judged, is_degraded = _judge_follow_up(actor, about, question, turns)
    cited = [build_citation(actor, 0, hit, is_dated=hit.memory.pk in judged.dated) for hit in judged.hits]
    cited[: judged.answers] = sorted(cited[: judged.answers], key=lambda source: is_told(source, turns))
    found = tuple(replace(source, number=number) for number, source in enumerate(cited, start=1))
    audit.record_read(
        actor,
        AuditAction.PERSONA_ASK,
        owner_id=about.pk,
        memory_ids=[source.memory.pk for source in found],
    )
    quoted, closest = found[: judged.answers], found[judged.answers :]
    answer = Answer(
        format_citations(quoted, closest), quoted, AnswerMode.EXTRACTIVE, is_degraded, closest=closest
    )
    may_generate = for_model and can_send_to_model(actor)
    sources = found if may_generate else ()
    return PreparedAnswer(actor, about, question, answer, may_generate, sources, tuple(turns))


def can_send_to_model(actor: Actor) -> bool:
    """Return whether the actor's user allows the chat model; a remote one gets nothing without consent to its host."""
    return actor.user is not None and chat_consent.can_send_texts(actor.user)


def extract_question_names(question: str, about: User) -> set[str]:
    """Return the stems of names in the question, without the user's own name, since their memories say "I"."""
    return extract_names(question, get_owner_language(about)) - _get_name_words(about)


def get_own_names(about: User) -> set[str]:
    """Return the stems of the user's name and handle, without the ordinary word in generated handles."""
    return _get_name_words(about) - set(
        keywords.extract_words(GENERATED_HANDLE_PREFIX, get_owner_language(about))
    )


def _get_name_words(about: User) -> set[str]:
    return set(keywords.extract_words(f"{about.name} {about.handle}", get_owner_language(about)))


def _alternate(one: Sequence[Citation], other: Sequence[Citation]) -> list[Citation]:
    return [source for pair in zip_longest(one, other) for source in pair if source is not None]


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
