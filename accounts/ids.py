"""Public ids: UUID version 7 (RFC 9562), so that rows sort by creation time."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id_at(moment: datetime) -> UUID:
    """Return a new id that sorts as if created at `moment`, for imported memories; no earlier than 1970."""
    seconds = max(moment.timestamp(), 0.0)
    return uuid7(timestamp=int(seconds), nanos=int(seconds % 1 * 1_000_000_000))


def new_id() -> UUID:
    """Return a new id. It is needed before the row exists, because encryption binds a text to its row's id."""
    return uuid7()
