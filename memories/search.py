"""Search: any door's question to one person's memories, by word and by meaning."""

import logging
from dataclasses import dataclass

from accounts.actor import Actor
from accounts.keys import person_key, server_key
from accounts.models import User
from memories import audit, keywords, limits, scopes, vectors
from memories.embeddings import ProviderRejected, ProviderUnavailable, provider
from memories.indexing import space_identity
from memories.models import AuditAction, Memory, MemoryVector
from memories.querysets import Filters
from memories.ranking import Query, Ranked, rank

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """A memory that was found, and why.

    score: for ordering within one answer only. cosine: nearness in meaning, -1 to 1, None when not embedded yet.
    matched: the query's words that it holds, as the search sees them (stems). strength: cosine plus the share of the
    query's rarity that its words make up: comparable between answers, about 0 for a memory that says nothing to it.
    """

    memory: Memory
    score: float
    cosine: float | None
    matched: tuple[str, ...]
    strength: float


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first. `degraded`: only words were compared, because the embedding provider did not answer."""

    hits: list[Hit]
    degraded: bool


def search(
    actor: Actor, query: str, *, owner: User | None = None, filters: Filters | None = None, limit: int = 10
) -> SearchResult:
    """The memories of `owner` (the actor's own person by default) that the actor may see, best first.

    Filters restrict before the ranking. Raises InsufficientScope: one's own need memories:read, another's
    persona:query.
    """
    owner = owner or actor.person
    if actor.user is not None:
        actor.require(scopes.READ if owner.pk == actor.user.pk else scopes.PERSONA)
    query = limits.clean_query(query)
    words = keywords.words(query)
    vector, degraded = _embed(query)
    if not words and vector is None:
        return SearchResult([], degraded)
    rows = MemoryVector.objects.visible_to(actor, owner=owner).matching(filters or Filters())
    ranked = rank(rows, _query_for(owner, words, vector), limit=limit)
    hits = _hits(actor, owner, ranked, words)
    audit.record_read(
        actor, AuditAction.MEMORY_SEARCH, owner_id=owner.pk, memory_ids=[hit.memory.pk for hit in hits]
    )
    return SearchResult(hits, degraded)


def _embed(query: str) -> tuple[list[float] | None, bool]:
    """The query's vector, and whether the provider failed to give one."""
    if not query:
        return None, False
    try:
        return provider().embed_query(query), False
    except (ProviderUnavailable, ProviderRejected) as error:
        logger.warning("search by words only: the embedding provider answered %s", error.code)
        return None, True


def _query_for(owner: User, words: list[str], vector: list[float] | None) -> Query:
    key = person_key(owner.pk)
    return Query(
        space=space_identity(),
        private_vector=None if vector is None else vectors.rotate([vector], key.rotation)[0],
        public_vector=vector,
        private_tokens=keywords.tokens(words, key.keywords),
        public_tokens=keywords.tokens(words, server_key().keywords),
    )


def _hits(actor: Actor, owner: User, ranked: list[Ranked], words: list[str]) -> list[Hit]:
    """The ranked memories, asked for once more through the visibility rule, in their order."""
    seen = Memory.objects.visible_to(actor, owner=owner).prefetch_related("tags")
    memories = seen.in_bulk([place.memory_id for place in ranked])
    return [
        Hit(
            memory=memories[place.memory_id],
            score=place.score,
            cosine=place.cosine,
            matched=tuple(words[position] for position in place.words),
            strength=(place.cosine or 0.0) + place.idf_share,
        )
        for place in ranked
        if place.memory_id in memories
    ]
