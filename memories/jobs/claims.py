"""Which memories a worker indexes next: owners take turns, and a lease ends with its worker."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from django.db import connection

from core.db.distribution import group_owners, is_sharded
from core.db.locks import LIVE_WORKERS_SQL
from memories.jobs.nodes import fetch_of_all_nodes
from memories.models import Memory

FIRST_OWNER = UUID(int=0)  # before all others
NEXT_OWNER = """(
  select owner_id from memories_memory
  where index_state = 'pending' and owner_id > {}::uuid order by owner_id limit 1)"""
LEASES = """
select distinct index_leased_by as leased_by from memories_memory
where index_state = 'pending' and index_leased_by is not null and {owners}"""

# Owners take turns, from the one after `after` on. Each step to the next owner is an index lookup. With them the leases
# of dead workers (whose lock is free) and of this one, which is processing nothing.
TURNS = f"""
with recursive dead as (
  select leased_by from ({LEASES.format(owners="true")}) leases
  where leased_by = %(worker)s or leased_by not in ({LIVE_WORKERS_SQL})),
turn as (
  select id as owner_id, id as first, 1 as place
  from (select coalesce({NEXT_OWNER.format("%(after)s")}, {NEXT_OWNER.format(f"'{FIRST_OWNER}'")}) as id) start
  union all
  select following.id, first, place + 1
  from turn, lateral (
    select coalesce({NEXT_OWNER.format("turn.owner_id")}, {NEXT_OWNER.format(f"'{FIRST_OWNER}'")}) as id) following
  where place < %(limit)s and following.id <> first)
select array(select owner_id from turn where owner_id is not null order by place), array(select leased_by from dead)
"""  # noqa: S608 - put together from constants # nosec B608
# The same where the memories are in shards, none of which knows the locks of the others.
SHARDED_TURNS = """
select distinct owner_id from memories_memory where index_state = 'pending' and index_due_at <= statement_timestamp()
and {owners}
"""

# Due, and either unleased or leased by a dead worker. The first memory of each owner comes before the second of any, so
# that nobody waits behind another user's import.
CLAIM = """
with due as (
  select id, row_number() over (partition by owner_id order by index_due_at) as number, index_due_at
  from unnest(%(owners)s::uuid[]) turn (owner_id), lateral (
    select id, index_due_at from memories_memory
    where owner_id = turn.owner_id and owner_id = any(%(owners)s::uuid[])
      and index_state = 'pending' and index_due_at <= statement_timestamp()
      and (index_leased_by is null or index_leased_by = any(%(dead)s::int[]))
    order by index_due_at limit %(limit)s) own),
free as (
  select id from memories_memory
  where owner_id = any(%(owners)s::uuid[])
    and id = any(array(select id from due order by number, index_due_at limit %(limit)s)) and index_state = 'pending'
    and (index_leased_by is null or index_leased_by = any(%(dead)s::int[]))
  for update skip locked)
update memories_memory m set index_leased_by = %(worker)s, index_attempts = index_attempts + 1
from free where m.owner_id = any(%(owners)s::uuid[]) and m.id = free.id returning m.id
"""


@dataclass
class OwnerTurns:
    """The owner whose turn was the last: of many owners, each batch serves those after the previous batch's."""

    last: UUID = field(default=FIRST_OWNER)


def claim_memories(worker: int, limit: int, turns: OwnerTurns | None = None) -> list[Memory]:
    """Lease due memories to this worker. Each statement commits at once, so that others can detect a later crash."""
    turns = turns or OwnerTurns()
    owners, dead = _find_turns(worker, limit, turns.last)
    turns.last = owners[-1] if owners else FIRST_OWNER
    groups = list(group_owners(owners))
    claimed: list[Memory] = []
    for group in groups:
        params: dict[str, Any] = {
            "worker": worker,
            "owners": group,
            "dead": dead,
            "limit": math.ceil(limit / len(groups)),
        }
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, params)
            ids = [pk for (pk,) in cursor.fetchall()]
        claimed += Memory.objects.filter(owner_id__in=group, pk__in=ids) if ids else ()
    return claimed


def _find_turns(worker: int, limit: int, after: UUID) -> tuple[list[UUID], list[int]]:
    """Return up to `limit` owners with pending memories in the order of their turns, and the leases that count not."""
    params: dict[str, Any] = {"worker": worker, "limit": limit, "after": after}
    with connection.cursor() as cursor:
        if not is_sharded():
            cursor.execute(TURNS, params)
            return cast(tuple[list[UUID], list[int]], cursor.fetchone())
        owners = sorted(owner_id for (owner_id,) in fetch_of_all_nodes(SHARDED_TURNS))
        # Before the locks: a worker has its lock before its first lease.
        leases = {leased_by for (leased_by,) in fetch_of_all_nodes(LEASES)}
        cursor.execute(LIVE_WORKERS_SQL)
        dead = leases - {live for (live,) in cursor.fetchall()} | {worker}
    first = bisect_right(owners, after)
    return [*owners[first:], *owners[:first]][:limit], sorted(dead)
