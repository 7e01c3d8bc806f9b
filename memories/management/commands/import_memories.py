import sys
import tempfile
from pathlib import Path
from typing import IO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Door
from accounts.management import lookup
from memories.errors import ImportUnderWay
from memories.models import EndedBy, ImportBatch, ImportState
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage
from memories.portability.readers.chat_exports import Chats
from memories.portability.readers.detect import FORMATS
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
            "--chats", choices=list(Chats), default=Chats.MINE, help="of conversations: what the person wrote"
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
        actor = Actor(user=lookup.with_address(person), door=Door.COMMAND)
        try:
            batch = self._stage(actor, path, Chats(chats))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except ImportUnderWay:
            raise CommandError("Another import of this person's is under way.") from None
        self._tell(batch)
        if not yes:
            import_run.discard(actor, batch.pk)
            self.stdout.write("Nothing was imported. Say --yes to do it.")
            return
        try:
            batch = import_run.start(actor, batch.pk, publish=keep_public)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        while batch.state == ImportState.RUNNING:
            batch = import_run.advance(actor, batch.pk)
            self.stderr.write(f"{batch.done:,} of {batch.total:,}")
        if batch.ended_by:
            self.stdout.write(
                f"It ended after {batch.done:,} of {batch.total:,}: {EndedBy(batch.ended_by).label}."
            )
        self.stdout.write(
            f"Done: {batch.done:,} memories. `undo_import {batch.pk}` or the page of imports undoes it."
        )

    def _stage(self, actor: Actor, path: str, chats: Chats) -> ImportBatch:
        if path == "-":
            with _spooled(sys.stdin.buffer) as file:
                return stage(actor, file, chats=chats, say=self._say)
        if Path(path).is_dir():
            return stage(actor, Path(path), chats=chats, say=self._say)
        try:
            with Path(path).open("rb") as file:
                return stage(actor, file, chats=chats, say=self._say)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None

    def _say(self, count: int) -> None:
        if count:
            self.stderr.write(f"{count:,} read")

    def _tell(self, batch: ImportBatch) -> None:
        counts = batch.counts
        self.stdout.write(f"It is {FORMATS[batch.format].label}.")
        self.stdout.write(f"new: {counts['new']:,}")
        self.stdout.write(f"changed: {counts['changed']:,}")
        self.stdout.write(f"there already: {counts['duplicate']:,}")
        for reason, count in counts["skipped"].items():
            self.stdout.write(f"left out: {count:,} {REASONS[reason]}")
        for text in import_run.sample_of(batch):
            self.stdout.write(f"begins: {' '.join(text.split())}")


def _spooled(stream: IO[bytes]) -> IO[bytes]:
    """What is piped in, in a file without a name, since it is read more than once."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while data := stream.read(1_000_000):
        file.write(data)
    file.seek(0)
    return file
