"""`manage.py distribute`: distribute the tables over the nodes of Citus, by their owner."""

import sys

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from core.db.migration_lock import migration_lock
from core.db.roles import Role, acting_as_system
from picard.database.distribution import DistributionError, build_plan, distribute, find_obstacle

SHARDS = 128  # at most so many nodes can have shards


class Command(BaseCommand):
    help = "Distribute the tables over the nodes of Citus, by their owner (docs/scaling.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--shards", type=int, default=SHARDS, help="shards of each table, at the first time (%(default)s)"
        )
        parser.add_argument(
            "--check", action="store_true", help="print what would be done; exit with 1 if there is something"
        )

    def handle(self, *_: object, **options: int) -> None:
        with acting_as_system(Role.OWNER), migration_lock(connection):
            if options["check"]:
                self._check(options["shards"])
                return
            try:
                done = distribute(options["shards"])
            except DistributionError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(f"Ran {len(done)} statements." if done else "Nothing to distribute.")

    def _check(self, shards: int) -> None:
        if obstacle := find_obstacle():
            raise CommandError(obstacle)
        plan = build_plan(shards)
        for statement in plan:
            self.stdout.write(f"{statement.strip()};")
        if not plan:
            self.stdout.write("Nothing to distribute.")
        sys.exit(1 if plan else 0)
