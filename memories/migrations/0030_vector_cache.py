import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import accounts.ids
import memories.owned
from core.db.row_security import build_policies, drop_policies

TABLES = ("memories_vectorcache", "memories_vectorchange")
EVENTS = {"insert": "new", "update": "new", "delete": "old"}

# It has the rights of the tables' owner, for whom row security is not forced on these two: a change that it missed would
# stay in the caches, whoever acts, also when a deletion cascades at the end of a transaction. It only adds rows, under
# the number of its transaction, so that no transaction waits for another. One that keeps its snapshot may not see a
# cache that began after it, so it records everything.
RECORD_CHANGES = """
create or replace function memories_record_vector_changes() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    insert into public.memories_vectorchange (owner_id, transaction, memory_id)
    select distinct owner_id, pg_current_xact_id()::text::bigint, memory_id from changed on conflict do nothing;
  elsif exists (select from public.memories_vectorcache as cache
                where exists (select from changed where changed.owner_id = cache.owner_id)) then
    insert into public.memories_vectorchange (owner_id, transaction, memory_id)
    select distinct owner_id, pg_current_xact_id()::text::bigint, memory_id from changed
    where owner_id in (select owner_id from public.memories_vectorcache) on conflict do nothing;
  end if;
  return null;
end $$
"""
END_CACHES = """
create or replace function memories_end_vector_caches() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from public.memories_vectorcache;
  return null;
end $$
"""
TRIGGERS = [
    f"""create trigger record_{event} after {event} on memories_memoryvector
    referencing {side} table as changed for each statement execute function memories_record_vector_changes()"""
    for event, side in EVENTS.items()
] + [
    """create trigger end_caches after truncate on memories_memoryvector
    for each statement execute function memories_end_vector_caches()"""
]
DROP = [
    *(f"drop trigger record_{event} on memories_memoryvector" for event in EVENTS),
    "drop trigger end_caches on memories_memoryvector",
    "drop function memories_record_vector_changes()",
    "drop function memories_end_vector_caches()",
]


class Migration(migrations.Migration):
    """Processes that cache vectors, and the changes that make their copies stale (decision 0056)."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("memories", "0029_app_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="VectorCache",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "used_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("seen", models.BigIntegerField(editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        editable=False, on_delete=django.db.models.deletion.CASCADE,
                        related_name="+", to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            bases=(memories.owned.Owned, models.Model),
        ),
        migrations.CreateModel(
            name="VectorChange",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "transaction", "memory_id",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("transaction", models.BigIntegerField(editable=False)),
                ("memory_id", models.UUIDField(editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+", to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            bases=(memories.owned.Owned, models.Model),
        ),
        migrations.RunSQL(
            [f"alter table {table} set unlogged" for table in TABLES], migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            [
                statement
                for table in TABLES
                for statement in (*build_policies(table), f"alter table {table} no force row level security")
            ],
            [statement for table in TABLES for statement in drop_policies(table)],
        ),
        migrations.RunSQL([RECORD_CHANGES, END_CACHES, *TRIGGERS], DROP),
    ]
