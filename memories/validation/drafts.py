"""Input for creating or changing a memory, validated field by field, with all errors collected."""

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
    """Marker for an omitted value, since None means "no expiry"."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Value = TypeVar("Value")
MAX_POSITION = 2**31 - 1
CHANGEABLE_FIELDS = ("text", "visibility", "tags", "expires_at", "supersedes", "pinned")
COLUMNS = {"supersedes": "supersedes_id"}  # of fields that are named otherwise in a row


@dataclass(frozen=True)
class Origin:
    """What an imported memory keeps of where it comes from: its id there, its times and its version."""

    imported_id: UUID | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    written_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class NewMemory:
    """The fields of a new memory.

    conversation, position: both or neither. Memories that follow one another in a conversation (any UUID that the
    caller chooses) also match each other's words in search, as the turns of an imported chat should.
    id: an unused id; generated if omitted. origin: only of an imported memory.
    supersedes: the older memory that this one replaces (services/supersession.py).
    """

    text: str
    visibility: str = Visibility.PRIVATE
    tags: Sequence[str] = ()
    expires_at: datetime | None = None
    conversation: UUID | None = None
    position: int | None = None
    id: UUID | None = None
    supersedes: UUID | None = None
    pinned: bool = False
    origin: Origin | None = None


class Changes(TypedDict, total=False):
    """The changed fields of a memory, with their new values."""

    text: str
    visibility: str
    tags: Sequence[str]
    expires_at: datetime | None
    supersedes: UUID | None
    pinned: bool


def select_given(
    text: str | Literal[Unset.UNSET],
    visibility: str | Literal[Unset.UNSET],
    tags: Sequence[str] | Literal[Unset.UNSET],
    expires_at: datetime | Literal[Unset.UNSET] | None,
    supersedes: UUID | Literal[Unset.UNSET] | None = UNSET,
    pinned: bool | Literal[Unset.UNSET] = UNSET,
) -> Changes:
    """Return only the values that are set."""
    values: Changes = {}
    if text is not UNSET:
        values["text"] = text
    if visibility is not UNSET:
        values["visibility"] = visibility
    if tags is not UNSET:
        values["tags"] = tags
    if expires_at is not UNSET:
        values["expires_at"] = expires_at
    if supersedes is not UNSET:
        values["supersedes"] = supersedes
    if pinned is not UNSET:
        values["pinned"] = pinned
    return values


class _FieldErrors:
    """Cleans fields one by one and raises all their errors together."""

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
    """Return the item with normalized values. Raises ValidationError with all errors, by field."""
    errors = _FieldErrors()
    cleaned = NewMemory(
        text=errors.clean("text", limits.clean_text, item.text),
        visibility=errors.clean("visibility", limits.clean_visibility, item.visibility),
        tags=errors.clean("tags", limits.clean_tags, item.tags),
        expires_at=errors.clean("expires_at", limits.clean_expires_at, item.expires_at),
        conversation=item.conversation,
        position=errors.clean("position", partial(_clean_position, item.conversation), item.position),
        id=item.id,
        supersedes=item.supersedes,
        pinned=item.pinned,
        origin=item.origin,
    )
    errors.raise_all()
    return cleaned


def clean_changes(memory: Memory, values: Changes) -> Changes:
    """Return the changes with normalized values. Raises ValidationError, by field."""
    errors = _FieldErrors()
    cleaned: Changes = {}
    if "text" in values:
        cleaned["text"] = errors.clean("text", limits.clean_text, values["text"])
    if "visibility" in values:
        cleaned["visibility"] = errors.clean("visibility", limits.clean_visibility, values["visibility"])
    if "tags" in values:
        cleaned["tags"] = errors.clean("tags", limits.clean_tags, values["tags"])
    if "expires_at" in values:
        cleaned["expires_at"] = values["expires_at"]
        # An unchanged expiry may have passed in the meantime; only a new one must be in the future.
        if values["expires_at"] != memory.expires_at:
            cleaned["expires_at"] = errors.clean("expires_at", limits.clean_expires_at, values["expires_at"])
    if "supersedes" in values:
        cleaned["supersedes"] = values["supersedes"]
    if "pinned" in values:
        cleaned["pinned"] = values["pinned"]
    errors.raise_all()
    return cleaned


def _clean_position(conversation: UUID | None, position: int | None) -> int | None:
    if (conversation is None) != (position is None):
        raise ValidationError(_("Give both conversation and position, or neither."), code="half_marked")
    if position is not None and not 0 <= position <= MAX_POSITION:
        raise ValidationError(
            _("The position must be between 0 and %(limit)s."),
            code="position",
            params={"limit": f"{MAX_POSITION:,}"},
        )
    return position
