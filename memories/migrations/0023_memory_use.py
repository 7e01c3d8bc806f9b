"""Uses of memories, counted by a trigger on the audit log; those of the log's existing events are counted here.

Apps may go on: the existing events are those that are there when the trigger is created, for which the log is locked
for a moment. They are counted in batches, each in a transaction of its own. An interrupted migration starts over.
"""

import time
from uuid import UUID

import django.db.models.deletion
from django.conf import settings
from django.db import OperationalError, migrations, models, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

import memories.owned

READS = "('memory:read', 'memory:list', 'memory:search', 'memory:export', 'persona:ask')"
KIND = f"case when {{event}}.action in {READS} then 'read' when {{event}}.action = 'memory:propose' then 'other' else 'write' end"
# Not what owners do in their own session, and not the retention job.
IS_COUNTED = f"""
cardinality({{event}}.memory_ids) > 0 and ({{event}}.client_id <> ''
  or {{event}}.action in {READS} and {{event}}.actor_id is distinct from {{event}}.owner_id)
"""
ANONYMOUS = "'00000000-0000-0000-0000-000000000000'::uuid"

# An app that lists the same memories again and again within a minute counts once and writes nothing more, which
# bounds the work of counting. Rows are locked in the order of their key, so that concurrent events cannot deadlock.
COUNT_USES = f"""
create function memories_count_uses() returns trigger language plpgsql as $$
begin
  insert into memories_memoryuse (owner_id, memory_id, actor_id, client_id, kind, times, last_at)
  select new.owner_id, used.memory_id, coalesce(new.actor_id, {ANONYMOUS}), new.client_id,
    {KIND.format(event="new")}, 1, new.happened_at
  from (select distinct unnest(new.memory_ids) as memory_id order by 1) as used
  where new.action not in ('memory:list', 'memory:search', 'persona:ask') or not exists (
    select from memories_memoryuse as earlier
    where earlier.owner_id = new.owner_id and earlier.memory_id = used.memory_id
      and earlier.actor_id = coalesce(new.actor_id, {ANONYMOUS}) and earlier.client_id = new.client_id
      and earlier.kind = 'read' and earlier.last_at > new.happened_at - interval '1 minute'
  )
  on conflict (owner_id, memory_id, actor_id, client_id, kind) do update
  set times = memories_memoryuse.times + 1,
    last_at = greatest(memories_memoryuse.last_at, excluded.last_at);
  return null;
end $$;
create trigger count_uses after insert on memories_auditevent
for each row when ({IS_COUNTED.format(event="new")}) execute function memories_count_uses()
"""  # put together from constants # nosec B608
STOP_COUNTING = """
drop trigger count_uses on memories_auditevent;
drop function memories_count_uses()
"""
# Most updates change no index and find room on their own page.
LEAVE_ROOM = "alter table memories_memoryuse set (fillfactor = 70)"
START_OVER = """
drop trigger if exists count_uses on memories_auditevent;
drop function if exists memories_count_uses();
drop table if exists memories_memoryuse
"""
BATCH = 10_000  # events
COUNT_EXISTING = f"""
with existing as materialized (
  select * from memories_auditevent
  where owner_id = %(owner)s and id > %(after)s and (id <= %(until)s or id = any(%(recent)s::uuid[]))
  order by id limit {BATCH}
), counted as (
  insert into memories_memoryuse (owner_id, memory_id, actor_id, client_id, kind, times, last_at)
  select event.owner_id, memory_id, coalesce(event.actor_id, {ANONYMOUS}), event.client_id,
    {KIND.format(event="event")}, count(distinct event.id), max(event.happened_at)
  from existing event, unnest(event.memory_ids) as memory_id
  where {IS_COUNTED.format(event="event")}
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (owner_id, memory_id, actor_id, client_id, kind) do update
  set times = memories_memoryuse.times + excluded.times,
    last_at = greatest(memories_memoryuse.last_at, excluded.last_at)
)
select id from existing order by id desc limit 1
"""  # put together from constants # nosec B608
FIRST_ID = UUID(int=0)
RECENT_S = 3_600  # no event is written with an older id: the clocks of the servers differ by less
LOCK_S, WAIT_S, TRIES = 2, 0.5, 600
INDEX = "audit_of_client"


def create_foreign_key(_apps, editor):
    """Now, while the table is empty, instead of after all operations."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0))


def count_uses(_apps, editor):
    count_existing(editor.connection, *start_counting(editor.connection))


def stop_counting(_apps, editor):
    editor.execute(STOP_COUNTING)


def start_counting(connection):
    """Create the trigger. Return until which id events are there already, and the ids of others that are."""
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # Not longer: whoever writes an event waits behind this.
                cursor.execute(f"set local lock_timeout = '{LOCK_S}s'")
                cursor.execute("lock table memories_auditevent in share row exclusive mode")
                cursor.execute(COUNT_USES)
                until = UUID(int=int((time.time() - RECENT_S) * 1000) << 80)
                cursor.execute("select id from memories_auditevent where id > %s", [until])
                return until, [event for (event,) in cursor.fetchall()]
        except OperationalError as error:
            if not tries_left or not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(WAIT_S)
    raise AssertionError


def count_existing(connection, until, recent):
    with connection.cursor() as cursor:
        cursor.execute("select id from accounts_user")
        for (owner,) in cursor.fetchall():
            after = FIRST_ID
            while after is not None:
                values = {"owner": owner, "after": after, "until": until, "recent": recent}
                after = count_batch(cursor, values)


def count_batch(cursor, values):
    """Count the next events; return the id of the last one, None if there are no more."""
    for tries_left in reversed(range(TRIES)):
        try:
            cursor.execute(COUNT_EXISTING, values)
        except OperationalError as error:  # a deadlock with somebody who writes several events at once
            if not tries_left or not isinstance(error.__cause__, DeadlockDetected):
                raise
        else:
            row = cursor.fetchone()
            return row and row[0]
    raise AssertionError


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("memories", "0022_places_and_public_rows"),
    ]

    operations = [
        migrations.RunSQL(START_OVER, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="MemoryUse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "memory_id", "actor_id", "client_id", "kind",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("memory_id", models.UUIDField(editable=False)),
                ("actor_id", models.UUIDField(editable=False)),
                ("client_id", models.CharField(blank=True, editable=False, max_length=255)),
                (
                    "kind",
                    models.CharField(
                        choices=[("read", "Read"), ("write", "Write"), ("other", "Other")],
                        editable=False, max_length=5,
                    ),
                ),
                ("times", models.IntegerField(editable=False)),
                ("last_at", models.DateTimeField(editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE,
                        related_name="+", to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            bases=(memories.owned.Owned, models.Model),
        ),
        migrations.RunPython(create_foreign_key, migrations.RunPython.noop),
        migrations.RunSQL(LEAVE_ROOM, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"drop index concurrently if exists {INDEX}", migrations.RunSQL.noop),
                migrations.RunSQL(
                    f"create index concurrently {INDEX} on memories_auditevent (owner_id, client_id, id desc)",
                    f"drop index concurrently if exists {INDEX}",
                ),
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name="auditevent",
                    index=models.Index(fields=["owner", "client_id", "-id"], name=INDEX),
                ),
            ],
        ),
        migrations.RunPython(count_uses, stop_counting),
    ]
