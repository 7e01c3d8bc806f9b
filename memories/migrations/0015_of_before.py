from django.db import migrations

BATCH = 10_000
FIRST = "00000000-0000-0000-0000-000000000000"
# When a text was written nobody noted until now; not after the last change of anything.
WRITE = """
with batch as (
    select id from memories_memory where id > %s order by id limit %s
), changed as (
    update memories_memory set written_at = updated_at
    from batch where memories_memory.id = batch.id and written_at > updated_at
)
select id from batch order by id desc limit 1
"""
# What was withheld from a provider did not say for which words and which provider it was indexed: once more, then.
QUEUE = """
update memories_memory set index_state = 'pending', index_due_at = now()
where index_state = 'ready' and id in (select memory_id from memories_memoryvector where space_id is null)
"""


def write_in_batches(apps, schema_editor):
    last = FIRST
    with schema_editor.connection.cursor() as cursor:
        while last is not None:
            cursor.execute(WRITE, [last, BATCH])
            row = cursor.fetchone()
            last = row[0] if row else None


class Migration(migrations.Migration):
    atomic = False  # the tables are in use meanwhile

    dependencies = [
        ('memories', '0014_written_at'),
    ]

    operations = [
        migrations.RunPython(write_in_batches, migrations.RunPython.noop),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
    ]
