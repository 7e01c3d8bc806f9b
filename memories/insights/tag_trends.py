"""How often a user's most frequent tags were used in a period."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.actor import Actor
from core.db.standby import prefer_standby
from memories.insights.periods import Period
from memories.insights.sessions import require_session
from memories.models import Memory, Tag
from memories.services.tags import load_tags

MAX_MEMORIES = 10_000  # the newest of a period: more would take too long for a page
MAX_TAGS = 4

# {seen}: id and place of the memories.
COUNT_TAGS = """
with seen as materialized ({seen})
select null::uuid, 0, count(*) from seen
union all
select tagged.tag_id, seen.place, count(*) from seen
join memories_memorytag tagged on tagged.memory_id = seen.id and tagged.owner_id = %s
group by 1, 2
"""


@dataclass(frozen=True)
class TagTrend:
    """On how many memories of each part of a period a tag is; without a tag, all other tags together."""

    tag: Tag | None
    counts: Sequence[int]


@dataclass(frozen=True)
class TagTrends:
    """The most frequent tags first, then all others. is_partial: only the newest MAX_MEMORIES were counted."""

    trends: Sequence[TagTrend]
    is_partial: bool


@prefer_standby
def count_tags(actor: Actor, period: Period) -> TagTrends:
    """Return the tags of the memories that were saved in the period. A memory counts for each of its tags."""
    require_session(actor)
    counts: dict[UUID, list[int]] = defaultdict(lambda: [0] * len(period.starts))
    memories = 0
    for tag_id, place, count in _fetch_counts(actor, period):
        if tag_id is None:
            memories = count
        else:
            counts[tag_id][place - 1] += count
    ranked = sorted(counts, key=lambda tag_id: (-sum(counts[tag_id]), tag_id))
    tags = {tag.pk: tag for tag in load_tags(actor.person.pk, ranked[:MAX_TAGS])}
    trends = [TagTrend(tags[tag_id], counts.pop(tag_id)) for tag_id in ranked[:MAX_TAGS] if tag_id in tags]
    if counts:
        trends.append(TagTrend(None, [sum(each) for each in zip(*counts.values(), strict=True)]))
    return TagTrends(trends, is_partial=memories == MAX_MEMORIES)


def _fetch_counts(actor: Actor, period: Period) -> list[tuple[UUID | None, int, int]]:
    seen = Memory.objects.visible_to(actor, owner=actor.person).filter(created_at__gte=period.starts[0])
    newest = seen.order_by("-created_at").annotate(place=period.place("created_at")).values("id", "place")
    sql, params = newest[:MAX_MEMORIES].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(COUNT_TAGS.format(seen=sql), [*params, actor.person.pk])
        return list(cursor.fetchall())
