import sys
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from core.db.roles import acting_as_person
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.exports.full_archive import export_everything

EVERYTHING = "everything"
PROGRESS_INTERVAL_BYTES = 10_000_000


class Command(BaseCommand):
    help = (
        "Export a user's memories, or all data stored about them, to a file. The file is not encrypted: store it in "
        "a safe place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="file to create, or - for standard output")
        parser.add_argument("--person", required=True, metavar="EMAIL", help="e-mail address of the user")
        parser.add_argument("--format", choices=[*EXPORT_FORMATS, EVERYTHING], default="jsonl")

    def handle(self, *_: object, path: str, person: str, format: str, **__: object) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        with acting_as_person(actor.person.pk):
            export = export_everything(actor) if format == EVERYTHING else export_memories(actor, format)
            if path == "-":
                sys.stdout.buffer.writelines(export.chunks)
                return
            written = self._write_file(Path(path), export.chunks)
            self.stdout.write(f"{path}: {written:,} bytes")

    def _write_file(self, path: Path, chunks: Iterable[bytes]) -> int:
        """Write a new file readable only by its owner; never overwrite an existing one."""
        try:
            path.touch(mode=0o600, exist_ok=False)
            file = path.open("wb")
        except OSError as error:
            raise CommandError(f"Cannot create {path}: {error.strerror}") from None
        written = reported = 0
        with file:
            for chunk in chunks:
                written += file.write(chunk)
                if written - reported >= PROGRESS_INTERVAL_BYTES:
                    reported = written
                    self.stderr.write(f"{written:,} bytes")
        return written
