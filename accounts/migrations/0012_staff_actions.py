import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models.functions import Now

import accounts.ids

APPEND_ONLY = """
create function accounts_staff_actions_are_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the record of staff is append only';
end $$;
create trigger append_only before update on accounts_staffaction
for each row execute function accounts_staff_actions_are_append_only()
"""
CHANGEABLE = """
drop trigger append_only on accounts_staffaction;
drop function accounts_staff_actions_are_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_visible_names")]

    operations = [
        migrations.CreateModel(
            name="StaffAction",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("staff_id", models.UUIDField(editable=False)),
                ("person_id", models.UUIDField(editable=False, null=True)),
                ("action", models.CharField(editable=False, max_length=40)),
                ("kind", models.CharField(editable=False, max_length=60)),
                (
                    "object_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), editable=False, size=None
                    ),
                ),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        default=list,
                        editable=False,
                        size=None,
                    ),
                ),
                ("happened_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "verbose_name": "action of staff",
                "verbose_name_plural": "actions of staff",
                "indexes": [models.Index(fields=["person_id", "-id"], name="staff_action_of_person")],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
