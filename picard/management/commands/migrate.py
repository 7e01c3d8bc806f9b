from typing import Any

from django.core.management.commands import migrate
from django.db import connections, transaction

from core.db.migration_lock import migration_lock
from core.db.roles import Role, acting_as_system
from picard.database.grants import grant_rights, trust_owner


class Command(migrate.Command):
    """Django's migrate as the owner of the tables, under a lock: a second one, anywhere, waits for the first.

    Afterwards the other roles of the database get their rights.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        with acting_as_system(Role.OWNER):
            if options["plan"] or options["check_unapplied"]:  # read-only
                super().handle(*args, **options)
                return
            with migration_lock(connections[options["database"]]):
                trust_owner()
                super().handle(*args, **options)
                with transaction.atomic():
                    grant_rights()
