"""What a caller gives to make or change a memory, cleaned: each field by its limit, all their errors together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.models import Memory, Visibility
from memories.validation import limits


class Unset(Enum):
    """Marks a value that the caller did not give; None has a meaning for an expiry."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
MAX_POSITION = 2**31 - 1
CHANGEABLE_FIELDS = ("text", "visibility", "tags", "expires_at")


@dataclass(frozen=True)
class NewMemory:
    """What a memory is made from.

    conversation, position: both or neither. Memories of one conversation (any UUID of the caller's) whose positions
    follow one another are found by each other's words too, as the turns of an imported chat should be.
    id: of a memory that had one elsewhere; no other may have it. It is a fresh one otherwise.
    """

    text: str
    visibility: str = Visibility.PRIVATE
    tags: Sequence[str] = ()
    expires_at: datetime | None = None
    conversation: UUID | None = None
    position: int | None = None
    id: UUID | None = None


def clean_new(item: NewMemory) -> NewMemory:
    """What was given as it is stored. Raises ValidationError with all that is wrong, by field."""
    cleaned = _clean_fields(
        text=(limits.clean_text, item.text),
        visibility=(limits.clean_visibility, item.visibility),
        tags=(limits.clean_tags, item.tags),
        expires_at=(limits.clean_expires_at, item.expires_at),
        position=(partial(_clean_position, item.conversation), item.position),
    )
    return NewMemory(conversation=item.conversation, id=item.id, **cleaned)


def clean_changes(memory: Memory, **given: Any) -> dict[str, Any]:
    """The given values as they are stored; those that are UNSET are left out. Raises ValidationError, by field."""
    cleaners: dict[str, Callable[[Any], Any]] = {
        "text": limits.clean_text,
        "visibility": limits.clean_visibility,
        "tags": limits.clean_tags,
        # An expiry that stays as it is may have come near meanwhile; only a new one must lie ahead.
        "expires_at": lambda value: value if value == memory.expires_at else limits.clean_expires_at(value),
    }
    return _clean_fields(
        **{name: (cleaners[name], value) for name, value in given.items() if value is not UNSET}
    )


def _clean_position(conversation: UUID | None, position: int | None) -> int | None:
    if (conversation is None) != (position is None):
        raise ValidationError(
            _("A position needs its conversation, and a conversation a position."), code="half_marked"
        )
    if position is not None and not 0 <= position <= MAX_POSITION:
        raise ValidationError(
            _("A position is at least 0 and at most %(limit)s."),
            code="position",
            params={"limit": f"{MAX_POSITION:,}"},
        )
    return position


def _clean_fields(**fields: tuple[Callable[[Any], Any], Any]) -> dict[str, Any]:
    """Clean every field, and raise all their errors together."""
    cleaned: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    for name, (clean, value) in fields.items():
        try:
            cleaned[name] = clean(value)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return cleaned
