"""A user's memories, one page at a time, so that an export needs little memory and is recorded in the audit log.

Each page is only for those who may still read it: an export can take longer than the permission lasts.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.actor import Actor, InsufficientScope
from core.deferred_responses import AccessEnded
from memories import scopes
from memories.clients.grants import get_present_actor
from memories.models import AuditAction, Memory, MemoryRevision
from memories.models.visibility import build_revision_q
from memories.portability.exports.exported_ids import attach_exported_ids
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import attach_prefetched_tags, with_tags

PAGE_SIZE = 500

Pages = Iterator[Sequence[Memory]]
History = list[tuple[int, str | None, datetime]]  # version, text and the time when it was written


def iterate_own_pages(actor: Actor) -> Pages:
    """Yield the user's own memories in pages, each recorded in the audit log."""
    return iterate_pages(actor, lambda now: Memory.objects.visible_to(now, owner=now.person))


def iterate_pages(actor: Actor, select: Callable[[Actor], QuerySet[Memory]]) -> Pages:
    """Page by id, so that concurrent writes neither skip nor repeat a row. Raises AccessEnded.

    select: the memories that the actor may read at the time of a page.
    """
    last: UUID | None = None
    while True:
        actor = check_access(actor)
        rows = select(actor) if last is None else select(actor).filter(pk__gt=last)
        with transaction.atomic():
            loaded = with_successors(with_tags(rows, actor.person.pk), actor.person.pk)
            page = list(loaded.order_by("pk")[:PAGE_SIZE])
            attach_links(actor, page)
            attach_exported_ids(actor, page)
            ids = [memory.pk for memory in page]
            audit.record_event(actor, AuditAction.MEMORY_EXPORT, owner_id=actor.person.pk, memory_ids=ids)
        if not page:
            return
        attach_prefetched_tags(actor, page)
        yield page
        last = page[-1].pk


def check_access(actor: Actor) -> Actor:
    """Return the actor with its present access. Raises AccessEnded if it may no longer export."""
    try:
        now = get_present_actor(actor)
        for scope in (scopes.READ, scopes.ADMIN):
            now.require_scope(scope)
    except InsufficientScope:
        raise AccessEnded from None
    return now


def iterate_texts(actor: Actor) -> Iterator[tuple[Memory, str]]:
    """Yield memories with their texts, skipping undecryptable ones; only JSON Lines can represent those."""
    for page in iterate_own_pages(actor):
        for memory in page:
            if (text := decrypt_or_none(memory)) is not None:
                yield memory, text


def load_histories(actor: Actor, page: Sequence[Memory]) -> dict[UUID, History]:
    """Return the earlier texts of the edited memories of a page, oldest first. Raises AccessEnded."""
    edited_ids = [memory.pk for memory in page if memory.version > 1]
    histories: dict[UUID, History] = {}
    if edited_ids:
        visible = build_revision_q(check_access(actor))
        revisions = MemoryRevision.objects.filter(
            visible, owner_id=page[0].owner_id, memory_id__in=edited_ids
        )
        for revision in revisions.order_by("version"):
            entry = (revision.version, decrypt_or_none(revision), revision.written_at)
            histories.setdefault(revision.memory_id, []).append(entry)
    return histories


def format_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
