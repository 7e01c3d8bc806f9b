"""Not keeping one text twice, for those who ask for that: the same text is else kept as often as it is written."""

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
    """What to do where a memory says just this already."""

    KEEP = "keep"  # a second one; nobody looks for the first, which takes longer than to write
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
    """The memory, and whether it is new. Raises Duplicate (REFUSE) and what services.create_memory does.

    An app that may not read, or not see the other, is not told of it. Two at the same moment may both be kept.
    """
    actor.require_scope(scopes.WRITE)
    same = None if on_duplicate == OnDuplicate.KEEP else find_exact_duplicate(actor, text)
    if same is None:
        memory = writes.create_memory(
            actor, text=text, visibility=visibility, tags=tags, expires_at=expires_at
        )
        return memory, True
    if on_duplicate == OnDuplicate.REFUSE:
        raise DuplicateMemory(same)
    return same, False
