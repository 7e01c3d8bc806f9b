"""Pages of the audit log, bounded in memories as well as in events."""

from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from accounts.actor import Actor
from memories import scopes
from memories.models import AuditEvent
from memories.services.reads import paginate

MAX_IDS = 10_000  # of the memories of a page: 400 kB in JSON
ID_COUNT: dict[str, Any] = {"id_count": Coalesce("memory_ids__len", 0)}


def with_first_ids(events: QuerySet[AuditEvent], count: int) -> QuerySet[AuditEvent]:
    """Select events with their first `count` memories only, and the number of all."""
    first: dict[str, Any] = {"first_ids": F(f"memory_ids__0_{count}"), **ID_COUNT}
    return events.defer("memory_ids").annotate(**first)


def list_events(
    actor: Actor, *, client_id: str | None = None, before: UUID | None = None, limit: int = 25
) -> tuple[list[AuditEvent], UUID | None]:
    """Return who did what to the user's memories, newest first, of all apps or one, and the cursor of the next page.

    An app sees only its own actions. A page ends early at MAX_IDS memories; an event that alone has more is listed with
    its first ones.
    """
    actor.require_scope(scopes.READ)
    rows = AuditEvent.objects.filter(owner_id=actor.person.pk)
    if actor.is_app:
        # What was done to the app (app:...) is only for its user.
        rows = rows.filter(client_id=actor.client_id).exclude(action__startswith="app:")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    counts = rows.defer("memory_ids").annotate(**ID_COUNT)
    page, next_cursor = paginate(counts, before, limit)
    total, fitting = 0, 0
    for event in page:
        total += event.id_count
        if fitting and total > MAX_IDS:
            next_cursor = page[fitting - 1].pk
            break
        fitting += 1
    ids = [event.pk for event in page[:fitting]]
    own = AuditEvent.objects.filter(owner_id=actor.person.pk, pk__in=ids)
    return list(with_first_ids(own, MAX_IDS).order_by("-pk")), next_cursor
