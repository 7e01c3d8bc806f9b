from django.db import migrations

from core.db.row_security import build_policies, build_system_function, drop_policies


class Migration(migrations.Migration):
    """The database gives a person no key of another (docs/decisions/0042-row-security.md)."""

    dependencies = [("accounts", "0012_staff_actions")]

    operations = [
        migrations.RunSQL([build_system_function([])], "drop function if exists picard_is_system()"),
        migrations.RunSQL(
            build_policies("accounts_personkey", owner="user_id", public="true"),
            drop_policies("accounts_personkey"),
        ),
    ]
