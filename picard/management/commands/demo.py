"""`manage.py demo`: the whole server, with a made-up person who has a past."""

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from picard.demo.seed import DatabaseNotEmpty, fill_database


class Command(BaseCommand):
    help = (
        "Fill the database with a made-up person once, say how to log in, and start everything as `up` does."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fill-only", action="store_true", help="start nothing")
        parser.add_argument(
            "--among-others", action="store_true", help="even into a database where other people live"
        )

    def handle(self, *_: object, among_others: bool, fill_only: bool, **__: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        try:
            person, password = fill_database(among_others=among_others)
        except DatabaseNotEmpty:
            raise CommandError(
                "Other people live in this database. Take another PICARD_HOME, or say --among-others."
            ) from None
        self.stdout.write(
            f"The demo person is {person.name}.\n  Log in    {person.email}\n  Password  {password}"
        )
        self.stdout.flush()
        if not fill_only:
            connections.close_all()
            call_command("up")
