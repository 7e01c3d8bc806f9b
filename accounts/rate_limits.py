"""Rate limits that hold among all processes: one statement in PostgreSQL, atomic, about 0.2 ms.

GCRA (the generic cell rate algorithm): a row keeps the time at which its key will have earned everything back.
"""

import math
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from core.db.prepared import fetch_prepared

# No row comes back when the limit is reached. A request that is refused costs its key nothing.
CONSUME_SQL = """
insert into accounts_rate_limit as rate (key, earned_at)
select key, clock_timestamp() + %(cost)s::float8 * interval '1 second' from ({key}) asking (key)
on conflict (key) do update
set earned_at = greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second'
where greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second' - clock_timestamp()
      <= %(window)s::float8 * interval '1 second'
returning 1
"""
CONSUME_ONE_SQL = CONSUME_SQL.replace("{key}", "values (%(key)s)")


class RateLimitExceeded(Exception):
    """Too many; the next one may pass after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RateLimit:
    """So many in a time: `count` at once, and earned back evenly within `window_s`. Named by what it protects."""

    name: str
    count: int
    window_s: float = 60.0

    @property
    def cost_s(self) -> float:
        """The time in which one more is earned."""
        return self.window_s / self.count

    @property
    def sql_params(self) -> dict[str, float]:
        """What COUNT needs of it."""
        return {"cost": self.cost_s, "window": self.window_s}

    @property
    def exceeded_error(self) -> RateLimitExceeded:
        return RateLimitExceeded(math.ceil(self.cost_s))


def get_api_limit() -> RateLimit:
    """How often each app of a person may ask, and the person's own session."""
    return RateLimit("api", settings.API_REQUESTS_PER_MINUTE)


def get_anonymous_limit() -> RateLimit:
    """How often one address may ask without showing who it is."""
    return RateLimit("anonymous", settings.API_ANONYMOUS_PER_MINUTE)


def enforce_rate_limit(limit: RateLimit, who: str) -> None:
    """Count one of `who` against the limit. Raises LimitReached.

    Outside of a transaction, or a request that fails would not count.
    """
    if not fetch_prepared(CONSUME_ONE_SQL, {**limit.sql_params, "key": f"{limit.name}:{who}"}):
        raise limit.exceeded_error


def purge_rate_limits() -> int:
    """Forget who has earned everything back; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit where earned_at < clock_timestamp()")
        return int(cursor.rowcount)
