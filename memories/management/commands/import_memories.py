import sys
import tempfile
from pathlib import Path
from typing import IO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from memories.errors import ImportInProgress
from memories.models import ImportBatch, ImportEndReason, ImportState
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import
from memories.portability.readers.chat_exports import ChatFilter
from memories.portability.readers.detect import IMPORT_FORMATS
from memories.portability.readers.items import REASONS


class Command(BaseCommand):
    help = (
        "Import memories of a person from a file, a zip or a folder; its format is found out. Says what it would do, "
        "and with --yes does it. Large files are read as they come."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="the file, zip or folder; - for what is piped in")
        parser.add_argument("--person", required=True, metavar="EMAIL", help="whose memories they become")
        parser.add_argument(
            "--chats",
            choices=list(ChatFilter),
            default=ChatFilter.MINE,
            help="of conversations: what the person wrote",
        )
        parser.add_argument(
            "--keep-public", action="store_true", help="what the file calls public becomes public"
        )
        parser.add_argument("--yes", action="store_true", help="bring it in, not only look")

    def handle(
        self,
        *_: object,
        path: str,
        person: str,
        chats: str,
        yes: bool,
        keep_public: bool,
        **__: object,
    ) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        try:
            batch = self._stage_path(actor, path, ChatFilter(chats))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except ImportInProgress:
            raise CommandError("Another import of this person's is under way.") from None
        self._print_preview(batch)
        if not yes:
            import_run.discard_import(actor, batch.pk)
            self.stdout.write("Nothing was imported. Say --yes to do it.")
            return
        try:
            batch = import_run.start_import(actor, batch.pk, publish=keep_public)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        while batch.state == ImportState.RUNNING:
            batch = import_run.advance_import(actor, batch.pk)
            self.stderr.write(f"{batch.done:,} of {batch.total:,}")
        if batch.ended_by:
            self.stdout.write(
                f"It ended after {batch.done:,} of {batch.total:,}: {ImportEndReason(batch.ended_by).description}."
            )
        self.stdout.write(
            f"Done: {batch.done:,} memories. `undo_import {batch.pk}` or the page of imports undoes it."
        )

    def _stage_path(self, actor: Actor, path: str, chats: ChatFilter) -> ImportBatch:
        if path == "-":
            with _spool_stream(sys.stdin.buffer) as file:
                return stage_import(actor, file, chats=chats, say=self._print_progress)
        if Path(path).is_dir():
            return stage_import(actor, Path(path), chats=chats, say=self._print_progress)
        try:
            with Path(path).open("rb") as file:
                return stage_import(actor, file, chats=chats, say=self._print_progress)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None

    def _print_progress(self, count: int) -> None:
        if count:
            self.stderr.write(f"{count:,} read")

    def _print_preview(self, batch: ImportBatch) -> None:
        counts = batch.counts
        self.stdout.write(f"It is {IMPORT_FORMATS[batch.format].label}.")
        self.stdout.write(f"new: {counts['new']:,}")
        self.stdout.write(f"changed: {counts['changed']:,}")
        self.stdout.write(f"there already: {counts['duplicate']:,}")
        for reason, count in counts["skipped"].items():
            self.stdout.write(f"left out: {count:,} {REASONS[reason]}")
        for text in import_run.get_sample(batch):
            self.stdout.write(f"begins: {' '.join(text.split())}")


def _spool_stream(stream: IO[bytes]) -> IO[bytes]:
    """What is piped in, in a file without a name, since it is read more than once."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while data := stream.read(1_000_000):
        file.write(data)
    file.seek(0)
    return file
