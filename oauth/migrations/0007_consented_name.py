from django.db import migrations, models

# What the apps are called now: what they were called at consent is not known of earlier grants.
NAME_GRANTS = """
update oauth_appgrant grants set consented_name = app.name
from oauth_application app where app.id = grants.application_id
"""


class Migration(migrations.Migration):
    dependencies = [("oauth", "0006_disconnected_apps")]

    operations = [
        migrations.AddField(
            model_name="appgrant",
            name="consented_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.RunSQL(NAME_GRANTS, migrations.RunSQL.noop),
    ]
