from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from core.db.roles import acting_as_person
from memories.errors import ImportNotFound
from memories.models import ImportBatch, ImportState
from memories.portability.imports import run as import_run
from memories.portability.readers.catalog import get_kind_label


class Command(BaseCommand):
    help = (
        "Undo an import: move the memories it created to trash and revert its changes, except to memories changed "
        "again since. Without an ID, list the user's imports."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="?", type=UUID, help="ID of the import; omit it to list imports")
        parser.add_argument("--person", required=True, metavar="EMAIL", help="e-mail address of the user")

    def handle(self, *_: object, id: UUID | None, person: str, **__: object) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        with acting_as_person(actor.person.pk):
            if id is None:
                self._list_imports(import_run.list_imports(actor))
            else:
                self._undo_import(actor, id)

    def _list_imports(self, batches: list[ImportBatch]) -> None:
        for batch in batches:
            label = get_kind_label(batch.format)
            self.stdout.write(
                f"{batch.pk}  {batch.created_at:%Y-%m-%d %H:%M}  {batch.state:7}  {batch.done:,}  {label}"
            )
        if not batches:
            self.stdout.write("No imports.")

    def _undo_import(self, actor: Actor, batch_id: UUID) -> None:
        try:
            previous_state = import_run.get_import(actor, batch_id).state
            batch = import_run.undo_import(actor, batch_id)
        except ImportNotFound:
            raise CommandError(f"This user has no import {batch_id}.") from None
        if previous_state not in (ImportState.RUNNING, ImportState.DONE):
            raise CommandError(f"There is nothing to undo: this import is {previous_state}.")
        self.stdout.write(
            f"Undone: {batch.done:,} memories. Created memories are in the trash; changed ones were reverted, unless "
            "they were changed again since."
        )
