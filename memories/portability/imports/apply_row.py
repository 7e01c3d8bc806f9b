"""Store a part of an import: its new memories, its changes or its links; and take new ones back."""

from collections.abc import Collection, Sequence
from uuid import UUID

import orjson
from django.db import transaction

from accounts.actor import Actor
from memories.models import ImportBatch, Memory, MemoryRevision, StagedMemories, Visibility
from memories.portability.imports.apply_change import (
    SOURCE_PREFIX,
    UndoRecord,
    apply_change,
    dump_undo_record,
    is_still_valid,
)
from memories.portability.imports.known import IMPORTED
from memories.portability.imports.links import UNLINKED, apply_links, load_link_row
from memories.portability.imports.places import OWN_FORMAT
from memories.portability.imports.report import CHANGED, NEW, RunReport
from memories.portability.imports.staged_items import StagedItem, load_staged_items
from memories.services import writes
from memories.services.bulk import trash_queryset
from memories.validation import limits, quota
from memories.validation.drafts import NewMemory, Origin


def import_row(actor: Actor, batch: ImportBatch, row: StagedMemories, report: RunReport) -> bool:
    """Import a part; return False, and import nothing of it, if there is no room for it. Needs a transaction."""
    try:
        with transaction.atomic():
            return _import_items(actor, batch, row, report)
    except quota.QuotaExceeded:
        return False


def _import_items(actor: Actor, batch: ImportBatch, row: StagedMemories, report: RunReport) -> bool:
    content = orjson.loads(row.content)
    links = load_link_row(content)
    if links is not None:
        undo_records, lost = apply_links(actor, links)
        for file, count in lost.items():
            report.skip(file, batch.format, None, UNLINKED, count)
        _finish_row(row, undo_records)
        return True
    staged = [each for each in load_staged_items(content) if batch.publishes or not each.needs_publish]
    new = [each for each in staged if not each.is_change and is_still_valid(each.item)]
    if not quota.has_quota(batch.owner_id, len(new)):
        return False
    row.memory_ids = _create_memories(actor, batch, new)
    changes = [
        (each, apply_change(actor, each, publishes=batch.publishes)) for each in staged if each.is_change
    ]
    for each in staged:
        if not is_still_valid(each.item):
            report.skip(each.file, each.item.format, CHANGED if each.is_change else NEW, "expired")
    for each, record in changes:
        if record is None and is_still_valid(each.item):
            report.skip(each.file, each.item.format, CHANGED, "older")
    _finish_row(row, [record for _each, record in changes if record])
    batch.done += len(staged)
    return True


def _finish_row(row: StagedMemories, undo_records: Sequence[UndoRecord]) -> None:
    row.content = orjson.dumps([dump_undo_record(each) for each in undo_records]).decode()
    row.is_done = True
    row.save(update_fields=["content", "memory_ids", "is_done"])


def trash_created(actor: Actor, row: StagedMemories) -> None:
    """Move the memories of a part to the trash and remember which: the next import brings them again."""
    created = Memory.objects.visible_to(actor, owner=actor.person).filter(pk__in=row.memory_ids)
    row.memory_ids, row.content = trash_queryset(actor, created), "[]"
    own = Memory.objects.filter(IMPORTED, owner_id=row.owner_id)
    own.filter(pk__in=row.memory_ids).update(imported_id=None)
    row.save(update_fields=["memory_ids", "content"])


def _create_memories(actor: Actor, batch: ImportBatch, staged: Sequence[StagedItem]) -> list[UUID]:
    free_ids = _take_ids(actor, [each.item.id for each in staged if each.item.id])
    items = [_build_new_memory(actor, batch, each, free_ids) for each in staged]
    memories = writes.create_memories(actor, items)
    quota.check_revision_quota(batch.owner_id, sum(len(each.item.history) for each in staged))
    MemoryRevision.objects.bulk_create(
        MemoryRevision(
            owner_id=memory.owner_id,
            memory=memory,
            version=past.version,
            text=past.text,
            source=memory.source,
            written_at=past.written_at,
        )
        for memory, each in zip(memories, staged, strict=True)
        for past in each.item.history
    )
    return [memory.pk for memory in memories]


def _take_ids(actor: Actor, ids: Collection[UUID]) -> Collection[UUID]:
    """Return the ids under which new memories may be known.

    An app cannot see what lies in the trash: the new memory takes the id over. None for an app that is limited to tags:
    whether an id is free would tell it what else exists.
    """
    if not ids or actor.only_tags is not None:
        return frozenset()
    own = Memory.objects.filter(IMPORTED, owner_id=actor.person.pk, imported_id__in=ids)
    current = Memory.objects.visible_to(actor, owner=actor.person).filter(IMPORTED, imported_id__in=ids)
    used = set(current.values_list("imported_id", flat=True))
    own.exclude(imported_id__in=used).update(imported_id=None)
    return {*ids} - used


def _build_new_memory(
    actor: Actor, batch: ImportBatch, staged: StagedItem, free_ids: Collection[UUID]
) -> NewMemory:
    item = staged.item
    name = item.format or batch.format  # rows staged by earlier versions do not have the item's
    source_tags = [] if name == OWN_FORMAT else [SOURCE_PREFIX + name]
    return NewMemory(
        text=item.text,
        visibility=item.visibility if batch.publishes else Visibility.PRIVATE.value,
        tags=[*source_tags, *item.tags][: limits.TAGS],
        expires_at=item.expires_at,
        conversation=UUID(item.conversation) if item.conversation else None,
        position=item.position,
        id=staged.memory_id,
        pinned=bool(item.pinned) and not actor.is_app,  # an app's pin needs approval, one by one
        origin=Origin(
            imported_id=item.id if item.id in free_ids else None,
            created_at=item.created_at,
            updated_at=item.updated_at,
            written_at=item.written_at,
            version=item.version,
        ),
    )
