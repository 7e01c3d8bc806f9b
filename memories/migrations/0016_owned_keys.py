from django.db import migrations, models

from memories.migrations._owned_constraints import ConstrainOwnedKey


def key(model_name, name, to, **options):
    """Return the operations that let the database cascade, without a moment without a constraint."""
    field = models.ForeignKey(db_constraint=False, on_delete=models.DO_NOTHING, to=to, **options)
    return [
        ConstrainOwnedKey(model_name, name),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AlterField(model_name=model_name, name=name, field=field)]
        ),
    ]


class Migration(migrations.Migration):
    atomic = False  # the tables are in use meanwhile

    dependencies = [
        ('memories', '0015_of_before'),
    ]

    operations = [
        *key('keptpair', 'first', 'memories.memory', related_name='+'),
        *key('keptpair', 'second', 'memories.memory', related_name='+'),
        *key('memoryrevision', 'memory', 'memories.memory', related_name='revisions'),
        *key('memorytag', 'memory', 'memories.memory', related_name='memory_tags'),
        *key('memorytag', 'tag', 'memories.tag', related_name='+'),
        *key('memoryvector', 'memory', 'memories.memory', db_index=False, related_name='vectors'),
        *key('proposal', 'memory', 'memories.memory', editable=False, null=True, related_name='+'),
        *key('stagedmemories', 'batch', 'memories.importbatch', related_name='chunks'),
    ]
