"""Lookup of the user given to a command by --person."""

from django.core.management.base import CommandError

from accounts.models import User


def get_user_by_email(email: str) -> User:
    """Return the user with this e-mail address. Raises CommandError if there is none."""
    person = User.objects.filter(email__iexact=email).first()
    if person is None:
        raise CommandError(f"No user has the e-mail address {email}.")
    return person
