"""One budget of work per user: what all their apps and their own session may cost the server together.

Anonymous questions to a persona have a budget of their own for each persona, so that they cannot use up its owner's.
A user's level, in seconds until nothing is used, is a row of accounts_rate_limit. Work raises it and time lowers it.
Each process adds up the work of a user and stores it in parts of SETTLE_S, which tells it the level that all processes
see. Between two parts it estimates the level, so that a request needs no statement for it (decision 0037).
"""

import math
import time
from dataclasses import dataclass
from enum import Enum
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import Error

from accounts.rate_limits import RateLimitExceeded
from core.bounded_cache import BoundedCache
from core.db.prepared import fetch_prepared
from core.work_meter import get_meter

WINDOW_S = 180.0  # a user's pages can use three minutes' work at once
SETTLE_S = 0.25
MAX_USERS = 10_000  # in the memory of a process
REASON = "This account used too much of the server's time."
VISITORS_REASON = "This persona was asked too much."

# The work took time, which lowered the level meanwhile, so it is added to the level of when it began: a long import or
# export costs what its work costs in parts.
SETTLE_SQL = """
insert into accounts_rate_limit as rate (key, earned_at)
values (%(key)s, clock_timestamp() + least(
  %(cost)s::float8 - %(work)s::float8, %(ceiling)s::float8) * interval '1 second')
on conflict (key) do update set earned_at = greatest(rate.earned_at, least(
  greatest(rate.earned_at, clock_timestamp() - %(work)s::float8 * interval '1 second')
    + %(cost)s::float8 * interval '1 second',
  clock_timestamp() + %(ceiling)s::float8 * interval '1 second'))
returning extract(epoch from earned_at - clock_timestamp())::float8
"""


class Share(Enum):
    """The part of the window up to which requests are allowed.

    Requests under way raise the level beyond it, but at most to a ceiling below the next share. So whatever apps do,
    they leave a part to their user's pages, and pages leave one to those that disconnect apps and log out.
    """

    APPS = 0.5
    PAGES = 1.0
    ACCOUNT = 1.5

    @property
    def limit_s(self) -> float:
        return WINDOW_S * self.value

    @property
    def ceiling_s(self) -> float:
        return WINDOW_S * (self.value + 0.25)


@dataclass
class _Account:
    """What this process knows of a user: their level at a (monotonic) time, and the work that is not stored yet."""

    level_s: float = 0.0
    known_at: float = 0.0
    unsettled_s: float = 0.0


_accounts = BoundedCache[str, _Account](MAX_USERS)


def require_budget(user_id: UUID, share: Share) -> None:
    """Charge this request's work to the user. Raises RateLimitExceeded if the share is used up."""
    _require_budget(str(user_id), share, REASON)


def require_visitors_budget(owner_id: UUID) -> None:
    """Charge this request's work to the anonymous visitors of the user's persona. Raises RateLimitExceeded."""
    _require_budget(f"visitors:{owner_id}", Share.PAGES, VISITORS_REASON)


def _require_budget(name: str, share: Share, reason: str) -> None:
    if not settings.WORK_SECONDS_PER_MINUTE:
        return
    account = _accounts.get(name)
    if account is not None:
        wait_s = account.level_s - (time.monotonic() - account.known_at) - share.limit_s
        if wait_s > 0:
            raise RateLimitExceeded(math.ceil(wait_s), reason)
    if (meter := get_meter()) is not None:
        meter.charge = partial(_charge_work, name, share)


def charge_work(user_id: UUID, share: Share, seconds: float) -> None:
    """Add work to what the user has used."""
    _charge_work(str(user_id), share, seconds)


def _charge_work(name: str, share: Share, seconds: float) -> None:
    due = _add_unsettled(name, seconds)
    if due < SETTLE_S or not settings.WORK_SECONDS_PER_MINUTE:
        return
    cost = due * 60.0 / settings.WORK_SECONDS_PER_MINUTE
    params = {"key": f"work:{name}", "work": due, "cost": cost, "ceiling": share.ceiling_s}
    try:
        [(level_s,)] = fetch_prepared(SETTLE_SQL, params)
    except Error:  # the request has its answer; without a database there is no work to bound
        return
    with _accounts.lock:
        account = _accounts.get(name) or _Account()
        account.level_s, account.known_at = level_s, time.monotonic()
        _accounts.store(name, account)


def reset_budgets() -> None:
    """Forget what this process knows."""
    _accounts.clear()


def _add_unsettled(name: str, seconds: float) -> float:
    """Return the work that is to be stored now, 0 if it is too little."""
    with _accounts.lock:
        account = _accounts.get(name) or _Account()
        _accounts.store(name, account)
        account.unsettled_s += seconds
        if account.unsettled_s < SETTLE_S:
            return 0.0
        due, account.unsettled_s = account.unsettled_s, 0.0
        return due
