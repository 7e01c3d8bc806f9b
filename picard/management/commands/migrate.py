from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections, transaction

from core.db.migration_lock import migration_lock
from core.db.roles import Role, acting_as_system
from picard.database.distribution import needs_distribution
from picard.database.grants import grant_rights, trust_owner
from picard.database.login_roles import MissingRoleError, create_roles


class Command(migrate.Command):
    """Django's migrate as the owner of the tables, under a lock: a second one, anywhere, waits for the first.

    The other roles of the database are created before, and get their rights afterwards.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        with acting_as_system(Role.OWNER):
            if options["plan"] or options["check_unapplied"]:  # read-only
                super().handle(*args, **options)
                return
            with migration_lock(connections[options["database"]]):
                _create_roles()
                trust_owner()
                super().handle(*args, **options)
                with transaction.atomic():
                    grant_rights()
                    is_incomplete = needs_distribution()
        if is_incomplete:
            self.stdout.write("Not all tables are distributed over the nodes yet. Run manage.py distribute.")


def _create_roles() -> None:
    try:
        with transaction.atomic():
            create_roles()
    except MissingRoleError as error:
        raise CommandError(
            f'The database has no role "{error}", and the user of MIGRATE_DATABASE_URL may not create it. Create it '
            'as a superuser, or set DATABASE_URL alone (docs/deployment.md, "Database roles").'
        ) from None
