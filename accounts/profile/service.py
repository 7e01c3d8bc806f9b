"""Changes to a user's profile."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.dispatch import Signal

from accounts.actor import Actor, InsufficientScope
from accounts.models import User

FIELDS = (
    *("display_name", "handle", "bio", "time_zone", "language", "page_language", "persona_enabled"),
    *("public_page_enabled", "shortcuts_enabled", "first_steps_hidden"),
)


language_changed = Signal()  # arguments: person, former code. Sent in the transaction of the change


@transaction.atomic
def update_profile(actor: Actor, **changes: object) -> User:
    """Change some of FIELDS. Raises InsufficientScope for an app, ValidationError by field."""
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
    """Save these columns. Raises ValidationError (handle) if another user has taken it since validation."""
    try:
        with transaction.atomic():
            # The lock lets no memory be added (its foreign key waits) between the change and the signal.
            former = User.objects.select_for_update().get(pk=person.pk).language_code
            person.save(update_fields=columns)
            if "language" in columns and former != person.language_code:
                language_changed.send(User, person=person, former=former)
    except IntegrityError:
        raise ValidationError({"handle": person.unique_error_message(User, ("handle",))}) from None
