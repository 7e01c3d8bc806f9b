"""Search one user's memories by keyword and by meaning, for all channels."""

import operator
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from django.conf import settings

from accounts.actor import Actor
from accounts.consent import embeddings as embedding_consent
from accounts.fields import DecryptError
from accounts.models import User
from core.db.principal import read_public_of
from core.db.standby import prefer_standby
from memories import scopes
from memories.index import keywords
from memories.index.languages import get_owner_language
from memories.models import AuditAction, Memory
from memories.models.visibility import NO_FILTERS, Filters
from memories.search import spell_checker
from memories.search.cache.ranking import find_cached_rows
from memories.search.hits import Hit as Hit
from memories.search.hits import Relevance as Relevance
from memories.search.matched_passages import find_matched_passages
from memories.search.question import Question, compute_word_costs, embed_question
from memories.search.ranking import (
    FAIR_COSINE,
    RELATED_COSINE,
    STRONG_STRENGTH,
    WEAK_SHARE,
    rank_memories,
)
from memories.search.ranking_query import WORDS_FOR_MANY_ROWS, RankedMemory, VisibleRows
from memories.search.succession import put_successors_first
from memories.search.visible_words import VisibleWords
from memories.services import audit
from memories.services.tags import redact_tags
from memories.validation import limits

EXACT_PHRASE_BONUS = 4.0  # more than all other terms together
PHRASE_CANDIDATES = 50  # an exact phrase's memory is nearly always among these


class Arm(StrEnum):
    """One of the two search methods."""

    MEANING = "meaning"
    WORDS = "words"


BOTH_ARMS = frozenset(Arm)


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first.

    degraded: keyword search only, because the embedding provider failed. withheld: keyword search only, because the
    user has not allowed sending queries to the remote provider. corrected: the query without its typing errors, None
    if it has none.
    """

    hits: list[Hit]
    degraded: bool
    withheld: bool = False
    corrected: str | None = None


def search_memories(
    actor: Actor,
    query: str,
    *,
    owner: User | None = None,
    filters: Filters | None = None,
    limit: int = 10,
    arms: Collection[Arm] = BOTH_ARMS,
    names: Collection[str] = (),
    only_related: bool = False,
) -> SearchResult:
    """Return the best memories of `owner` (by default the actor's own user), and record that they were read.

    The arguments and errors are those of `find_memories`.
    """
    result = find_memories(
        actor,
        query,
        owner=owner,
        filters=filters,
        limit=limit,
        arms=arms,
        names=names,
        only_related=only_related,
    )
    ids = [hit.memory.pk for hit in result.hits]
    audit.record_read(actor, AuditAction.MEMORY_SEARCH, owner_id=(owner or actor.person).pk, memory_ids=ids)
    return result


def find_memories(
    actor: Actor,
    query: str,
    *,
    owner: User | None = None,
    filters: Filters | None = None,
    limit: int = 10,
    arms: Collection[Arm] = BOTH_ARMS,
    names: Collection[str] = (),
    only_related: bool = False,
) -> SearchResult:
    """Return the best memories of `owner` that the actor may see, best first. The caller records what it tells of them.

    names: stems of names, which match but do not count toward `strength`, and less toward the cosine. Filters apply
    before ranking; what supersedes a memory comes before it. only_related: leave out unrelated memories, which merely
    rank next; for every channel. Raises InsufficientScope: own memories need memories:read, another user's
    persona:query.
    """
    # Vectors in memory are compared with the primary, for which that is little work.
    find = _find_memories if settings.MEMORY_VECTORS_MB else _find_on_standby
    return find(
        actor,
        query,
        owner or actor.person,
        filters or NO_FILTERS,
        limit,
        arms,
        names,
        only_related=only_related,
    )


def _find_memories(
    actor: Actor,
    query: str,
    owner: User,
    filters: Filters,
    limit: int,
    arms: Collection[Arm],
    names: Collection[str],
    *,
    only_related: bool,
) -> SearchResult:
    is_own = actor.user is not None and owner.pk == actor.user.pk
    if actor.user is not None:
        actor.require_scope(scopes.READ if is_own else scopes.PERSONA)
    if not is_own:
        read_public_of(owner.pk)
    rows = VisibleRows.for_actor(actor, owner, filters)
    is_whole = is_own and actor.only_tags is None and filters == NO_FILTERS
    cached = find_cached_rows(rows, actor, owner) if rows and is_whole else None
    query, language = limits.clean_query(query), get_owner_language(owner)
    # A word may be indexed by its stem in another language, so that it only seems to be absent.
    if language.parts or owner.former_languages:
        text = query
    else:
        text = spell_checker.correct_query(
            query,
            language,
            VisibleWords(rows, owner.pk, is_own, cached),
            partial(compute_word_costs, language),
        )
    corrected = text if text != query else None
    question = Question.from_text(text, language, owner, with_tags=is_own)
    if rows and len(question.words) > WORDS_FOR_MANY_ROWS and rows.are_many():
        question = question.with_most_specific_words(WORDS_FOR_MANY_ROWS)
    if Arm.MEANING in arms:
        question = question.with_common_words(rows, names).with_meaning(rows)
    withheld = actor.user is not None and not embedding_consent.can_send_texts(actor.user)
    embedded, degraded = (
        embed_question(question, owner) if Arm.MEANING in arms and not withheld else ([], False)
    )
    if Arm.WORDS not in arms:
        question = question.without_words()
    if not question.words and not embedded:
        return SearchResult([], degraded, withheld, corrected)
    looked_through = PHRASE_CANDIDATES if question.is_phrase else 0
    ranking_query = question.to_ranking_query(embedded, owner)
    ranked = None
    if cached is not None:
        ranked = cached.rank_memories(ranking_query, limit=limit, looked_through=looked_through)
    if ranked is None:
        ranked = rank_memories(rows, ranking_query, limit=limit, looked_through=looked_through)
    hits = _build_hits(question, ranked)[:limit]
    if only_related:
        hits = [hit for hit in hits if hit.relevance != Relevance.NONE]
    hits = put_successors_first(actor, hits, owner=owner, filters=filters)[:limit]
    passages = find_matched_passages(actor, owner, filters, ranking_query, [hit.memory for hit in hits])
    hits = [replace(hit, passage=passages.get(hit.memory.pk)) for hit in hits]
    redact_tags(actor, [hit.memory for hit in hits])
    return SearchResult(hits, degraded, withheld, corrected)


_find_on_standby = prefer_standby(_find_memories)


def _build_hits(question: Question, ranked: list[RankedMemory]) -> list[Hit]:
    """Return the hits, exact phrase matches first."""
    weak_below = max(FAIR_COSINE, WEAK_SHARE * max((place.cosine or 0.0 for place in ranked), default=0.0))
    return sorted(
        (_build_hit(question, place, weak_below) for place in ranked),
        key=operator.attrgetter("score"),
        reverse=True,
    )


def _build_hit(question: Question, place: RankedMemory, weak_below: float) -> Hit:
    """Build a hit. Only a memory with all the query's words must be decrypted to check for the phrase."""
    may_contain = question.is_phrase and len(place.words) == len(question.words)
    has_phrase = may_contain and _has_phrase(question.phrase, place.memory)
    return Hit(
        memory=place.memory,
        score=place.score + (EXACT_PHRASE_BONUS if has_phrase else 0.0),
        cosine=place.cosine,
        matched=tuple(question.words[position] for position in place.words),
        strength=_get_strength(place),
        relevance=_rate_relevance(place, weak_below),
        language=keywords.guess_language(question.text, question.language),
        query=question.text,
        owner_language=question.language,
    )


def _get_strength(place: RankedMemory) -> float:
    return (place.cosine or 0.0) + place.idf_share


def _rate_relevance(place: RankedMemory, weak_below: float) -> Relevance:
    if _get_strength(place) >= STRONG_STRENGTH:
        return Relevance.STRONG
    cosine = place.cosine or 0.0
    if place.words or place.idf_share or place.has_neighbor or cosine >= weak_below:
        return Relevance.FAIR
    return Relevance.WEAK if cosine >= RELATED_COSINE else Relevance.NONE


def _has_phrase(phrase: str, memory: Memory) -> bool:
    try:
        return f" {phrase} " in f" {keywords.normalize_text(memory.text)} "
    except DecryptError:  # shown as unreadable; it must not hide the others
        return False
