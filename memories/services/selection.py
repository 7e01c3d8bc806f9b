"""Bulk changes of a user's memories: of selected ones, or of all that match some filters."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from core.db.time_limits import long_transaction
from memories import scopes
from memories.errors import SelectionChanged
from memories.index.tag_words import store_tag_words
from memories.models import AuditAction, Memory, MemoryTag, MemoryVector, Visibility
from memories.models.visibility import Filters
from memories.services import audit, proposals, writes
from memories.services import tags as tagging
from memories.services.bulk import trash_queryset
from memories.validation import limits

MAX_VISIBILITY_CHANGES = 1_000  # per transaction: each memory is reindexed under another key
MAX_SELECTION = 10_000  # memories per change
SAMPLE = 8
COMPARED = ("owner_id", "visibility", "expires_at", "pinned")  # what the need of an approval depends on


@dataclass(frozen=True)
class Selection:
    """The selected memories: those of `ids`, or, if it is None, all that match `filters`.

    seen: the versions that the user saw, by id. shown: without ids, the digest of the `preview_publish` that the user
    confirmed.
    """

    ids: Collection[UUID] | None = None
    filters: Filters = field(default_factory=Filters)
    seen: Mapping[UUID, int | None] = field(default_factory=dict)
    shown: str = ""


@dataclass(frozen=True)
class PublishPreview:
    """What publishing a selection changes: how many private memories, the newest SAMPLE of them, a digest of all."""

    count: int
    newest: list[Memory]
    digest: str


@long_transaction()
def trash_selection(actor: Actor, chosen: Selection) -> tuple[int, datetime | None]:
    """Move the selection to trash; return how many, and the time by which `restore_trashed_selection` finds them."""
    ids = _lock_selection(actor, chosen)
    own = Memory.objects.owned_by(actor.person)
    trash_queryset(actor, own.filter(pk__in=ids))
    moments = own.filter(pk__in=ids[:1]).values_list("deleted_at", flat=True)
    return len(ids), moments.first()


@long_transaction()
def restore_trashed_selection(actor: Actor, trashed_at: datetime) -> int:
    """Restore what one bulk action moved to trash; return how many."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    rows = Memory.objects.trash_visible_to(actor).filter(deleted_at=trashed_at)
    ids = list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    _update_memories(actor, AuditAction.MEMORY_RESTORE, ids, deleted_at=None)
    MemoryVector.objects.filter(owner_id=actor.person.pk, memory_id__in=ids).update(is_trashed=False)
    return len(ids)


@long_transaction()
def tag_selection(actor: Actor, chosen: Selection, name: str) -> int:
    """Add a tag to the selection; return how many did not have it.

    Raises ValidationError (tag), for all, if one of them already has the maximum number of tags.
    """
    ids = _lock_selection(actor, chosen)
    tag = tagging.ensure_tags(actor.person.pk, [_clean_single_tag(name)])[
        limits.fold_tag_name(_clean_single_tag(name))
    ]
    present = MemoryTag.objects.filter(owner_id=actor.person.pk, memory_id__in=ids)
    tagged = set(present.filter(tag=tag).values_list("memory_id", flat=True))
    fresh = [each for each in ids if each not in tagged]
    _check_tag_limit(list(present.filter(memory_id__in=fresh).values_list("memory_id", flat=True)))
    MemoryTag.objects.bulk_create(tagging.build_memory_tags(tag, fresh), batch_size=1_000)
    store_tag_words(actor.person, fresh)
    _update_memories(actor, AuditAction.MEMORY_UPDATE, fresh)
    return len(fresh)


@long_transaction()
def untag_selection(actor: Actor, chosen: Selection, name: str) -> int:
    """Remove a tag from the selection; return how many had it."""
    ids = _lock_selection(actor, chosen)
    tags = tagging.find_tags(actor.person.pk, [_clean_single_tag(name)])
    present = MemoryTag.objects.filter(owner_id=actor.person.pk, memory_id__in=ids, tag__in=tags)
    tagged = list(present.values_list("memory_id", flat=True))
    present.delete()
    store_tag_words(actor.person, tagged, dropped=tagging.get_readable_names(tags))
    _update_memories(actor, AuditAction.MEMORY_UPDATE, tagged)
    return len(tagged)


@long_transaction()
def set_selection_expiry(actor: Actor, chosen: Selection, expires_at: datetime | None) -> int:
    """Set or clear the expiry of the selection. Raises InsufficientScope, for all, if one would need approval."""
    ids = _lock_selection(actor, chosen)
    expires_at = limits.clean_expires_at(expires_at)
    if actor.is_app and any(
        proposals.needs_approval(actor, memory, {"expires_at": expires_at})
        for memory in Memory.objects.owned_by(actor.person).filter(pk__in=ids).only(*COMPARED)
    ):
        raise InsufficientScope(scopes.PUBLISH)
    _update_memories(actor, AuditAction.MEMORY_UPDATE, ids, expires_at=expires_at)
    MemoryVector.objects.filter(owner_id=actor.person.pk, memory_id__in=ids).update(expires_at=expires_at)
    return len(ids)


@long_transaction()
def set_selection_visibility(actor: Actor, chosen: Selection, visibility: str) -> int:
    """Make the selection public or private; return how many changed, at most MAX_VISIBILITY_CHANGES.

    When publishing, raises VersionConflict, for all, if one changed since the user saw it, and SelectionChanged if the
    matching memories are no longer the ones in the preview.
    """
    changing = _lock_visibility_changes(actor, chosen, limits.clean_visibility(visibility))
    publish = visibility == Visibility.PUBLIC
    if publish and chosen.ids is None and changing and chosen.shown != _digest_versions(changing):
        raise SelectionChanged
    seen = chosen.seen if publish else {}
    for each in changing:
        writes.set_visibility(actor, each, visibility, expected_version=seen.get(each))
    return len(changing)


@long_transaction()
def preview_publish(actor: Actor, chosen: Selection) -> PublishPreview:
    """Return what `set_selection_visibility` would make public. Raises ValidationError if it is too many."""
    changing = _lock_visibility_changes(actor, chosen, Visibility.PUBLIC)
    newest = Memory.objects.owned_by(actor.person).filter(pk__in=list(changing)[-SAMPLE:])
    return PublishPreview(len(changing), list(newest.order_by("-pk")), _digest_versions(changing))


def _lock_visibility_changes(actor: Actor, chosen: Selection, visibility: str) -> dict[UUID, int]:
    """Lock the selected memories whose visibility differs; return their versions by id, in order."""
    own = Memory.objects.owned_by(actor.person).filter(pk__in=_lock_selection(actor, chosen))
    others = own.exclude(visibility=visibility)
    changing = dict(others.order_by("pk").values_list("pk", "version"))
    if len(changing) > MAX_VISIBILITY_CHANGES:
        raise _make_too_many_error(MAX_VISIBILITY_CHANGES)
    return changing


def _digest_versions(versions: Mapping[UUID, int]) -> str:
    text = " ".join(f"{memory_id}.{version}" for memory_id, version in versions.items())
    return hashlib.sha256(text.encode()).hexdigest()


def _lock_selection(actor: Actor, chosen: Selection) -> list[UUID]:
    """Lock the selected memories that are the user's own; return their ids in order. Needs memories:admin."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    proposals.require_approver(actor)
    own = Memory.objects.visible_to(actor, owner=actor.person)
    rows = own.apply_filters(actor, chosen.filters) if chosen.ids is None else own.filter(pk__in=chosen.ids)
    ids = list(
        rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True)[: MAX_SELECTION + 1]
    )
    if len(ids) > MAX_SELECTION:
        raise _make_too_many_error(MAX_SELECTION)
    return ids


def _update_memories(actor: Actor, action: AuditAction, ids: list[UUID], **values: datetime | None) -> None:
    own = Memory.objects.owned_by(actor.person)
    own.filter(pk__in=ids).update(version=F("version") + 1, updated_at=Now(), **values)
    audit.record_event(actor, action, owner_id=actor.person.pk, memory_ids=ids)


def _clean_single_tag(name: str) -> str:
    try:
        names = limits.clean_tags(limits.split_tags(name))
    except ValidationError as error:
        raise ValidationError({"tag": error}) from None
    if len(names) != 1:
        raise ValidationError({"tag": ValidationError(_("Enter one tag."), code="one_tag")})
    return names[0]


def _check_tag_limit(memory_ids: list[UUID]) -> None:
    """Raise ValidationError if a memory has no room for a tag. memory_ids: one entry per assigned tag."""
    if any(count >= limits.TAGS for count in Counter(memory_ids).values()):
        raise ValidationError(
            {
                "tag": ValidationError(
                    _("At least one of the selected memories already has the maximum number of tags."),
                    code="full",
                )
            }
        )


def _make_too_many_error(limit: int) -> ValidationError:
    error = ValidationError(
        _("Select at most %(limit)s memories."), code="too_many", params={"limit": f"{limit:,}"}
    )
    return ValidationError({"chosen": error})
