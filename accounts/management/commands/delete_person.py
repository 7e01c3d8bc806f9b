"""Delete a person for ever, without the time in which they could come back."""

from argparse import ArgumentParser
from contextlib import suppress
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.deletion import service as deletion
from accounts.models import User


class Command(BaseCommand):
    help = "Delete a person, their key and all that is theirs, at once and for ever. Asks first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", help="e-mail address, @handle, or the id that a log line names")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: object, who: str, yes: bool, **options: object) -> None:
        person = find_user(who)
        if not yes:
            self.stdout.write(f"All that {person.email} keeps here will be gone for ever.")
            if input(f"Type {person.handle} to delete: ").strip() != person.handle:
                raise CommandError("Nothing was deleted.")
        deletion.delete_account_permanently(person)
        self.stdout.write("Deleted.")


def find_user(who: str) -> User:
    is_asked_for = Q(email__iexact=who) | Q(handle=who.removeprefix("@"))
    with suppress(ValueError):
        is_asked_for |= Q(pk=UUID(who))
    found = User.objects.filter(is_asked_for).first()
    if found is None:
        raise CommandError(f"There is no {who}.")
    return found
