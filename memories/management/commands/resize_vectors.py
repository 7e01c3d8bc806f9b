from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from core.db.roles import Role, acting_as_system
from memories.index import dimensions
from memories.models import Memory
from memories.providers.embeddings import ProviderError, get_provider


class Command(BaseCommand):
    help = (
        "Change the width of stored vectors to EMBEDDING_DIMENSIONS. Deletes all vectors and queues every memory to be "
        "indexed again; until then, search finds them by keyword only. Stop the server first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--yes", action="store_true", help="change it; otherwise only say what would change"
        )

    def handle(self, *_: object, yes: bool, **__: object) -> None:
        stored, wanted = dimensions.read_stored_dimensions(), settings.EMBEDDING_DIMENSIONS
        if stored is None:
            raise CommandError("This database has no vectors yet. Run manage.py migrate.")
        if stored == wanted:
            self.stdout.write(f"Vectors already have {wanted} dimensions.")
            return
        try:
            get_provider()
        except ProviderError as error:
            raise CommandError(
                f"The embedding provider does not work with these settings: {error}."
            ) from None
        count = Memory.objects.count()
        if not yes:
            self.stdout.write(
                f"Vectors have {stored} dimensions, and would have {wanted}; {count:,} memories would be indexed "
                "again. Add --yes to change them."
            )
            return
        try:
            with acting_as_system(Role.OWNER):
                count = dimensions.resize_vectors()
        except OperationalError:
            raise CommandError("The table is in use. Stop the web servers and workers first.") from None
        self.stdout.write(
            f"Vectors have {wanted} dimensions now. {count:,} memories are queued; the worker indexes them."
        )
