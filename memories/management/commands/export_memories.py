import sys
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.exports.full_archive import export_everything

EVERYTHING = "everything"
PROGRESS_INTERVAL_BYTES = 10_000_000


class Command(BaseCommand):
    help = (
        "Export a person's memories, or everything that is kept about them, while it is read from the database. "
        "The texts leave their seal: mind where the file lies."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="the file to be made; - for the standard output")
        parser.add_argument("--person", required=True, metavar="EMAIL", help="whose memories")
        parser.add_argument("--format", choices=[*EXPORT_FORMATS, EVERYTHING], default="jsonl")

    def handle(self, *_: object, path: str, person: str, format: str, **__: object) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        is_whole = format == EVERYTHING
        exported = export_everything(actor) if is_whole else export_memories(actor, format)
        if path == "-":
            sys.stdout.buffer.writelines(exported.chunks)
            return
        written = self._write_file(Path(path), exported.chunks)
        self.stdout.write(f"{path}: {written:,} bytes")

    def _write_file(self, path: Path, chunks: Iterable[bytes]) -> int:
        """A file that only its maker can read; none that was there is written over."""
        try:
            path.touch(mode=0o600, exist_ok=False)
            file = path.open("wb")
        except OSError as error:
            raise CommandError(f"{path} cannot be made: {error.strerror}") from None
        written = said = 0
        with file:
            for chunk in chunks:
                written += file.write(chunk)
                if written - said >= PROGRESS_INTERVAL_BYTES:
                    said = written
                    self.stderr.write(f"{written:,} bytes")
        return written
