import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import memories.owned
from core.db.row_security import build_policies, drop_policies

INDEX = "memory_counted"


class Migration(migrations.Migration):
    """Activity of apps by day, summed by the worker, and the index of what Insights counts (decision 0052)."""

    atomic = False

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("memories", "0027_pins"),
    ]

    operations = [
        migrations.CreateModel(
            name="AppDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "day", "client_id",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("day", models.DateField(editable=False)),
                ("client_id", models.CharField(editable=False, max_length=255)),
                ("reads", models.IntegerField(editable=False)),
                ("writes", models.IntegerField(editable=False)),
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
        migrations.CreateModel(
            name="AuditSum",
            fields=[
                ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("until", models.UUIDField(editable=False)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_sum")],
            },
        ),
        migrations.RunSQL(
            build_policies("memories_appday"), drop_policies("memories_appday")
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"drop index concurrently if exists {INDEX}", migrations.RunSQL.noop),
                migrations.RunSQL(
                    f"create index concurrently {INDEX} on memories_memory (owner_id, created_at)"
                    " include (id, expires_at, index_state, visibility) where deleted_at is null",
                    f"drop index concurrently if exists {INDEX}",
                ),
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name="memory",
                    index=models.Index(
                        fields=["owner", "created_at"],
                        include=["id", "expires_at", "index_state", "visibility"],
                        name=INDEX,
                        condition=models.Q(deleted_at__isnull=True),
                    ),
                ),
            ],
        ),
    ]
