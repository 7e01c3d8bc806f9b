"""Changes to a tag on all its memories: rename, merge, delete."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor
from core.db.locks import OwnerLock, lock_owner
from core.db.time_limits import long_transaction
from memories import scopes
from memories.errors import TagNotFound
from memories.index.tag_words import store_tag_words
from memories.models import AuditAction, Memory, MemoryTag, Tag
from memories.services import audit, proposals
from memories.services import tags as tagging
from memories.validation import limits


@long_transaction()
def rename_tag(actor: Actor, tag_id: UUID, name: str, *, may_merge: bool = False) -> Tag:
    """Rename a tag; apps limited to it stay limited to it.

    may_merge: merge into the user's existing tag of that name, if any; otherwise this raises ValidationError (name,
    code taken).
    """
    tag = _lock_own_tag(actor, tag_id)
    name = _clean_name(name)
    name_hash = tagging.hash_tag_name(tag.owner_id, name)
    same = Tag.objects.filter(owner_id=tag.owner_id, name_hash=name_hash).exclude(pk=tag.pk).first()
    if same is not None:
        if not may_merge:
            raise ValidationError(
                {"name": ValidationError(_("You already have a tag with this name."), code="taken")}
            )
        return _merge_into(actor, tag, same)
    former = tagging.get_readable_names([tag])
    tag.name, tag.name_hash = name, name_hash
    tag.save(update_fields=["name", "name_hash"])
    _record_change(actor, _lock_tagged_memories(tag), dropped=former)
    return tag


@long_transaction()
def merge_tags(actor: Actor, tag_id: UUID, into: UUID) -> Tag:
    """Replace a tag by the tag `into` on all its memories; return the latter."""
    tag, other = _lock_own_tag(actor, tag_id), _lock_own_tag(actor, into)
    return tag if tag.pk == other.pk else _merge_into(actor, tag, other)


@long_transaction()
def remove_tag(actor: Actor, tag_id: UUID) -> int:
    """Remove a tag from all its memories, which stay; return how many."""
    tag = _lock_own_tag(actor, tag_id)
    touched = _lock_tagged_memories(tag)
    MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).delete()
    _record_change(actor, touched, dropped=tagging.get_readable_names([tag]))
    return len(touched)


def _lock_own_tag(actor: Actor, tag_id: UUID) -> Tag:
    """Return the user's tag and lock their tags. Needs memories:admin, since many memories change."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    proposals.require_approver(actor)
    lock_owner(OwnerLock.TAGS, actor.person.pk)  # as tags.ensure_tags does
    tag = Tag.objects.filter(owner_id=actor.person.pk, pk=tag_id).first()
    # An app limited to tags may see only some of the tag's memories, so it cannot change them all.
    if tag is None or actor.only_tags is not None:
        raise TagNotFound
    return tag


def _merge_into(actor: Actor, tag: Tag, other: Tag) -> Tag:
    """Merge `tag` into `other`. Apps limited to `tag` then see less, those limited to `other` the memories of both."""
    touched = _lock_tagged_memories(tag)
    _add_tag(other, touched)
    MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).delete()  # retention deletes the unused tag
    _record_change(actor, touched, dropped=tagging.get_readable_names([tag]))
    return other


def _clean_name(name: str) -> str:
    try:
        names = limits.clean_tags([name])
    except ValidationError as error:
        raise ValidationError({"name": error}) from None
    if not names:
        raise ValidationError({"name": ValidationError(_("Enter a name for the tag."), code="blank")})
    return names[0]


def _lock_tagged_memories(tag: Tag) -> list[UUID]:
    """Lock the memories with this tag in a fixed order, including those in the trash; return their ids."""
    tagged = MemoryTag.objects.filter(owner_id=tag.owner_id, tag=tag).values("memory_id")
    rows = Memory.objects.filter(owner_id=tag.owner_id, pk__in=tagged)
    return list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))


def _add_tag(tag: Tag, memory_ids: list[UUID]) -> None:
    rows = tagging.build_memory_tags(tag, memory_ids)
    MemoryTag.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def _record_change(actor: Actor, memory_ids: list[UUID], *, dropped: list[str]) -> None:
    """Update the words of the memories' tags, and increment their versions, since tags are part of a version."""
    store_tag_words(actor.person, memory_ids, dropped=dropped)
    tagged = Memory.objects.owned_by(actor.person).filter(pk__in=memory_ids)
    tagged.update(version=F("version") + 1, updated_at=Now())
    audit.record_event(actor, AuditAction.MEMORY_UPDATE, owner_id=actor.person.pk, memory_ids=memory_ids)
