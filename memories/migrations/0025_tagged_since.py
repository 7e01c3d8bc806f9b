from django.db import migrations, models

# When the tags were put on is not known: earlier versions stay hidden from apps that are limited to them.
HIDE_EARLIER_VERSIONS = """
update memories_memorytag tagged set since = memory.version
from memories_memory memory where memory.id = tagged.memory_id and memory.owner_id = tagged.owner_id
"""


class Migration(migrations.Migration):
    dependencies = [("memories", "0024_stored_answer_memories")]

    operations = [
        migrations.AddField(
            model_name="memorytag",
            name="since",
            field=models.PositiveIntegerField(db_default=2**31 - 1),
        ),
        migrations.RunSQL(HIDE_EARLIER_VERSIONS, migrations.RunSQL.noop),
    ]
