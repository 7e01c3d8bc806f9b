from django.db import migrations

from core.db.row_security import build_policies, drop_policies

# The condition of rows that others may read, when they ask the persona of their owner.
PUBLIC = {"memories_memory": "visibility = 'public'", "memories_memoryvector": "is_public"}


def protect_tables(apps, schema_editor):
    for table in list_owned_tables(apps):
        for statement in build_policies(table, public=PUBLIC.get(table, "")):
            schema_editor.execute(statement)


def release_tables(apps, schema_editor):
    for table in list_owned_tables(apps):
        for statement in drop_policies(table):
            schema_editor.execute(statement)


def list_owned_tables(apps):
    models = apps.get_app_config("memories").get_models()
    return [
        model._meta.db_table
        for model in models
        if any(field.name == "owner" for field in model._meta.concrete_fields)
    ]


class Migration(migrations.Migration):
    """The database gives a person no row of another (docs/decisions/0042-row-security.md)."""

    dependencies = [("accounts", "0013_row_security"), ("memories", "0025_tagged_since")]

    operations = [migrations.RunPython(protect_tables, release_tables)]
