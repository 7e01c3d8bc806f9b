"""`manage.py demo`: start the whole server with a fictional user and sample data."""

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from core.db.roles import Role, acting_as_system
from picard.demo.seed import DatabaseNotEmpty, fill_database


class Command(BaseCommand):
    help = "Create a fictional user with sample data once, print how to log in, and start everything as `up` does."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fill-only", action="store_true", help="do not start the server")
        parser.add_argument(
            "--among-others", action="store_true", help="allow a database that has other users"
        )

    def handle(self, *_: object, among_others: bool, fill_only: bool, **__: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        try:
            with acting_as_system(Role.OWNER):
                person, password = fill_database(among_others=among_others)
        except DatabaseNotEmpty:
            raise CommandError(
                "This database has other users. Choose another PICARD_HOME, or pass --among-others."
            ) from None
        self.stdout.write(
            f"The demo user is {person.name}.\n  Log in    {person.email}\n  Password  {password}"
        )
        self.stdout.flush()
        if not fill_only:
            connections.close_all()
            call_command("up")
