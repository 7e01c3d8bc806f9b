"""Rows with a permanent owner, so that their tables can be sharded by owner."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Field, Model, QuerySet


class Owned:
    """Mixin for models with `owner`, listed before `models.Model` in the bases.

    An update filters by the owner and does not set it: Citus rejects updates of the distribution column and uses it
    to route the statement to one node. A row whose owner was changed is not found and not saved.
    """

    owner_id: UUID

    def _do_update(
        self,
        base_qs: QuerySet[Any],
        using: str | None,
        pk_val: object,
        values: "Collection[tuple[Field[Any, Any], type[Model] | None, Any]]",
        *more: object,
    ) -> Any:  # bool in Django 5.2, rows in the stubs
        own_rows = base_qs.filter(owner_id=self.owner_id)
        changed = [value for value in values if value[0].attname != "owner_id"]
        return super()._do_update(own_rows, using, pk_val, changed, *more)  # type: ignore[misc]
