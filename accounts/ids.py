"""Ids that people and apps see: UUID version 7 (RFC 9562), so that rows sort by the time they were made."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh id. It exists before the row does, because sealing binds a text to its row's id."""
    return uuid7()
