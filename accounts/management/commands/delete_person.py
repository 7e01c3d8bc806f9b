"""Delete a user permanently, without the grace period for restoring the account."""

from argparse import ArgumentParser
from contextlib import suppress
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.deletion import service as deletion
from accounts.models import User


class Command(BaseCommand):
    help = "Delete a user, their key and all their data permanently. Asks for confirmation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", help="e-mail address, @handle, or id (as in the log)")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: object, who: str, yes: bool, **options: object) -> None:
        person = find_user(who)
        if not yes:
            self.stdout.write(f"All data of {person.email} will be deleted permanently.")
            if input(f"Type {person.handle} to delete: ").strip() != person.handle:
                raise CommandError("Nothing was deleted.")
        deletion.delete_account_permanently(person)
        self.stdout.write("Deleted.")


def find_user(who: str) -> User:
    matches = Q(email__iexact=who) | Q(handle=who.removeprefix("@"))
    with suppress(ValueError):
        matches |= Q(pk=UUID(who))
    user = User.objects.filter(matches).first()
    if user is None:
        raise CommandError(f"No user matches {who}.")
    return user
