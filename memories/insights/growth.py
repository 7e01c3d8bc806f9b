"""How many memories a user saved when, and how many of them are indexed.

Counted are the memories that the user has now: not those in the trash, nor expired ones, but superseded ones, which
stay. The counts read one index (`memory_counted`) and no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from django.db.models import Count, Min

from accounts.actor import Actor
from core.db.standby import prefer_standby
from memories.insights.periods import Period
from memories.insights.sessions import require_session
from memories.models import IndexState, Memory


@dataclass(frozen=True)
class Growth:
    """Memories by the time they were saved. before: those of before the period. saved: new ones, per start.

    pending, failed: how many of all wait for their indexing, or could not be indexed.
    """

    before: int
    saved: Sequence[int]
    pending: int
    failed: int

    @property
    def totals(self) -> list[int]:
        """Return how many there were at the end of each day, month or year."""
        return list(accumulate(self.saved, initial=self.before))[1:]

    @property
    def total(self) -> int:
        return self.before + sum(self.saved)

    @property
    def indexed(self) -> int:
        return self.total - self.pending - self.failed


def get_first_time(actor: Actor) -> datetime | None:
    """Return when the oldest of the user's memories was created, None without memories."""
    require_session(actor)
    first: datetime | None = Memory.objects.visible_to(actor, owner=actor.person).aggregate(
        first=Min("created_at")
    )["first"]
    return first


@prefer_standby
def count_growth(actor: Actor, period: Period) -> Growth:
    require_session(actor)
    seen = Memory.objects.visible_to(actor, owner=actor.person).order_by()
    placed = seen.annotate(place=period.place("created_at")).values("place", "index_state")
    saved = [0] * (len(period.starts) + 1)
    states = dict.fromkeys(IndexState, 0)
    for place, state, count in placed.annotate(count=Count("*")).values_list("place", "index_state", "count"):
        saved[place] += count
        states[IndexState(state)] += count
    return Growth(saved[0], saved[1:], states[IndexState.PENDING], states[IndexState.FAILED])
