"""Rate limits that hold among all processes: one statement in PostgreSQL, atomic, about 0.2 ms.

GCRA (the generic cell rate algorithm): a row keeps the time at which its key will have earned everything back.
"""

import math
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from core.db.prepared import fetch_prepared

# No row comes back when the limit is reached. A request that is refused costs its key nothing.
COUNT = """
insert into accounts_rate_limit as rate (key, earned_at)
select key, clock_timestamp() + %(cost)s::float8 * interval '1 second' from ({key}) asking (key)
on conflict (key) do update
set earned_at = greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second'
where greatest(rate.earned_at, clock_timestamp()) + %(cost)s::float8 * interval '1 second' - clock_timestamp()
      <= %(window)s::float8 * interval '1 second'
returning 1
"""
HIT = COUNT.replace("{key}", "values (%(key)s)")
WITH_PORT = re.compile(r"^(?:\[([^\]]*)\](?::\d*)?|([\d.]+):\d+)$")


class LimitReached(Exception):
    """Too many; the next one may pass after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Limit:
    """So many in a time: `count` at once, and earned back evenly within `window_s`. Named by what it protects."""

    name: str
    count: int
    window_s: float = 60.0

    @property
    def cost_s(self) -> float:
        """The time in which one more is earned."""
        return self.window_s / self.count

    @property
    def params(self) -> dict[str, float]:
        """What COUNT needs of it."""
        return {"cost": self.cost_s, "window": self.window_s}

    @property
    def reached(self) -> LimitReached:
        return LimitReached(math.ceil(self.cost_s))


def of_requests() -> Limit:
    """How often each app of a person may ask, and the person's own session."""
    return Limit("api", settings.API_REQUESTS_PER_MINUTE)


def of_anybody() -> Limit:
    """How often one address may ask without showing who it is."""
    return Limit("anonymous", settings.API_ANONYMOUS_PER_MINUTE)


def hit(limit: Limit, who: str) -> None:
    """Count one of `who` against the limit. Raises LimitReached.

    Outside of a transaction, or a request that fails would not count.
    """
    if not fetch_prepared(HIT, {**limit.params, "key": f"{limit.name}:{who}"}):
        raise limit.reached


def client_address(request: HttpRequest) -> str:
    """Where a request comes from: what the trusted proxies say, counted from the right, or the connection's other end.

    Entries further left are the client's own words and are not believed.
    """
    hops = settings.TRUSTED_PROXY_HOPS
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if hops and len(forwarded) >= hops and forwarded[-hops]:
        return str(forwarded[-hops][:45])  # the longest an IPv6 address can be
    return str(request.META.get("REMOTE_ADDR", ""))


def client_network(request: HttpRequest) -> str:
    """Whose share of a limit a request takes: its address, of IPv6 the 64 bits that one household or server has whole.

    A port, as some proxies write it, says nothing of who asks.
    """
    given = client_address(request)
    bare = WITH_PORT.sub(r"\1\2", given)
    try:
        address = ip_address(bare)
    except ValueError:
        return given
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def purge() -> int:
    """Forget who has earned everything back; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit where earned_at < clock_timestamp()")
        return int(cursor.rowcount)
