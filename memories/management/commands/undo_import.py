from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from memories.errors import ImportNotFound
from memories.models import ImportBatch, ImportState
from memories.portability.imports import run as import_run
from memories.portability.readers.detect import IMPORT_FORMATS


class Command(BaseCommand):
    help = (
        "Put in the trash what an import of a person's brought, and take back what it changed and nobody has changed "
        "since. Without the id of one, says which there are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="?", type=UUID, help="of the import; without it they are listed")
        parser.add_argument("--person", required=True, metavar="EMAIL", help="whose import it is")

    def handle(self, *_: object, id: UUID | None, person: str, **__: object) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        if id is None:
            self._list_imports(import_run.list_imports(actor))
        else:
            self._undo_import(actor, id)

    def _list_imports(self, batches: list[ImportBatch]) -> None:
        for batch in batches:
            label = IMPORT_FORMATS[batch.format].label if batch.format in IMPORT_FORMATS else batch.format
            self.stdout.write(
                f"{batch.pk}  {batch.created_at:%Y-%m-%d %H:%M}  {batch.state:7}  {batch.done:,}  {label}"
            )
        if not batches:
            self.stdout.write("There is no import.")

    def _undo_import(self, actor: Actor, batch_id: UUID) -> None:
        try:
            before = import_run.get_import(actor, batch_id).state
            batch = import_run.undo_import(actor, batch_id)
        except ImportNotFound:
            raise CommandError(f"This person has no import {batch_id}.") from None
        if before not in (ImportState.RUNNING, ImportState.DONE):
            raise CommandError(f"There is nothing to undo: this import is {before}.")
        self.stdout.write(
            f"Undone: {batch.done:,} memories. What came is in the trash, what it changed is as it was, unless it was "
            "changed again since."
        )
