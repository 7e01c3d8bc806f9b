from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("oauth", "0007_consented_name")]

    operations = [
        migrations.AddField(
            model_name="application",
            name="is_personal_token",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="appgrant",
            name="used_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_personal_token", False),
                    models.Q(
                        ("client_secret", ""),
                        ("previous_secret", ""),
                        ("redirect_uris", ""),
                        ("user__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="personal_token_is_no_client",
            ),
        ),
    ]
