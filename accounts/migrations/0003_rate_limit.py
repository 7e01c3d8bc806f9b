"""The table of rate limits. Unlogged: a crash may forget who asked how often, and writing it costs half as much."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_shared_cache")]

    operations = [
        migrations.RunSQL(
            """
            create unlogged table accounts_rate_limit (
              key text primary key,
              earned_at timestamptz not null
            ) with (fillfactor = 70)
            """,
            "drop table accounts_rate_limit",
        )
    ]
