"""Rows that belong to a person, for ever: tables of such rows can be spread over machines by their owner."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Field, Model, QuerySet


class Owned:
    """Before `models.Model` in the bases of a table with `owner`.

    Saving a row again names its owner and does not set it: Citus takes no update of the column that rows are spread
    by, and finds by it the one machine to ask. A row whose owner was changed is not found, and is not saved.
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
        mine = base_qs.filter(owner_id=self.owner_id)
        changed = [value for value in values if value[0].attname != "owner_id"]
        return super()._do_update(mine, using, pk_val, changed, *more)  # type: ignore[misc]
