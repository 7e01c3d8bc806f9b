"""Distribution of the tables with rows of a person over the nodes of Citus, by their owner (docs/scaling.md).

A plan is the list of statements that are missing, by the models and the catalogue: so a second run, or one after a
migration that brought a table, does only the rest. People and whatever else has no owner stay on the coordinator.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from core.db.distribution import is_distributed
from core.db.roles import Role
from memories.migrations._owned_constraints import build_composite_key, get_constraint_name
from memories.models import (
    AuditEvent,
    EmbeddingSpace,
    Memory,
    MemoryUse,
    MemoryVector,
    VectorCache,
    VectorChange,
)
from memories.owned import Owned, OwnedKey
from picard.backups.restore import count_other_connections
from picard.database.grants import get_user

# Copies of vectors in memory are compared by numbers of transactions, which each node counts for itself. They are not
# used on a distributed database, so their tables stay, and no trigger fills them.
LOCAL_MODELS: tuple[type[models.Model], ...] = (VectorCache, VectorChange)
FIRST = Memory._meta.db_table  # the others are co-located with it
REFERENCE = EmbeddingSpace._meta.db_table
COUNTS, EVENTS = MemoryUse._meta.db_table, AuditEvent._meta.db_table
COUNTING = "count_uses"
CACHE_TRIGGERS = ("record_insert", "record_update", "record_delete", "end_caches")
SUBQUERY = re.compile(r'\( SELECT (.+?) AS "?[a-z_]+"?\)')
PREPARE = ("set local citus.enable_unsafe_triggers = on", "set local client_min_messages = warning")

# Citus has no ON DELETE SET NULL for a key with the owner: its constraint waits until the end of the transaction, and
# this empties the key before. The name of the table is the shard's.
FORGET_SUPERSEDED = """
create or replace function memories_forget_superseded() returns trigger language plpgsql as $$
begin
  execute format('update %I set supersedes_id = null where owner_id = $1 and supersedes_id = $2', tg_table_name)
  using old.owner_id, old.id;
  return null;
end $$
"""
FORGET_TRIGGER = f"""
create trigger forget_superseded after delete on {FIRST}
for each row execute function memories_forget_superseded()
"""
# The counting function of a node has to write to the shard beside its own: a shard's trigger may not use the table.
COUNT_ON_SHARD = """
create or replace function memories_count_uses() returns trigger language plpgsql as $count$
declare counts text := '{table}';
begin
  if tg_table_name <> '{events}' then
    counts := counts || '_' || get_shard_id_for_distribution_column('{table}', new.owner_id);
  end if;
  execute format($shard${statement}$shard$, counts) using new;
  return null;
end $count$
"""
NODES = "select nodename, nodeport, metadatasynced from pg_dist_node where noderole = 'primary' and isactive"


class DistributionError(Exception):
    """The database cannot be distributed; the message says why and what to do."""


def distribute(shards: int) -> list[str]:
    """Run the plan in one transaction, as the tables' owner. Returns its statements. Raises DistributionError."""
    if obstacle := find_obstacle():
        raise DistributionError(obstacle)
    with transaction.atomic():
        plan = build_plan(shards)
        _refuse_company(plan)
        with connection.cursor() as cursor:
            for statement in [*PREPARE, *plan] if plan else []:
                cursor.execute(statement)
    return plan


def find_obstacle() -> str:
    """Return what must be done first, in words; an empty text if the plan can be run."""
    if not is_distributed():
        return "This database has no Citus. Run this on the coordinator of a cluster (docs/scaling.md)."
    if get_user(Role.WEB) == get_user(Role.OWNER):
        return (
            "The web server has the role that owns the tables. Set MIGRATE_DATABASE_URL and SYSTEM_DATABASE_URL to"
            " other roles (docs/deployment.md)."
        )
    nodes = _fetch("select count(*) from pg_dist_node where shouldhaveshards and isactive")
    if nodes == [(0,)]:
        return "The cluster has no node for shards. Add one by citus_add_node (docs/scaling.md)."
    if late := [f"{host}:{port}" for host, port, is_synced in _fetch(NODES) if not is_synced]:
        return f"{', '.join(late)} does not know the cluster's metadata. Run: select start_metadata_sync_to_all_nodes()"
    if _fetch("show max_prepared_transactions") == [("0",)]:
        return "Set max_prepared_transactions on each server to at least max_connections."
    if missing := _fetch(
        "select nodename || ':' || nodeport from run_command_on_workers("
        "$$select count(*) from pg_extension where extname = 'vector'$$) join pg_dist_node using (nodename, nodeport)"
        " where result <> '1'"
    ):
        return f"{', '.join(node for (node,) in missing)} has no pgvector. Run there: create extension vector"
    migrations = MigrationExecutor(connection)
    if migrations.migration_plan(migrations.loader.graph.leaf_nodes()):
        return "Some migrations are not applied. Run manage.py migrate."
    return ""


def build_plan(shards: int) -> list[str]:
    """Return the statements that distribute what is not yet distributed, in their order."""
    owned = list_owned_models()
    tables = [model._meta.db_table for model in owned]
    spread = _list_spread_tables()
    counting = [] if EVENTS in spread else _define_counting()
    plan = [*_drop_keys(tables), *_drop_cache_triggers()]
    plan += [f"drop trigger {COUNTING} on {EVENTS}" for _ in counting]
    plan += [statement for model in owned for statement in _widen_primary_key(model)]
    plan += _simplify_policies(tables)
    if REFERENCE not in spread:
        plan.append(f"select create_reference_table('{REFERENCE}')")
    for table in tables:
        if table not in spread:
            where = f"shard_count => {shards}, colocate_with => 'none'"
            where = where if table == FIRST else f"colocate_with => '{FIRST}'"
            plan.append(f"select create_distributed_table('{table}', 'owner_id', {where})")
    plan += [statement for model in owned for statement in _add_keys(model)]
    return plan + _adapt_triggers() + counting + _propagate_principal()


def needs_distribution() -> bool:
    """Return whether tables are distributed, but not all as `distribute` would leave them."""
    return is_distributed() and bool(_list_spread_tables()) and bool(build_plan(1))


def count_nodes() -> int:
    return len(_fetch(NODES))


def list_owned_models() -> list[type[models.Model]]:
    """Return the models to distribute, Memory first."""
    owned = [model for model in apps.get_models() if issubclass(model, Owned) and model not in LOCAL_MODELS]
    return sorted(owned, key=lambda model: model is not Memory)


# --- Parts of the plan ------------------------------------------------------------------------------------


def _drop_keys(tables: Sequence[str]) -> list[str]:
    """Keys to people, and those between owned tables that do not contain the owner."""
    keys = _fetch(
        "select conrelid::regclass::text, conname from pg_constraint where contype = 'f' and cardinality(conkey) = 1"
        " and conrelid::regclass::text = any(%(tables)s) and (confrelid = 'accounts_user'::regclass"
        " or confrelid::regclass::text = any(%(tables)s)) order by 1, 2",
        {"tables": tables},
    )
    return [f'alter table {table} drop constraint "{name}"' for table, name in keys]


def _drop_cache_triggers() -> list[str]:
    table = MemoryVector._meta.db_table
    present = _list_triggers(table)
    return [f"drop trigger {name} on {table}" for name in CACHE_TRIGGERS if name in present]


def _define_counting() -> list[str]:
    """The trigger that counts new events: it must not count those that are copied to their nodes."""
    definitions = _fetch(
        "select pg_get_triggerdef(oid) from pg_trigger where tgrelid = %(table)s::regclass and tgname = %(name)s",
        {"table": EVENTS, "name": COUNTING},
    )
    return [definition for (definition,) in definitions]


def _widen_primary_key(model: type[models.Model]) -> list[str]:
    """The owner comes last: first, the primary key would compete with the covering index for searches."""
    table = model._meta.db_table
    [(name, columns)] = _fetch(
        "select conname, array(select attname::text from unnest(conkey) with ordinality as key (number, place)"
        " join pg_attribute on attrelid = conrelid and attnum = number order by place)"
        " from pg_constraint where contype = 'p' and conrelid = %(table)s::regclass",
        {"table": table},
    )
    if "owner_id" in columns:
        return []
    wide = ", ".join([*columns, "owner_id"])
    return [f'alter table {table} drop constraint "{name}", add constraint "{name}" primary key ({wide})']


def _simplify_policies(tables: Sequence[str]) -> list[str]:
    """Citus takes no subquery in a policy. The owner of the tables is not subject to them: COPY would be refused."""
    policies = _fetch(
        "select tablename, policyname, qual from pg_policies where tablename = any(%(tables)s) order by 1, 2",
        {"tables": tables},
    )
    forced = _fetch(
        "select relname from pg_class where relforcerowsecurity and oid::regclass::text = any(%(tables)s) order by 1",
        {"tables": tables},
    )
    return [
        f"alter policy {name} on {table} using ({_remove_subqueries(condition)})"
        for table, name, condition in policies
        if SUBQUERY.search(condition)
    ] + [f"alter table {table} no force row level security" for (table,) in forced]


def _remove_subqueries(condition: str) -> str:
    return SUBQUERY.sub(r"(\1)", condition)


def _add_keys(model: type[models.Model]) -> list[str]:
    table = model._meta.db_table
    present = {name for (name,) in _fetch(
        "select conname from pg_constraint where contype = 'f' and cardinality(conkey) = 2"
        " and conrelid = %(table)s::regclass", {"table": table},
    )}  # fmt: skip
    keys: list[Any] = [field for field in model._meta.concrete_fields if isinstance(field, OwnedKey)]
    return [
        build_composite_key(
            table, key.column, key.related_model._meta.db_table, "no action" if model is Memory else "cascade"
        )
        for key in keys
        if get_constraint_name(table, key.column) not in present
    ]


def _adapt_triggers() -> list[str]:
    plan = [] if "forget_superseded" in _list_triggers(FIRST) else [FORGET_SUPERSEDED, FORGET_TRIGGER]
    [(body,)] = _fetch("select prosrc from pg_proc where proname = 'memories_count_uses'")
    return plan if "$shard$" in body else [*plan, build_count_function(body)]


def _propagate_principal() -> list[str]:
    """Let SET LOCAL reach the nodes, by which they know who acts (core/db/cursors.py)."""
    if _fetch(
        "select from pg_db_role_setting where setrole = 0 and 'citus.propagate_set_commands=local' = any(setconfig)"
        " and setdatabase = (select oid from pg_database where datname = current_database())"
    ):
        return []
    [(name,)] = _fetch("select quote_ident(current_database())")
    return [f"alter database {name} set citus.propagate_set_commands = 'local'"]


def build_count_function(body: str) -> str:
    """Return the counting function for nodes, from the body of that of one server (migration 0023)."""
    [statement] = re.findall(r"begin\s+(insert into .+?);\s+return null;\s+end", body, re.DOTALL)
    statement = statement.replace("%", "%%").replace(f"into {COUNTS} (", f"into %1$I as {COUNTS} (")
    statement = statement.replace(f"from {COUNTS} as", "from %1$I as").replace("new.", "($1).")
    return COUNT_ON_SHARD.format(statement=statement, table=COUNTS, events=EVENTS)


# --- Questions to the catalogue ---------------------------------------------------------------------------


def _list_spread_tables() -> set[str]:
    return {table for (table,) in _fetch("select logicalrelid::text from pg_dist_partition")}


def _list_triggers(table: str) -> set[str]:
    rows = _fetch("select tgname from pg_trigger where tgrelid = %(table)s::regclass", {"table": table})
    return {name for (name,) in rows}


def _refuse_company(plan: Sequence[str]) -> None:
    """Rows are copied under a lock, for which the worker and web servers would wait."""
    if plan and count_other_connections():
        raise DistributionError(
            "Others are connected to the database. Stop the web servers and workers first."
        )


def _fetch(sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
