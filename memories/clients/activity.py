"""Activity of apps on a user's memories from the audit log, and deletion of what one app wrote."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts.actor import Actor
from core.db.prepared import fetch_prepared
from core.db.principal import acting_for
from memories import scopes
from memories.clients import names as client_names
from memories.clients.audit_log import with_first_ids
from memories.models import AuditAction, AuditEvent, Memory, MemoryTag, Tag
from memories.services.bulk import trash_queryset
from memories.services.reads import paginate

PERIOD = timedelta(days=30)
MAX_LISTED = 25  # memories of an event that pages name; an event of an earlier release may have 200,000

USAGE_QUERY = """
select client_id,
       count(distinct memory_id) filter (where kind = 'read'),
       count(distinct memory_id) filter (where kind = 'write'),
       max(last_at)
from memories_memoryuse
where owner_id = %(owner)s and client_id <> '' and last_at > now() - %(period)s
group by client_id
"""


@dataclass(frozen=True)
class AppUsage:
    """How many memories an app read and wrote within PERIOD, and when it was last active."""

    read: int = 0
    written: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class ActivityEntry:
    """An audit event with those of its first MAX_LISTED memories that still exist.

    missing_count: how many of the first are in the trash or deleted. more_count: how many memories are not listed.
    """

    event: AuditEvent
    memories: list[Memory]
    missing_count: int
    more_count: int

    @property
    def is_about_app(self) -> bool:
        """Whether the event is about the app, not by it."""
        return self.event.action.startswith("app:")

    @property
    def is_by_owner(self) -> bool:
        return self.event.actor_id == self.event.owner_id


def get_usage_by_app(actor: Actor) -> dict[str, AppUsage]:
    """Return the usage by client id, without inactive apps."""
    actor.require_scope(scopes.READ)
    values: dict[str, Any] = {"owner": actor.person.pk, "period": PERIOD}
    return {client_id: AppUsage(*counts) for client_id, *counts in fetch_prepared(USAGE_QUERY, values)}


def list_app_activity(
    actor: Actor, client_id: str, *, before: UUID | None = None, limit: int = 20
) -> tuple[list[ActivityEntry], UUID | None]:
    """Return events by and about one app, newest first, and the cursor of the next page."""
    return _list_activity(actor, Q(client_id=client_id), before, limit)


def list_all_app_activity(
    actor: Actor, *, before: UUID | None = None, limit: int = 20
) -> tuple[list[ActivityEntry], UUID | None]:
    """Return the same for all apps, including disconnected ones."""
    return _list_activity(actor, ~Q(client_id=""), before, limit)


def _list_activity(
    actor: Actor, wanted: Q, before: UUID | None, limit: int
) -> tuple[list[ActivityEntry], UUID | None]:
    actor.require_scope(scopes.READ)
    rows = AuditEvent.objects.filter(wanted, owner_id=actor.person.pk).defer("memory_ids")
    events, next_cursor = paginate(with_first_ids(rows, MAX_LISTED), before, limit)
    touched = {memory_id for event in events for memory_id in event.first_ids}
    present = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(touched)
    return [_build_entry(event, present) for event in events], next_cursor


def _build_entry(event: AuditEvent, present: Mapping[UUID, Memory]) -> ActivityEntry:
    memories = [present[each] for each in event.first_ids if each in present]
    # Proposed memories may never have existed.
    missing = 0 if event.action == AuditAction.MEMORY_PROPOSE else len(event.first_ids) - len(memories)
    return ActivityEntry(event, memories, missing, event.id_count - len(event.first_ids))


def count_memories_by_tag(actor: Actor, tag_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the number of memories that the actor sees with each of these tags."""
    actor.require_scope(scopes.READ)
    seen = Memory.objects.visible_to(actor, owner=actor.person)
    tagged = MemoryTag.objects.filter(owner_id=actor.person.pk, tag_id__in=list(tag_ids), memory__in=seen)
    return dict(tagged.values_list("tag_id").annotate(memories=Count("*")))


def record_app_event(by: Actor, action: AuditAction, *, owner_id: UUID, client_id: str) -> None:
    """Record an event about an app, without memories."""
    with acting_for(owner_id):  # the app itself may end its access
        AuditEvent.objects.create(
            owner_id=owner_id,
            actor_id=by.user.pk if by.user else None,
            door=by.door,
            client_id=client_id,
            action=action,
            memory_ids=[],
        )


def validate_tag_ids(actor: Actor, tags: Collection[UUID]) -> None:
    """Raise ValidationError (only_tags) unless all tags are the user's."""
    if Tag.objects.filter(owner_id=actor.person.pk, pk__in=tags).count() < len(set(tags)):
        raise ValidationError({"only_tags": _("Select only your own tags.")})


@transaction.atomic
def trash_memories_by_app(actor: Actor, client_id: str) -> int:
    """Move every memory whose current text this app wrote to trash; return how many."""
    actor.require_scope(scopes.WRITE)
    own = Memory.objects.visible_to(actor, owner=actor.person)
    written = own.filter(source__in=client_names.get_client_sources(client_id))
    return len(trash_queryset(actor, written))
