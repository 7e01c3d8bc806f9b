"""What a person says of themselves."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.actor import Actor, InsufficientScope
from accounts.models import User

FIELDS = (
    *("display_name", "handle", "bio", "time_zone", "persona_enabled", "public_page_enabled"),
    *("shortcuts_enabled", "first_steps_hidden"),
)


@transaction.atomic
def update_profile(actor: Actor, **changes: object) -> User:
    """Change some of FIELDS, by the person's own session only. Raises InsufficientScope, ValidationError by field."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    person = User.objects.select_for_update().get(pk=actor.person.pk)
    for name, value in changes.items():
        setattr(person, name, value)
    person.clean_fields(exclude={field.name for field in User._meta.fields} - set(changes))
    if "handle" in changes:
        person.validate_unique(exclude={field.name for field in User._meta.fields} - {"handle"})
    save_profile(person, list(changes))
    return person


def save_profile(person: User, columns: Sequence[str]) -> None:
    """Raises ValidationError (handle) where somebody else has taken it since it was looked at."""
    try:
        with transaction.atomic():
            person.save(update_fields=columns)
    except IntegrityError:
        raise ValidationError({"handle": person.unique_error_message(User, ("handle",))}) from None
