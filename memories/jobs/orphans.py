"""Rows of people who are gone, on a distributed database: no foreign key leads from a node to the people there."""

import time
from collections.abc import Iterator
from uuid import UUID

from django.apps import apps

from accounts.models import User
from core.db.distribution import is_distributed
from memories.owned import Owned

INTERVAL_S = 86_400.0  # it asks every node for the owners of all rows
BATCH = 1_000  # owners

_next_run = 0.0


def purge_orphans() -> int:
    """Delete what a write left that ran while its account was deleted; at most once a day. Return how many rows."""
    global _next_run
    if time.monotonic() < _next_run or not is_distributed():
        return 0
    _next_run = time.monotonic() + INTERVAL_S
    total = 0
    for model in apps.get_models():
        if issubclass(model, Owned):
            total += sum(delete_rows(model, owner_id) for owner_id in find_orphans(model))
    return total


def find_orphans(model: type) -> Iterator[UUID]:
    """Yield the owners of rows who are no users. Two statements: nodes have no table of users to join."""
    rows = model.objects.order_by().values_list("owner_id", flat=True).distinct()  # type: ignore[attr-defined]
    owners = list(rows)
    for start in range(0, len(owners), BATCH):
        part = set(owners[start : start + BATCH])
        yield from part - set(User.objects.filter(pk__in=part).values_list("pk", flat=True))


def delete_rows(model: type, owner_id: UUID) -> int:
    return int(model.objects.filter(owner_id=owner_id).delete()[0])  # type: ignore[attr-defined]
