"""Chains of links between memories, with what an actor may see of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.actor import Actor
from accounts.models import User
from core.db.distribution import is_distributed
from core.db.prepared import fetch_prepared
from memories.models import LinkedMemory, Memory
from memories.models.compiled import compile_visible
from memories.models.visibility import NO_FILTERS, Filters

MAX_CHAIN = (
    100  # memories; what is loaded of a longer chain, from before this limit, shows that it is too long
)

# All links of the chains: upward from the older memories, downward from the newer ones, MAX_CHAIN in each direction.
# `limit 1` forces an index lookup per memory, as in search/ranking.py. Each step uses an index of links, which has only
# rows with one.
CHAINS = """
with recursive later as (
  select id, supersedes_id, 1 as depth from memories_memory
  where owner_id = %s and supersedes_id = any(%s::uuid[]) and supersedes_id is not null
  union
  select memory.id, memory.supersedes_id, depth + 1 from later cross join lateral (
    select id, supersedes_id from memories_memory where owner_id = %s and supersedes_id = later.id
    and supersedes_id is not null limit 1
  ) memory where depth < {limit}
), earlier as (
  select id, supersedes_id, 0 as depth from memories_memory where owner_id = %s and id = any(%s::uuid[])
  union
  select memory.id, memory.supersedes_id, depth + 1 from earlier cross join lateral (
    select id, supersedes_id from memories_memory where owner_id = %s and id = earlier.supersedes_id limit 1
  ) memory where depth < {limit}
)
select link.id, link.supersedes_id, seen.created_at
from (select id, supersedes_id from later union select id, supersedes_id from earlier) link
left join lateral (select created_at from ({visible}) visible where visible.id = link.id limit 1) seen on true
""".replace("{limit}", str(MAX_CHAIN))  # nosec B608

# A node, which follows the links, has no table of users to ask whether a persona is open.
NOTHING_SEEN = "select null::uuid as id, null::timestamptz as created_at"


@dataclass(frozen=True)
class Chains:
    """Links between memories of one owner. visible: when those that the actor may see were created."""

    newer: Mapping[UUID, UUID]
    older: Mapping[UUID, UUID]
    visible: Mapping[UUID, datetime]

    def find_successor(self, memory_id: UUID) -> LinkedMemory | None:
        """Return the next newer memory that the actor may see."""
        return self._find_next(self.newer, memory_id)

    def find_superseded(self, memory_id: UUID) -> LinkedMemory | None:
        """Return the next older memory that the actor may see."""
        return self._find_next(self.older, memory_id)

    def list_successors(self, memory_id: UUID) -> list[UUID]:
        """Return the newer memories of the chain that the actor may see, the newest last."""
        return [each for each in walk(self.newer, memory_id)[1:] if each in self.visible]

    def _find_next(self, links: Mapping[UUID, UUID], memory_id: UUID) -> LinkedMemory | None:
        following = links.get(memory_id)
        while following is not None and following not in self.visible:
            following = links.get(following)
        return None if following is None else LinkedMemory(following, self.visible[following])


def load_chains(actor: Actor, owner: User, newer_of: Sequence[UUID], older_from: Sequence[UUID]) -> Chains:
    """Load what is newer than some memories, and other memories with what is older than them."""
    if not newer_of and not older_from:
        return Chains({}, {}, {})
    visible = compile_visible(_select_moments, actor, owner, filters=NO_FILTERS)
    if visible is None:  # an app that may not read
        return Chains({}, {}, {})
    params = [owner.pk, list(newer_of), owner.pk, owner.pk, list(older_from), owner.pk]
    is_own = actor.user is not None and actor.user.pk == owner.pk
    if is_own or not is_distributed():
        rows = fetch_prepared(CHAINS.replace("{visible}", visible.sql), [*params, *visible.params])
    else:
        links = fetch_prepared(CHAINS.replace("{visible}", NOTHING_SEEN), list(params))
        moments = _select_moments(actor, owner, filters=NO_FILTERS)
        seen = dict(moments.filter(pk__in=[link[0] for link in links]))
        rows = [(newer_id, older_id, seen.get(newer_id)) for newer_id, older_id, _ in links]
    older = {newer_id: older_id for newer_id, older_id, _seen in rows if older_id is not None}
    return Chains(
        {older_id: newer_id for newer_id, older_id in older.items()},
        older,
        {memory_id: created_at for memory_id, _older, created_at in rows if created_at is not None},
    )


def _select_moments(actor: Actor, owner: User, *, filters: Filters) -> QuerySet[Memory, Any]:
    rows = Memory.objects.visible_to(actor, owner=owner).apply_filters(actor, filters)
    return rows.order_by().values_list("id", "created_at")


def walk(links: Mapping[UUID, UUID], start: UUID) -> list[UUID]:
    """Return the memory and those that its links lead to, in order, each once."""
    found = {start: None}
    while (following := links.get(start)) is not None and following not in found:
        found[following] = None
        start = following
    return list(found)
