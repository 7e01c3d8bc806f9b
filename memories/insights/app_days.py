"""How often apps read and wrote memories, by day.

The worker sums the audit log by day (`sum_events`), so that a page with a year of an app's activity reads some hundred
rows, however much the app did. What happened since is counted from the log itself. A day is one of the time zone that
the owner had when it was summed.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from accounts.actor import Actor
from accounts.ids import new_id_at
from accounts.models import User
from core.db.distribution import group_owners
from core.db.standby import prefer_standby
from memories.insights.periods import Period
from memories.insights.sessions import require_session
from memories.models import READ_ACTIONS, AppDay, AuditAction, AuditEvent, AuditSum

SETTLED = timedelta(hours=1)  # no event is written with an older id: the clocks of the servers differ by less
BATCH = 20_000  # events
MAX_BATCHES = 25  # of one run; the next one goes on
# Events that a page counts; more of an hour, or while no worker runs, are missing until summed.
MAX_RECENT = 20_000
FIRST_ID = UUID(int=0)
NOT_WRITTEN = (*READ_ACTIONS, AuditAction.MEMORY_PROPOSE)  # a proposal has written nothing yet

# The zones that PostgreSQL knows: a user's one could be newer than its data.
SUM_EVENTS = """
with zone as materialized (select name from pg_timezone_names)
insert into memories_appday (owner_id, day, client_id, reads, writes)
select person.id, (event.happened_at at time zone coalesce(zone.name, 'UTC'))::date, event.client_id,
  count(*) filter (where event.action = any(%(reads)s)),
  count(*) filter (where event.action <> all(%(not_written)s))
from unnest(%(owners)s::uuid[], %(zones)s::text[]) person (id, time_zone)
join memories_auditevent event on event.owner_id = person.id
left join zone on zone.name = person.time_zone
where event.owner_id = any(%(owners)s::uuid[]) and event.id > %(after)s and event.id <= %(until)s
and event.client_id <> '' and event.action <> %(proposed)s and cardinality(event.memory_ids) > 0
group by 1, 2, 3 order by 1, 2, 3
on conflict (owner_id, day, client_id) do update
set reads = memories_appday.reads + excluded.reads, writes = memories_appday.writes + excluded.writes
"""


@dataclass(frozen=True)
class AppActivity:
    """How often an app read and wrote memories, for each start of a period."""

    client_id: str
    reads: Sequence[int]
    writes: Sequence[int]


@prefer_standby
def list_app_activity(actor: Actor, period: Period) -> list[AppActivity]:
    """Return what each app did in the period, without inactive apps, the most active first."""
    require_session(actor)
    counts: dict[str, tuple[list[int], list[int]]] = {}
    for place, client_id, reads, writes in [*_list_summed(actor, period), *_list_recent(actor, period)]:
        of_app = counts.setdefault(client_id, ([0] * len(period.starts), [0] * len(period.starts)))
        of_app[0][place] += reads
        of_app[1][place] += writes
    found = [AppActivity(client_id, *of_app) for client_id, of_app in counts.items()]
    return sorted(found, key=lambda app: (-sum(app.reads) - sum(app.writes), app.client_id))


def sum_events() -> int:
    """Sum the events that are not in `AppDay` yet; return of how many. Needs a transaction, and one worker alone."""
    done = _get_summed_id()
    settled = new_id_at(timezone.now() - SETTLED)
    total = 0
    for _ in range(MAX_BATCHES):
        new = AuditEvent.objects.filter(pk__gt=done, pk__lte=settled).order_by("pk")
        events = list(new.values_list("pk", "owner_id")[:BATCH])
        if not events:
            break
        until, _ = events[-1]
        for owners in group_owners(owner_id for _, owner_id in events):
            _sum_batch(owners, done, until)
        done, total = until, total + len(events)
    if total:
        AuditSum.objects.update_or_create(defaults={"until": done})
    return total


def purge_days() -> int:
    """Delete the days of before the retention of the audit log."""
    since = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    return AppDay.objects.filter(day__lt=since.date()).delete()[0]


def _get_summed_id() -> UUID:
    """Return the id of the last event that is summed."""
    return AuditSum.objects.values_list("until", flat=True).first() or FIRST_ID


def _sum_batch(owner_ids: Sequence[UUID], after: UUID, until: UUID) -> None:
    zones = dict(User.objects.filter(pk__in=owner_ids).values_list("pk", "time_zone"))
    values: Mapping[str, Any] = {
        "owners": list(zones),
        "zones": list(zones.values()),
        "after": after,
        "until": until,
        "reads": [action.value for action in READ_ACTIONS],
        "not_written": [action.value for action in NOT_WRITTEN],
        "proposed": AuditAction.MEMORY_PROPOSE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(SUM_EVENTS, values)


def _list_summed(actor: Actor, period: Period) -> list[tuple[int, str, int, int]]:
    days = period.days
    rows = AppDay.objects.filter(owner_id=actor.person.pk, day__gte=days[0])
    return [
        (bisect_right(days, day) - 1, client_id, reads, writes)
        for day, client_id, reads, writes in rows.values_list("day", "client_id", "reads", "writes")
    ]


def _list_recent(actor: Actor, period: Period) -> list[tuple[int, str, int, int]]:
    done = _get_summed_id()
    events = AuditEvent.objects.filter(~Q(client_id=""), owner_id=actor.person.pk, memory_ids__len__gt=0)
    # An id says when its event was written: the index of the owner's ids leads to those of the period.
    recent = events.filter(pk__gt=max(done, new_id_at(period.starts[0] - SETTLED))).order_by("-pk")
    newest = AuditEvent.objects.filter(owner_id=actor.person.pk, pk__in=recent.values("pk")[:MAX_RECENT])
    placed = newest.annotate(place=period.place("happened_at")).filter(place__gt=0)
    counted = (
        placed.order_by()
        .values("place", "client_id")
        .annotate(
            read=Count("pk", filter=Q(action__in=READ_ACTIONS)),
            written=Count("pk", filter=~Q(action__in=NOT_WRITTEN)),
        )
    )
    return [
        (place - 1, client_id, read, written)
        for place, client_id, read, written in counted.values_list("place", "client_id", "read", "written")
        if read or written
    ]
