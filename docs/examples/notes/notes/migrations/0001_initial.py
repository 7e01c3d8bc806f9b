from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person_id", models.UUIDField(unique=True)),
                ("name", models.CharField(max_length=200)),
                ("sealed_tokens", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
            ],
        ),
    ]
