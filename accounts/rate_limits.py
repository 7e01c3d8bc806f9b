"""Rate limits shared by all processes: one atomic statement in PostgreSQL, about 0.2 ms.

GCRA (the generic cell rate algorithm): a row stores the time at which its key's full quota is available again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from core.db.prepared import fetch_prepared

# Returns no row if the limit is exceeded. A rejected request does not count.
CONSUME_SQL = """
insert into accounts_rate_limit as rate (key, earned_at)
select key, clock_timestamp() + %(cost)s::float8 * interval '1 second' from ({key}) asking (key)
on conflict (key) do update
set earned_at = greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second'
where greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second' - clock_timestamp()
      <= %(window)s::float8 * interval '1 second'
returning 1
"""
WAIT_SQL = """
select extract(epoch from earned_at - clock_timestamp())::float8 + %(cost)s::float8 - %(window)s::float8
from accounts_rate_limit where key = %(key)s
"""
RESTORE_SQL = """
update accounts_rate_limit
set earned_at = greatest(earned_at - %(cost)s::float8 * interval '1 second', clock_timestamp())
where key = %(key)s
"""
CONSUME_ONE_SQL = CONSUME_SQL.replace("{key}", "values (%(key)s)")


class RateLimitExceeded(Exception):
    """A limit is exceeded, `reason` says which. Retry after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int, reason: str = "Too many requests.") -> None:
        super().__init__(f"{reason} Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RateLimit:
    """A limit of `count` requests, replenished evenly over `window_s` seconds. Named after what it protects.

    reason: the sentence that says that it is exceeded.
    """

    name: str
    count: int
    window_s: float = 60.0
    reason: str = "Too many requests."

    @property
    def cost_s(self) -> float:
        """Seconds until one more request is allowed."""
        return self.window_s / self.count

    @property
    def sql_params(self) -> dict[str, float]:
        """Parameters of CONSUME_SQL."""
        return {"cost": self.cost_s, "window": self.window_s}

    def build_params(self, who: str, count: int = 1) -> dict[str, object]:
        """Return the parameters of CONSUME_ONE_SQL for `count` requests of `who`, at most all that are allowed."""
        cost = min(count * self.cost_s, self.window_s)
        return {"cost": cost, "window": self.window_s, "key": f"{self.name}:{who}"}

    @property
    def exceeded_error(self) -> RateLimitExceeded:
        return RateLimitExceeded(math.ceil(self.cost_s), self.reason)


def get_api_limit() -> RateLimit:
    """Return the limit for each app of a user, and for the user's own session."""
    return RateLimit("api", settings.API_REQUESTS_PER_MINUTE)


def get_public_persona_limit() -> RateLimit:
    """Return the limit of one IP address for the public pages that answer from a persona."""
    return RateLimit("public_page", settings.API_ANONYMOUS_PER_MINUTE)


def get_anonymous_limit() -> RateLimit:
    """Return the limit for unauthenticated requests of one IP address."""
    return RateLimit("anonymous", settings.API_ANONYMOUS_PER_MINUTE)


def enforce_rate_limit(limit: RateLimit, who: str, count: int = 1) -> None:
    """Count `count` requests of `who`. Raises RateLimitExceeded.

    Call it outside of transactions: a rollback would undo the count.
    """
    params = limit.build_params(who, count)
    if not fetch_prepared(CONSUME_ONE_SQL, params):
        raise build_exceeded_error(limit, params)


def build_exceeded_error(limit: RateLimit, params: Mapping[str, object]) -> RateLimitExceeded:
    """Return the error of a rejected CONSUME_ONE_SQL, with the time until its parameters are allowed."""
    rows = fetch_prepared(WAIT_SQL, dict(params))
    return RateLimitExceeded(max(1, math.ceil(rows[0][0])) if rows else 1, limit.reason)


def restore_rate_limit(limit: RateLimit, who: str) -> None:
    """Take back one counted request of `who`."""
    with connection.cursor() as cursor:
        cursor.execute(RESTORE_SQL, {"cost": limit.cost_s, "key": f"{limit.name}:{who}"})


def enforce_rate_limit_of(limit: RateLimit, who_sql: str, params: Mapping[str, object]) -> None:
    """Count one request of whom the SQL expression returns, in one statement. Raises RateLimitExceeded."""
    sql = CONSUME_SQL.replace("{key}", f"select '{limit.name}:' || {who_sql}")
    if not fetch_prepared(sql, {**limit.sql_params, **params}):
        raise limit.exceeded_error


def purge_rate_limits() -> int:
    """Delete the rows of keys whose full quota is available; return their number."""
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit where earned_at < clock_timestamp()")
        return int(cursor.rowcount)
