"""Whom a command's option --person names."""

from django.core.management.base import CommandError

from accounts.models import User


def get_user_by_email(email: str) -> User:
    """Raises CommandError where nobody has it."""
    person = User.objects.filter(email__iexact=email).first()
    if person is None:
        raise CommandError(f"Nobody here has the address {email}.")
    return person
