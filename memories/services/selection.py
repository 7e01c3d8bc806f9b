"""One change of many memories of a person's: of those that were ticked, or of all that some filters let through."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from memories import scopes
from memories.errors import SelectionChanged
from memories.models import AuditAction, Memory, MemoryTag, MemoryVector, Visibility
from memories.models.visibility import Filters
from memories.services import audit, proposals, writes
from memories.services import tags as tagging
from memories.services.bulk import trash_queryset
from memories.validation import limits

MAX_VISIBILITY_CHANGES = (
    1_000  # whose visibility changes in one transaction: each is indexed anew under the other key
)
MAX_SELECTION = 10_000  # as many as one change takes
SAMPLE = 8


@dataclass(frozen=True)
class Selection:
    """Which memories: those of `ids`, or where it is None all that `filters` let through.

    seen: by id the version that the person saw, where they saw one. shown: where no ids are named, the digest of
    what `preview_publish` told them of.
    """

    ids: Collection[UUID] | None = None
    filters: Filters = field(default_factory=Filters)
    seen: Mapping[UUID, int | None] = field(default_factory=dict)
    shown: str = ""


@dataclass(frozen=True)
class PublishPreview:
    """What "all that match" is: how many private memories, the newest SAMPLE of them, and a digest of all."""

    count: int
    newest: list[Memory]
    digest: str


@transaction.atomic
def trash_selection(actor: Actor, chosen: Selection) -> tuple[int, datetime | None]:
    """How many went to the trash, and the moment by which `restore_trashed_selection` finds them again."""
    ids = _lock_selection(actor, chosen)
    trash_queryset(actor, Memory.objects.filter(pk__in=ids))
    moments = Memory.objects.filter(pk__in=ids[:1]).values_list("deleted_at", flat=True)
    return len(ids), moments.first()


@transaction.atomic
def restore_trashed_selection(actor: Actor, trashed_at: datetime) -> int:
    """Take out of the trash what one act put there; returns how many."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    rows = Memory.objects.trash_visible_to(actor).filter(deleted_at=trashed_at)
    ids = list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    _update_memories(actor, AuditAction.MEMORY_RESTORE, ids, deleted_at=None)
    MemoryVector.objects.filter(owner_id=actor.person.pk, memory_id__in=ids).update(is_trashed=False)
    return len(ids)


@transaction.atomic
def tag_selection(actor: Actor, chosen: Selection, name: str) -> int:
    """Put a tag on them; returns how many had it not. One that is full of tags refuses for all (tags)."""
    ids = _lock_selection(actor, chosen)
    tag = tagging.ensure_tags(actor.person.pk, [_clean_single_tag(name)])[
        limits.fold_tag_name(_clean_single_tag(name))
    ]
    present = MemoryTag.objects.filter(owner_id=actor.person.pk, memory_id__in=ids)
    having = set(present.filter(tag=tag).values_list("memory_id", flat=True))
    fresh = [each for each in ids if each not in having]
    _check_tag_limit(list(present.filter(memory_id__in=fresh).values_list("memory_id", flat=True)))
    MemoryTag.objects.bulk_create(
        [MemoryTag(owner_id=actor.person.pk, memory_id=each, tag=tag) for each in fresh], batch_size=1_000
    )
    _update_memories(actor, AuditAction.MEMORY_UPDATE, fresh)
    return len(fresh)


@transaction.atomic
def untag_selection(actor: Actor, chosen: Selection, name: str) -> int:
    """Take a tag off them; returns how many had it."""
    ids = _lock_selection(actor, chosen)
    tags = tagging.find_tags(actor.person.pk, [_clean_single_tag(name)])
    present = MemoryTag.objects.filter(owner_id=actor.person.pk, memory_id__in=ids, tag__in=tags)
    having = list(present.values_list("memory_id", flat=True))
    present.delete()
    _update_memories(actor, AuditAction.MEMORY_UPDATE, having)
    return len(having)


@transaction.atomic
def set_selection_expiry(actor: Actor, chosen: Selection, expires_at: datetime | None) -> int:
    """Let all of them be forgotten at this time, or never. Refused for all where one of them would wait for a yes."""
    ids = _lock_selection(actor, chosen)
    expires_at = limits.clean_expires_at(expires_at)
    if actor.is_app and any(
        proposals.needs_approval(actor, memory, {"expires_at": expires_at})
        for memory in Memory.objects.filter(pk__in=ids).only("visibility", "expires_at")
    ):
        raise InsufficientScope(scopes.PUBLISH)
    _update_memories(actor, AuditAction.MEMORY_UPDATE, ids, expires_at=expires_at)
    MemoryVector.objects.filter(owner_id=actor.person.pk, memory_id__in=ids).update(expires_at=expires_at)
    return len(ids)


@transaction.atomic
def set_selection_visibility(actor: Actor, chosen: Selection, visibility: str) -> int:
    """Make them public or private; returns how many were not. At most MAX_VISIBILITY_CHANGES of them.

    Raises VersionConflict, for all, where one would be public otherwise than it was seen, and MoreCame where all that
    match are no longer those that were shown.
    """
    changing = _lock_visibility_changes(actor, chosen, limits.clean_visibility(visibility))
    publish = visibility == Visibility.PUBLIC
    if publish and chosen.ids is None and changing and chosen.shown != _digest_versions(changing):
        raise SelectionChanged
    seen = chosen.seen if publish else {}
    for each in changing:
        writes.set_visibility(actor, each, visibility, expected_version=seen.get(each))
    return len(changing)


@transaction.atomic
def preview_publish(actor: Actor, chosen: Selection) -> PublishPreview:
    """Return what `set_selection_visibility` would make public. Raises ValidationError if it is too much."""
    changing = _lock_visibility_changes(actor, chosen, Visibility.PUBLIC)
    newest = Memory.objects.filter(pk__in=list(changing)[-SAMPLE:]).order_by("-pk")
    return PublishPreview(len(changing), list(newest), _digest_versions(changing))


def _lock_visibility_changes(actor: Actor, chosen: Selection, visibility: str) -> dict[UUID, int]:
    """By id, in their order, the versions of those of the chosen that are not yet so visible; locked."""
    others = Memory.objects.filter(pk__in=_lock_selection(actor, chosen)).exclude(visibility=visibility)
    changing = dict(others.order_by("pk").values_list("pk", "version"))
    if len(changing) > MAX_VISIBILITY_CHANGES:
        raise _make_too_many_error(MAX_VISIBILITY_CHANGES)
    return changing


def _digest_versions(versions: Mapping[UUID, int]) -> str:
    said = " ".join(f"{memory_id}.{version}" for memory_id, version in versions.items())
    return hashlib.sha256(said.encode()).hexdigest()


def _lock_selection(actor: Actor, chosen: Selection) -> list[UUID]:
    """The ids of the chosen that are the actor's own, in one order; to change many at once needs memories:admin."""
    actor.require_scope(scopes.WRITE)
    actor.require_scope(scopes.ADMIN)
    proposals.require_approver(actor)
    own = Memory.objects.visible_to(actor, owner=actor.person)
    rows = own.apply_filters(chosen.filters) if chosen.ids is None else own.filter(pk__in=chosen.ids)
    ids = list(
        rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True)[: MAX_SELECTION + 1]
    )
    if len(ids) > MAX_SELECTION:
        raise _make_too_many_error(MAX_SELECTION)
    return ids


def _update_memories(actor: Actor, action: AuditAction, ids: list[UUID], **values: datetime | None) -> None:
    Memory.objects.filter(pk__in=ids).update(version=F("version") + 1, updated_at=Now(), **values)
    audit.record_event(actor, action, owner_id=actor.person.pk, memory_ids=ids)


def _clean_single_tag(name: str) -> str:
    try:
        names = limits.clean_tags(name.split(","))
    except ValidationError as error:
        raise ValidationError({"tag": error}) from None
    if len(names) != 1:
        raise ValidationError({"tag": ValidationError(_("Name one tag."), code="one_tag")})
    return names[0]


def _check_tag_limit(memory_ids: list[UUID]) -> None:
    """One id for each tag that a memory has."""
    if any(count >= limits.TAGS for count in Counter(memory_ids).values()):
        raise ValidationError({"tag": ValidationError(_("One of these has no room for a tag."), code="full")})


def _make_too_many_error(limit: int) -> ValidationError:
    said = ValidationError(
        _("At most %(limit)s at once: choose fewer."), code="too_many", params={"limit": f"{limit:,}"}
    )
    return ValidationError({"chosen": said})
