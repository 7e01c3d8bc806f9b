"""What a caller gives to make or change a memory, cleaned: each field by its limit, all their errors together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Final, Literal, TypedDict, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.models import Memory, Visibility
from memories.validation import limits


class Unset(Enum):
    """Marks a value that the caller did not give; None has a meaning for an expiry."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Value = TypeVar("Value")
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


class Changes(TypedDict, total=False):
    """The fields of a memory that change, each with its new value."""

    text: str
    visibility: str
    tags: Sequence[str]
    expires_at: datetime | None


def select_given(
    text: str | Literal[Unset.UNSET],
    visibility: str | Literal[Unset.UNSET],
    tags: Sequence[str] | Literal[Unset.UNSET],
    expires_at: datetime | Literal[Unset.UNSET] | None,
) -> Changes:
    """Leave out the values that the caller did not give."""
    given: Changes = {}
    if text is not UNSET:
        given["text"] = text
    if visibility is not UNSET:
        given["visibility"] = visibility
    if tags is not UNSET:
        given["tags"] = tags
    if expires_at is not UNSET:
        given["expires_at"] = expires_at
    return given


class _FieldErrors:
    """Clean field after field, then raise the errors of all of them together."""

    def __init__(self) -> None:
        self._errors: dict[str, ValidationError] = {}

    def clean(self, name: str, clean_value: Callable[[Value], Value], value: Value) -> Value:
        try:
            return clean_value(value)
        except ValidationError as error:
            self._errors[name] = error
            return value

    def raise_all(self) -> None:
        if self._errors:
            raise ValidationError(self._errors)


def clean_new_memory(item: NewMemory) -> NewMemory:
    """What was given as it is stored. Raises ValidationError with all that is wrong, by field."""
    errors = _FieldErrors()
    cleaned = NewMemory(
        text=errors.clean("text", limits.clean_text, item.text),
        visibility=errors.clean("visibility", limits.clean_visibility, item.visibility),
        tags=errors.clean("tags", limits.clean_tags, item.tags),
        expires_at=errors.clean("expires_at", limits.clean_expires_at, item.expires_at),
        conversation=item.conversation,
        position=errors.clean("position", partial(_clean_position, item.conversation), item.position),
        id=item.id,
    )
    errors.raise_all()
    return cleaned


def clean_changes(memory: Memory, given: Changes) -> Changes:
    """The given values as they are stored. Raises ValidationError, by field."""
    errors = _FieldErrors()
    cleaned: Changes = {}
    if "text" in given:
        cleaned["text"] = errors.clean("text", limits.clean_text, given["text"])
    if "visibility" in given:
        cleaned["visibility"] = errors.clean("visibility", limits.clean_visibility, given["visibility"])
    if "tags" in given:
        cleaned["tags"] = errors.clean("tags", limits.clean_tags, given["tags"])
    if "expires_at" in given:
        cleaned["expires_at"] = given["expires_at"]
        # An expiry that stays as it is may have come near meanwhile; only a new one must lie ahead.
        if given["expires_at"] != memory.expires_at:
            cleaned["expires_at"] = errors.clean("expires_at", limits.clean_expires_at, given["expires_at"])
    errors.raise_all()
    return cleaned


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
