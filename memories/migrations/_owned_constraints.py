"""Constraints of keys between owned tables (memories.owned.OwnedKey), which cascade in the database."""

from typing import Any, Literal

from django.db import models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from core.db.distribution import IS_DISTRIBUTED_SQL

KEYS = """
select conname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
where conrelid = %s::regclass and contype = 'f' and cardinality(conkey) = 1 and attname = %s
"""


class ConstrainOwnedKey(Operation):
    """Give a key a constraint that deletes, or empties, what points to a deleted row; replace Django's constraint.

    On Citus the constraint contains the owner, or is left to `manage.py distribute` if the table is a new one.

    It comes before the operation that alters the field's state. In a migration that is not atomic, rows are validated
    while the table is in use; it can be repeated after an interruption.
    """

    reduces_to_sql = False
    reversible = True

    def __init__(self, model_name: str, name: str, on_delete: Literal["cascade", "set null"] = "cascade") -> None:
        self.model_name = model_name
        self.name = name
        self.on_delete = on_delete

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model, field = self._get_key(app_label, to_state)
        table, column = model._meta.db_table, field.column
        target = field.related_model._meta.db_table
        name = get_constraint_name(table, column)
        spread = _list_spread_tables(schema_editor)
        if {table, target} & spread:
            if table in spread:
                schema_editor.execute(f"alter table {table} drop constraint if exists {name}")
                schema_editor.execute(build_composite_key(table, column, target, self.on_delete))
            return
        others = [key for key in _find_keys(schema_editor, table, column) if key != name]
        # A composite key would have to name the column that is emptied.
        action = f"set null ({column})" if self.on_delete == "set null" else self.on_delete
        schema_editor.execute(f"alter table {table} drop constraint if exists {name}")
        schema_editor.execute(
            f"alter table {table} add constraint {name} foreign key ({column}) references {target} (id) "
            f"on delete {action} deferrable initially deferred not valid"
        )
        schema_editor.execute(f"alter table {table} validate constraint {name}")
        for other in others:
            schema_editor.execute(f'alter table {table} drop constraint "{other}"')

    def database_backwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model, field = self._get_key(app_label, to_state)
        table = model._meta.db_table
        if field.db_constraint:
            suffix = "_fk_%(to_table)s_%(to_column)s"
            schema_editor.execute(schema_editor._create_fk_sql(model, field, suffix))
        schema_editor.execute(
            f"alter table {table} drop constraint if exists {get_constraint_name(table, field.column)}"
        )

    def describe(self) -> str:
        return f"Let the database {self.on_delete} {self.name} of {self.model_name}"

    def _get_key(self, app_label: str, state: ProjectState) -> tuple[type[models.Model], Any]:
        model = state.apps.get_model(app_label, self.model_name)
        return model, model._meta.get_field(self.name)


def build_composite_key(table: str, column: str, target: str, on_delete: str = "cascade") -> str:
    """Return the statement for a key between tables that are distributed by their owner."""
    return (
        f"alter table {table} add constraint {get_constraint_name(table, column)} foreign key (owner_id, {column})"
        f" references {target} (owner_id, id) on delete {on_delete} deferrable initially deferred"
    )


def get_constraint_name(table: str, column: str) -> str:
    return f"{table}_{column}_owned"


def _find_keys(schema_editor: Any, table: str, column: str) -> list[str]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(KEYS, [table, column])
        return [name for (name,) in cursor.fetchall()]


def _list_spread_tables(schema_editor: Any) -> set[str]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"select {IS_DISTRIBUTED_SQL}")
        if cursor.fetchone() != (True,):
            return set()
        cursor.execute("select logicalrelid::text from pg_dist_partition")
        return {name for (name,) in cursor.fetchall()}
