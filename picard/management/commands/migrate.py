from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from core.db.migration_lock import migration_lock


class Command(migrate.Command):
    """Django's migrate under a lock: a second one, on this machine or another, waits for the first."""

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:  # read-only
            super().handle(*args, **options)
            return
        with migration_lock(connections[options["database"]]):
            super().handle(*args, **options)
