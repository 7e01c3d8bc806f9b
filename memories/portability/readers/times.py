"""Understand the times that other products write."""

import math
from datetime import UTC, datetime

MILLISECONDS_FROM = 100_000_000_000  # as seconds this would be in the year 5138
EARLIEST_TIME = datetime(1970, 1, 2, tzinfo=UTC)


def parse_time(value: object) -> datetime | None:
    """Parse ISO 8601, or seconds or milliseconds since 1970. Returns None for anything else.

    A time without zone is UTC. A future time becomes now, since no memory can have been written then.
    """
    try:
        time = _parse_time(value)
    except (ValueError, OverflowError, OSError):
        return None
    if time is None or time < EARLIEST_TIME:
        return None
    return min(time, datetime.now(UTC))


def _parse_time(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return None
        return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    if isinstance(value, str):
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return None


def parse_expiry(value: object) -> datetime | None:
    """Parse an expiry, which may be in the future. Raises ValueError unless it is ISO 8601 with a time zone."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("the expiry is not a string")
    expires_at = datetime.fromisoformat(value)
    if expires_at.tzinfo is None:
        raise ValueError("the expiry has no time zone")
    return expires_at.astimezone(UTC)
