from django.db import migrations, models

from memories.migrations._owned_constraints import ConstrainOwnedKey


class Migration(migrations.Migration):
    dependencies = [
        ('memories', '0016_owned_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='memory',
            name='supersedes',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=models.DO_NOTHING, related_name='+', to='memories.memory'),
        ),
        migrations.AddIndex(
            model_name='memory',
            index=models.Index(condition=models.Q(('supersedes__isnull', False)), fields=['supersedes'], name='memory_supersedes'),
        ),
        ConstrainOwnedKey('memory', 'supersedes', 'set null'),
        migrations.AddConstraint(
            model_name='memory',
            constraint=models.CheckConstraint(condition=models.Q(('supersedes', models.F('id')), _negated=True), name='memory_supersedes_another'),
        ),
        migrations.AddConstraint(
            model_name='memory',
            constraint=models.UniqueConstraint(condition=models.Q(('supersedes__isnull', False)), fields=('owner', 'supersedes'), name='one_successor'),
        ),
    ]
