"""Optional detection of exact duplicates; by default the same text is saved as often as it is written."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from accounts.actor import Actor
from memories import scopes
from memories.errors import DuplicateMemory
from memories.models import Memory, Visibility
from memories.search.query import find_exact_duplicate
from memories.services import writes


class OnDuplicate(StrEnum):
    """What to do if a memory with the same text exists."""

    KEEP = "keep"  # save a second one without searching, which would take longer than writing
    RETURN = "return"
    REFUSE = "refuse"


def create_unless_duplicate(
    actor: Actor,
    *,
    text: str,
    on_duplicate: OnDuplicate,
    visibility: str = Visibility.PRIVATE,
    tags: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[Memory, bool]:
    """Return the memory, and whether it is new. Raises DuplicateMemory (REFUSE) and the errors of writes.create_memory.

    An app that cannot read the existing memory does not learn of it. Two concurrent calls may both save one.
    """
    actor.require_scope(scopes.WRITE)
    existing = None if on_duplicate == OnDuplicate.KEEP else find_exact_duplicate(actor, text)
    if existing is None:
        memory = writes.create_memory(
            actor, text=text, visibility=visibility, tags=tags, expires_at=expires_at
        )
        return memory, True
    if on_duplicate == OnDuplicate.REFUSE:
        raise DuplicateMemory(existing)
    return existing, False
