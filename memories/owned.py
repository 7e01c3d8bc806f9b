"""Rows with a permanent owner, so that their tables can be sharded by owner."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from django.db import models
from django.db.models import Field, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import Exact


class Owned:
    """Mixin for models with `owner`, listed before `models.Model` in the bases.

    An update or deletion filters by the owner and does not set it: Citus rejects updates of the distribution column
    and uses it to route the statement to one node. A row whose owner was changed is not found and not saved.
    """

    owner_id: UUID
    pk: Any

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete the row in one statement; the database deletes the rows that point to it."""
        return self._select_itself().using(using).delete()

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: Any = None,
    ) -> None:
        if from_queryset is None and "owner_id" in self.__dict__:
            from_queryset = self._select_itself()
        super().refresh_from_db(using, fields, from_queryset)  # type: ignore[misc]

    def _select_itself(self) -> QuerySet[Any]:
        rows = cast("type[Model]", type(self))._base_manager
        return rows.filter(pk=self.pk, owner_id=self.owner_id)

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


class OwnedKey(models.ForeignKey[Any, Any]):
    """A foreign key from an owned row to another row of the same owner.

    Its joins and lookups also compare the owners, so that they stay on one node. The database has the constraint and
    the cascade (`memories.migrations._owned_constraints`), so Django neither collects nor deletes rows that point to a
    deleted one. In migrations it is a plain ForeignKey.
    """

    def __init__(self, to: Any, on_delete: Any = models.DO_NOTHING, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete=models.DO_NOTHING, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> Exact | None:  # type: ignore[override]
        """Return the condition of a join. alias: of the table that the key points to; both None in no join."""
        if alias is None or related_alias is None:
            return None
        owner: Any = self.model._meta.get_field("owner")
        return Exact(Col(alias, owner), Col(related_alias, owner))

    def get_extra_descriptor_filter(self, instance: Model) -> dict[str, Any]:
        return {"owner_id": instance.owner_id}  # type: ignore[attr-defined]
