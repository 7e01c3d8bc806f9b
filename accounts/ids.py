"""Public ids: UUID version 7 (RFC 9562), so that rows sort by creation time."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_LAST_SECOND = datetime(9999, 12, 30, tzinfo=UTC).timestamp()  # an id from a URL may be of any time


def new_id_at(moment: datetime) -> UUID:
    """Return a new id that sorts as if created at `moment`, for imported memories; no earlier than 1970."""
    seconds = max(moment.timestamp(), 0.0)
    return uuid7(timestamp=int(seconds), nanos=int(seconds % 1 * 1_000_000_000))


def new_id() -> UUID:
    """Return a new id. It is needed before the row exists, because encryption binds a text to its row's id."""
    return uuid7()


def get_first_id(moment: datetime) -> UUID:
    """Return an id that sorts before all that are created at `moment` or later."""
    return UUID(int=max(int(moment.timestamp() * 1_000), 0) << 80)


def get_creation_time(public_id: UUID) -> datetime:
    """Return the time of an id, to the millisecond."""
    return datetime.fromtimestamp(min((public_id.int >> 80) / 1_000, _LAST_SECOND), UTC)
