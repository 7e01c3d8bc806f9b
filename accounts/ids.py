"""Ids that people and apps see: UUID version 7 (RFC 9562), so that rows sort by the time they were made."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id_at(moment: datetime) -> UUID:
    """A fresh id that sorts as if it had been made at that time, for what was written then elsewhere."""
    seconds = moment.timestamp()
    return uuid7(timestamp=int(seconds), nanos=int(seconds % 1 * 1_000_000_000))


def new_id() -> UUID:
    """A fresh id. It exists before the row does, because sealing binds a text to its row's id."""
    return uuid7()
