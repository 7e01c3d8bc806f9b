"""Remove invisible characters from names and bios, as accounts/models.py does since."""

from django.db import migrations
from django.db.models import Q

from core.visible_text import clean_text


def clean_names(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    for person in User.objects.filter(~Q(display_name="") | ~Q(bio="")).only("display_name", "bio").iterator():
        shown = clean_text(person.display_name), clean_text(person.bio)
        if shown != (person.display_name, person.bio):
            User.objects.filter(pk=person.pk).update(display_name=shown[0], bio=shown[1])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_queued_email")]

    operations = [migrations.RunPython(clean_names, migrations.RunPython.noop)]
