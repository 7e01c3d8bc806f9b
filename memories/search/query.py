"""Search one user's memories by keyword and by meaning, for all channels."""

import logging
import math
import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from accounts.actor import Actor
from accounts.consent import embeddings as embedding_consent
from accounts.fields import DecryptError
from accounts.keys import get_person_key, get_server_key
from accounts.models import User
from memories import scopes
from memories.index import keywords, vectors
from memories.index.languages import Language, get_former_languages, get_owner_language
from memories.index.moves import list_former_encoders
from memories.index.spaces import get_encoder
from memories.models import AuditAction, Memory, MemoryVector
from memories.models.visibility import Filters
from memories.providers.embeddings import (
    EmbeddingProvider,
    ProviderRejected,
    ProviderUnavailable,
    get_provider,
    normalize_vector,
)
from memories.search.hits import Hit as Hit
from memories.search.hits import Relevance as Relevance
from memories.search.matched_passages import find_matched_passages
from memories.search.ranking import (
    FAIR_COSINE,
    MAX_WORDS,
    RELATED_COSINE,
    STRONG_STRENGTH,
    WEAK_SHARE,
    RankedMemory,
    find_common_words,
    rank_memories,
)
from memories.search.ranking_query import OtherToken, QueryVector, RankingQuery, VisibleRows
from memories.search.specificity import measure_content, measure_specificity
from memories.search.succession import put_successors_first
from memories.services import audit
from memories.services.tags import redact_tags
from memories.validation import limits

WEIGHT_WITHOUT_NAMES = 3  # of the query vector without names, relative to the whole query's
EXACT_PHRASE_BONUS = 4.0  # more than all other terms together
PHRASE_CANDIDATES = 50  # an exact phrase's memory is nearly always among these

logger = logging.getLogger(__name__)


class Arm(StrEnum):
    """One of the two search methods."""

    MEANING = "meaning"
    WORDS = "words"


BOTH_ARMS = frozenset(Arm)


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first.

    degraded: keyword search only, because the embedding provider failed. withheld: keyword search only, because the
    user has not allowed sending queries to the remote provider.
    """

    hits: list[Hit]
    degraded: bool
    withheld: bool = False


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
    """Return the best memories of `owner` (by default the actor's own user) that the actor may see, best first.

    names: stems of names, which match but do not count toward `strength`, and less toward the cosine. Filters apply
    before ranking; what supersedes a memory comes before it. only_related: leave out unrelated memories, which merely
    rank next; for every channel. Raises InsufficientScope: own memories need memories:read, another user's
    persona:query.
    """
    owner = owner or actor.person
    if actor.user is not None:
        actor.require_scope(scopes.READ if owner.pk == actor.user.pk else scopes.PERSONA)
    question = _Question.from_text(limits.clean_query(query), owner)
    visible = MemoryVector.objects.visible_to(actor, owner=owner).apply_filters(filters or Filters())
    rows = VisibleRows.from_queryset(visible)
    if Arm.MEANING in arms:
        question = question.with_common_words(rows, names)
    withheld = actor.user is not None and not embedding_consent.can_send_texts(actor.user)
    embedded, degraded = (
        _embed_question(question, owner) if Arm.MEANING in arms and not withheld else ([], False)
    )
    if Arm.WORDS not in arms:
        question = question.without_words()
    if not question.words and not embedded:
        return SearchResult([], degraded, withheld)
    looked_through = PHRASE_CANDIDATES if question.is_phrase else 0
    ranking_query = question.to_ranking_query(embedded, owner)
    ranked = rank_memories(rows, ranking_query, limit=limit, looked_through=looked_through)
    hits = _build_hits(question, ranked)[:limit]
    if only_related:
        hits = [hit for hit in hits if hit.relevance != Relevance.NONE]
    hits = put_successors_first(actor, hits, owner=owner, filters=filters or Filters())[:limit]
    passages = find_matched_passages(visible, ranking_query, [hit.memory for hit in hits])
    hits = [replace(hit, passage=passages.get(hit.memory.pk)) for hit in hits]
    redact_tags(actor, [hit.memory for hit in hits])
    audit.record_read(
        actor, AuditAction.MEMORY_SEARCH, owner_id=owner.pk, memory_ids=[hit.memory.pk for hit in hits]
    )
    return SearchResult(hits, degraded, withheld)


@dataclass(frozen=True)
class _Question:
    """A query: its words, their tokens under the owner's key and the server's, and which are common."""

    text: str
    language: Language
    words: list[str]
    private_tokens: list[int]
    public_tokens: list[int]
    others: tuple[OtherToken, ...] = ()
    common: tuple[int, ...] = ()

    @classmethod
    def from_text(cls, text: str, owner: User) -> "_Question":
        language = get_owner_language(owner)
        words = keywords.extract_words(text, language)[:MAX_WORDS]
        private, public = get_person_key(owner.pk).keyword_hash_key, get_server_key().keyword_hash_key
        tokens = keywords.hash_words(words, private), keywords.hash_words(words, public)
        stems = keywords.list_other_stems(text, words, language, get_former_languages(owner))
        hashed = [keywords.hash_words([stem for _, stem in stems], key) for key in (private, public)]
        others = [OtherToken(place, *pair) for (place, _), *pair in zip(stems, *hashed, strict=True)]
        return cls(text, language, words, *tokens, tuple(others))

    @cached_property
    def phrase(self) -> str:
        """The normalized query, for matching with normalized texts."""
        return keywords.normalize_text(self.text)

    @cached_property
    def is_phrase(self) -> bool:
        return " " in self.phrase

    def with_common_words(self, rows: VisibleRows | None, names: Collection[str]) -> "_Question":
        common = set(find_common_words(rows, self.private_tokens, self.public_tokens))
        common |= {place for place, word in enumerate(self.words) if word in names}
        return replace(self, common=tuple(sorted(common)))

    def without_words(self) -> "_Question":
        return replace(self, text="", words=[], private_tokens=[], public_tokens=[], others=(), common=())

    def to_ranking_query(self, embedded: Sequence[QueryVector], owner: User) -> RankingQuery:
        key = get_person_key(owner.pk)
        days = [keywords.to_day_word(word, self.language) for word in self.words]
        return RankingQuery(
            vectors=embedded,
            private_tokens=self.private_tokens,
            public_tokens=self.public_tokens,
            private_days=_hash_optional_words(days, key.keyword_hash_key),
            public_days=_hash_optional_words(days, get_server_key().keyword_hash_key),
            others=self.others,
            common=self.common,
            specificity=() if not embedded else measure_specificity(self.text, self.words, self.language),
            content=measure_content(self.text, self.language),
        )


def _hash_optional_words(words: list[str | None], key: bytes) -> list[int | None]:
    return [None if word is None else keywords.hash_words([word], key)[0] for word in words]


def _embed_question(question: _Question, owner: User) -> tuple[list[QueryVector], bool]:
    """Return the query's vector by each encoder of the owner's memories, and whether a provider failed."""
    if not question.text:
        return [], False
    rotation = get_person_key(owner.pk).vector_rotation_key
    embedded = []
    try:
        encoders = {get_encoder(question.language): question.language, **list_former_encoders(owner)}
        for encoder, language in encoders.items():
            vector = _embed_weighted(question, get_provider(language.code))
            if vector is not None:
                embedded.append(QueryVector(encoder, vectors.rotate_vectors([vector], rotation)[0], vector))
    except (ProviderUnavailable, ProviderRejected) as error:
        logger.warning("keyword search only: the embedding provider failed with %s", error.code)
        return embedded, True
    return embedded, False


def _embed_weighted(question: _Question, provider: EmbeddingProvider) -> list[float] | None:
    """Return the weighted mean of the query's vector and that of the query without names.

    The names occur in half of all memories and would draw the vector away from what is asked. None if the query means
    nothing to the model.
    """
    whole = provider.embed_query(question.text)
    names = {question.words[place] for place in question.common}
    rest = keywords.remove_words(question.text, names, question.language) if names else ""
    if not keywords.extract_words(rest, question.language):
        return whole
    about = provider.embed_query(rest)
    if whole is None or about is None:
        return whole
    mixed = [one + WEIGHT_WITHOUT_NAMES * other for one, other in zip(whole, about, strict=True)]
    length = math.hypot(*whole)
    return [length * component for component in normalize_vector(mixed)]


def _build_hits(question: _Question, ranked: list[RankedMemory]) -> list[Hit]:
    """Return the hits, exact phrase matches first."""
    weak_below = max(FAIR_COSINE, WEAK_SHARE * max((place.cosine or 0.0 for place in ranked), default=0.0))
    return sorted(
        (_build_hit(question, place, weak_below) for place in ranked),
        key=operator.attrgetter("score"),
        reverse=True,
    )


def _build_hit(question: _Question, place: RankedMemory, weak_below: float) -> Hit:
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
        language=question.language,
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
