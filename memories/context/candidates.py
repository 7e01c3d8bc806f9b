"""The memories that a context may have: those that hold now, pinned ones first, then the newest."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import EmptyResultSet

from accounts.actor import Actor
from core.db.prepared import fetch_prepared
from memories.models import KeptPair, Memory
from memories.search.near_duplicates import DUPLICATE_THRESHOLD
from memories.services.tags import attach_prefetched_tags, with_tags

# `past` has what a visible memory supersedes, directly or through hidden ones: see services/supersession.py.
CURRENT = """
with recursive visible as materialized ({visible}), past (id) as (
  select supersedes_id from visible where supersedes_id is not null
  union
  select memory.supersedes_id from past join memories_memory memory on memory.id = past.id
  where memory.owner_id = %s and memory.supersedes_id is not null
), current as materialized (
  select id, pinned from visible where not exists (select from past where past.id = visible.id)
)
select (select count(*) from current), array(select id from current where pinned order by id desc limit %s),
  array(select id from current where not pinned order by id desc limit %s)
"""

# Pairs of memories of one passage each with nearly the same meaning. Rotated vectors compare with each other only.
NEAR = """
with listed as materialized (
  select memory_id, is_public, encoder, embedding from memories_memoryvector passage
  join memories_embeddingspace space on space.id = space_id
  where owner_id = %s and memory_id = any(%s::uuid[]) and passage = 0 and embedding is not null and not exists (
    select from memories_memoryvector second
    where second.owner_id = passage.owner_id and second.memory_id = passage.memory_id and second.passage = 1)
)
select one.memory_id, other.memory_id from listed one join listed other
  on one.memory_id < other.memory_id and one.is_public = other.is_public and one.encoder = other.encoder
where one.embedding <#> other.embedding <= %s
"""


@dataclass(frozen=True)
class Candidates:
    """Memories with their tags, pinned ones first, then the newest. total: of all that hold now."""

    memories: list[Memory]
    total: int


def load_candidates(actor: Actor, *, limit: int, first: Iterable[UUID] = ()) -> Candidates:
    """Load up to `limit` pinned memories, and up to `limit` others, of the actor's user.

    first: ids that come right after the pinned ones, if the actor sees them.
    """
    visible = Memory.objects.visible_to(actor, owner=actor.person).order_by()
    try:
        sql, params = visible.values_list("id", "supersedes_id", "pinned").query.sql_with_params()
    except EmptyResultSet:
        return Candidates([], 0)
    [(total, pinned, newest)] = fetch_prepared(
        CURRENT.replace("{visible}", sql), [*params, actor.person.pk, limit, limit]
    )
    found = with_tags(visible, actor.person.pk).in_bulk([*pinned, *first, *newest])
    attach_prefetched_tags(actor, found.values())
    ids = dict.fromkeys((*pinned, *(pk for pk in first if pk in found), *newest))
    return Candidates([found[pk] for pk in ids if pk in found], total)


def find_near_pairs(owner_id: UUID, memory_ids: Collection[UUID]) -> set[frozenset[UUID]]:
    """Return the pairs of memories with nearly the same meaning of which the user does not keep both."""
    rows = fetch_prepared(NEAR, [owner_id, list(memory_ids), -DUPLICATE_THRESHOLD])
    pairs = {frozenset(row) for row in rows}
    if pairs:
        kept = KeptPair.objects.filter(owner_id=owner_id, first_id__in=memory_ids)
        pairs -= {frozenset(row) for row in kept.values_list("first_id", "second_id")}
    return pairs
