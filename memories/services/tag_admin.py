"""Changes of a tag itself, on all the memories that have it: another name, one with another tag, off them all."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor
from core.db.locks import OwnerLock, lock_owner
from memories import scopes
from memories.errors import TagNotFound
from memories.models import AuditAction, Memory, MemoryTag, Tag
from memories.services import audit, proposals
from memories.services import tags as tagging
from memories.validation import limits


@transaction.atomic
def rename_tag(actor: Actor, tag_id: UUID, name: str, *, may_merge: bool = False) -> Tag:
    """Give a tag another name; apps narrowed to it stay so.

    may_merge: where another tag of the person's has the name, the two become that one. Raises ValidationError
    (name, code taken) else.
    """
    tag = _lock_own_tag(actor, tag_id)
    name = _clean_name(name)
    name_hash = tagging.hash_tag_name(tag.owner_id, name)
    same = Tag.objects.filter(owner_id=tag.owner_id, name_hash=name_hash).exclude(pk=tag.pk).first()
    if same is not None:
        if not may_merge:
            raise ValidationError({"name": ValidationError(_("Another tag has this name."), code="taken")})
        return _merge_into(actor, tag, same)
    tag.name, tag.name_hash = name, name_hash
    tag.save(update_fields=["name", "name_hash"])
    _bump_versions(actor, _lock_tagged_memories(tag))
    return tag


@transaction.atomic
def merge_tags(actor: Actor, tag_id: UUID, into: UUID) -> Tag:
    """Put another tag in place of this one on every memory that has it; returns that other one."""
    tag, other = _lock_own_tag(actor, tag_id), _lock_own_tag(actor, into)
    return tag if tag.pk == other.pk else _merge_into(actor, tag, other)


@transaction.atomic
def remove_tag(actor: Actor, tag_id: UUID) -> int:
    """Take a tag off every memory that has it; the memories stay. Returns how many they were."""
    tag = _lock_own_tag(actor, tag_id)
    touched = _lock_tagged_memories(tag)
    MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).delete()
    _bump_versions(actor, touched)
    return len(touched)


def _lock_own_tag(actor: Actor, tag_id: UUID) -> Tag:
    """The person's tag, with nobody else making or changing one. It is a change of many memories at once."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    proposals.require_approver(actor)
    lock_owner(OwnerLock.TAGS, actor.person.pk)  # as tags.ENSURE does
    tag = Tag.objects.filter(owner_id=actor.person.pk, pk=tag_id).first()
    # A narrowed app sees some of the tag's memories only, so it may not change them all.
    if tag is None or actor.only_tags is not None:
        raise TagNotFound
    return tag


def _merge_into(actor: Actor, tag: Tag, other: Tag) -> Tag:
    """An app narrowed to `tag` sees less from then on, and one narrowed to the other the memories of both."""
    touched = _lock_tagged_memories(tag)
    _add_tag(other, touched)
    MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).delete()  # housekeeping takes the empty tag
    _bump_versions(actor, touched)
    return other


def _clean_name(name: str) -> str:
    try:
        names = limits.clean_tags([name])
    except ValidationError as error:
        raise ValidationError({"name": error}) from None
    if not names:
        raise ValidationError({"name": ValidationError(_("Give the tag a name."), code="blank")})
    return names[0]


def _lock_tagged_memories(tag: Tag) -> list[UUID]:
    """The memories with this tag, in the trash too, locked in one order."""
    tagged = MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).values("memory_id")
    rows = Memory.objects.filter(owner_id=tag.owner_id, pk__in=tagged)
    return list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))


def _add_tag(tag: Tag, memory_ids: list[UUID]) -> None:
    rows = [MemoryTag(owner_id=tag.owner_id, memory_id=each, tag=tag) for each in memory_ids]
    MemoryTag.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def _bump_versions(actor: Actor, memory_ids: list[UUID]) -> None:
    """Their tags are part of what a version is."""
    Memory.objects.filter(pk__in=memory_ids).update(version=F("version") + 1, updated_at=Now())
    audit.record_event(actor, AuditAction.MEMORY_UPDATE, owner_id=actor.person.pk, memory_ids=memory_ids)
