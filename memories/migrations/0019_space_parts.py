from django.db import migrations, models

from core.languages import find_code


def fill_parts(apps, schema_editor):
    """An identity was encoder, dimensions, scheme and the name of a stemmer; "withheld" before it: no vectors."""
    for space in apps.get_model("memories", "EmbeddingSpace").objects.all():
        encoder, *rest = space.identity.rsplit("|", 2)
        if len(rest) == 2:  # "|" may stand in the encoder's own name, too
            space.encoder = "" if encoder.startswith("withheld|") else encoder
            space.language = find_code(rest[-1]) or ""
            space.save(update_fields=["encoder", "language"])


class Migration(migrations.Migration):
    dependencies = [
        ("memories", "0017_supersession"),
    ]

    operations = [
        migrations.AddField(
            model_name='embeddingspace',
            name='encoder',
            field=models.CharField(db_default='', default='', max_length=300),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='language',
            field=models.CharField(db_default='', default='', max_length=16),
        ),
        migrations.RunPython(fill_parts, migrations.RunPython.noop),
    ]
