from django.db import migrations, models

TABLE, INDEX = "memories_memory", "one_memory_an_imported_id"


class Migration(migrations.Migration):
    """Each statement can be repeated after an interruption. The table is in use meanwhile."""

    atomic = False

    dependencies = [
        ("memories", "0020_import_report"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"alter table {TABLE} add column if not exists imported_id uuid",
                    f"alter table {TABLE} drop column if exists imported_id",
                ),
                # An interrupted build leaves an index that is not valid.
                migrations.RunSQL(f"drop index concurrently if exists {INDEX}", migrations.RunSQL.noop),
                migrations.RunSQL(
                    f"create unique index concurrently {INDEX} on {TABLE} (owner_id, imported_id) "
                    "where imported_id is not null",
                    f"drop index concurrently if exists {INDEX}",
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="memory",
                    name="imported_id",
                    field=models.UUIDField(editable=False, null=True),
                ),
                migrations.AddConstraint(
                    model_name="memory",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("imported_id__isnull", False)),
                        fields=("owner", "imported_id"),
                        name=INDEX,
                    ),
                ),
            ],
        ),
    ]
