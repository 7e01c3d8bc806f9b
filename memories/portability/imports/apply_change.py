"""What an import changes of what is there; what was before is noted, so that undoing can give all of it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.actor import Actor
from memories.errors import MemoryNotFound, VersionConflict, WaitsForYes
from memories.models import Memory, MemoryRevision, Tag
from memories.portability.readers.items import Item
from memories.services import tags as tagging
from memories.services import writes
from memories.services.reads import opened
from memories.validation import limits
from memories.validation.drafts import UNSET, Unset


@dataclass(frozen=True)
class Before:
    """A memory as it was at `version`, which an import then changed. tags: each its id and its name.

    UNSET: nobody noted it.
    """

    id: UUID
    version: int
    tags: Sequence[tuple[UUID, str]] | Literal[Unset.UNSET] = UNSET
    expires_at: datetime | Literal[Unset.UNSET] | None = UNSET


def still_comes(item: Item) -> bool:
    """What expires meanwhile, or within a minute, need not come any more."""
    return not is_over(item.expires_at)


def is_over(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= timezone.now() + timedelta(minutes=1)


def change(actor: Actor, item: Item) -> Before | None:
    """What was before. None where all stays: it is gone or later meanwhile, or the change waits for a yes."""
    own = Memory.objects.visible_to(actor, owner=actor.person).filter(pk=cast(UUID, item.id))
    memory = own.select_for_update(of=("self",)).first()
    if memory is None or not still_comes(item) or not is_later(item, memory):
        return None
    before = Before(
        memory.pk,
        memory.version,
        [(tag.pk, tag.name) for tag in tagging.by_name(memory.tags.all())],
        memory.expires_at,
    )
    try:
        changed = writes.update_memory(
            actor,
            memory.pk,
            text=item.text,
            tags=UNSET if "tags" in item.keeps else item.tags,
            expires_at=UNSET if "expires_at" in item.keeps else item.expires_at,
        )
    except (MemoryNotFound, ValidationError, WaitsForYes):
        return None  # ValidationError: as much of its app's waits for a yes as may
    return before if changed.version > before.version else None


def is_later(item: Item, memory: Memory) -> bool:
    """The later text wins: an old export must not take back what was written since."""
    return item.written_at is not None and item.written_at > memory.written_at


def noted(before: Before) -> dict[str, Any]:
    """As it lies, sealed, until the import is undone or too old for that."""
    return {
        "id": before.id,
        "version": before.version,
        "tags": before.tags,
        "expires_at": before.expires_at,
    }


def from_note(note: Any) -> Before:
    if isinstance(note, list):  # of an import before tags and expiry were noted
        memory_id, version = note
        return Before(UUID(memory_id), version)
    return Before(
        UUID(note["id"]),
        note["version"],
        [(UUID(tag_id), name) for tag_id, name in note["tags"]],
        note["expires_at"] and datetime.fromisoformat(note["expires_at"]),
    )


def take_back(actor: Actor, before: Before) -> None:
    """Text, tags and expiry as they were, by one change. What was changed since the import stays as it is now."""
    try:
        writes.update_memory(
            actor,
            before.id,
            expected_version=_present_again(actor, before),
            text=_text_of(actor, before),
            tags=_tags_of(actor, before),
            expires_at=_expiry_of(before),
        )
    except (MemoryNotFound, VersionConflict, WaitsForYes):
        return  # gone or changed since; or it is public by now, and the person is asked


def _present_again(actor: Actor, before: Before) -> int:
    """The version that the import left it at; where it expired since, by the import's expiry, it comes back first."""
    left_at = before.version + 1
    expired = Memory.objects.trash_of(actor).filter(pk=before.id, version=left_at, deleted_at=None)
    return writes.restore_memory(actor, before.id).version if expired.exists() else left_at


def _text_of(actor: Actor, before: Before) -> str | Literal[Unset.UNSET]:
    revision = MemoryRevision.objects.filter(
        owner_id=actor.person.pk, memory_id=before.id, version=before.version
    ).first()
    text = None if revision is None else opened(revision)
    return UNSET if text is None else text


def _tags_of(actor: Actor, before: Before) -> list[str] | Literal[Unset.UNSET]:
    """By their present names; those that are gone, since nothing had them any more, by their names of then.

    Where they are what they were, they are left alone: there may be more of them than may be given.
    """
    if before.tags is UNSET:
        return UNSET
    ids = [tag_id for tag_id, _name in before.tags]
    own = Tag.objects.filter(owner=actor.person)
    if set(ids) == set(own.filter(memories=before.id).values_list("pk", flat=True)):
        return UNSET
    present = {tag.pk: tag.name for tag in tagging.by_name(own.filter(pk__in=ids))}
    return limits.possible_tags(present.get(tag_id, name) for tag_id, name in before.tags)


def _expiry_of(before: Before) -> datetime | Literal[Unset.UNSET] | None:
    """One that has passed since is not set again: undoing must not end what it gives back."""
    if before.expires_at is UNSET or is_over(before.expires_at):
        return UNSET
    return before.expires_at
