"""Bind wrapped keys and second factors to their rows. Needs the master keys if there are any."""

from django.db import migrations

from accounts.keys import rewrap_all_keys
from accounts.login.sealed_authenticators import bind_authenticators


def bind_sealed_values(apps, schema_editor):
    rewrap_all_keys()
    bind_authenticators()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_row_security"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        # Backwards, nothing: the previous release reads the keys, and `keys rotate --bind` binds second factors again.
        migrations.RunPython(bind_sealed_values, migrations.RunPython.noop),
    ]
