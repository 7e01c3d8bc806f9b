"""What a person says of themselves."""

from typing import Any

from django.db import transaction

from accounts.actor import Actor, InsufficientScope
from accounts.models import User

FIELDS = (
    *("display_name", "handle", "bio", "time_zone", "persona_enabled", "public_page_enabled"),
    *("shortcuts_enabled", "first_steps_hidden"),
)


@transaction.atomic
def change_profile(actor: Actor, **changes: Any) -> User:
    """Change some of FIELDS, by the person's own session only. Raises InsufficientScope, ValidationError by field."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    person = User.objects.select_for_update().get(pk=actor.person.pk)
    for name, value in changes.items():
        setattr(person, name, value)
    person.clean_fields(exclude={field.name for field in User._meta.fields} - set(changes))
    if "handle" in changes:
        person.validate_unique(exclude={field.name for field in User._meta.fields} - {"handle"})
    person.save(update_fields=list(changes))
    return person
