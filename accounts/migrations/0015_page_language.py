from django.db import migrations, models

import accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_bind_sealed_values")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="page_language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=16,
                validators=[accounts.models.validate_page_language],
                verbose_name="language of pages",
            ),
        ),
    ]
