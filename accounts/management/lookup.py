"""Whom a command's option --person names."""

from django.core.management.base import CommandError

from accounts.models import User


def with_address(email: str) -> User:
    """Raises CommandError where nobody has it."""
    person = User.objects.filter(email__iexact=email).first()
    if person is None:
        raise CommandError(f"Nobody here has the address {email}.")
    return person
