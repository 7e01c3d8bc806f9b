"""Uses of memories, counted by a trigger on the audit log; those of the log's existing events are counted here.

In one transaction: no event is added while the existing ones are counted, so none is missed or counted twice. Apps'
requests wait meanwhile; a million events of 25 memories take about a minute.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

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
COUNT_EXISTING = f"""
insert into memories_memoryuse (owner_id, memory_id, actor_id, client_id, kind, times, last_at)
select event.owner_id, memory_id, coalesce(event.actor_id, {ANONYMOUS}), event.client_id,
  {KIND.format(event="event")}, count(distinct event.id), max(event.happened_at)
from memories_auditevent event, unnest(event.memory_ids) as memory_id
where {IS_COUNTED.format(event="event")}
group by 1, 2, 3, 4, 5
"""  # put together from constants # nosec B608


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("memories", "0022_places_and_public_rows"),
    ]

    operations = [
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
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["owner", "client_id", "-id"], name="audit_of_client"),
        ),
        migrations.RunSQL(LEAVE_ROOM, migrations.RunSQL.noop),
        migrations.RunSQL(COUNT_USES, STOP_COUNTING),
        migrations.RunSQL(COUNT_EXISTING, migrations.RunSQL.noop),
    ]
