import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actor import Actor, Channel
from accounts.management import lookup
from core.db.roles import acting_as_person
from memories.errors import ImportInProgress
from memories.models import ImportBatch, ImportEndReason, ImportState
from memories.portability.files.archives import NamedFile, Source
from memories.portability.imports import run as import_run
from memories.portability.imports.report import FileReport, load_reports
from memories.portability.imports.stage import stage_import
from memories.portability.readers.catalog import get_kind_label
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.reasons import NOTES, REASONS

# Control characters and those that end lines or turn the direction of text.
UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Command(BaseCommand):
    help = (
        "Import memories for a user from files, zips and folders. Detects the formats and prints a preview; --yes runs "
        "the import. Large files are streamed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", metavar="path", help="files, zips and folders, or - for standard input"
        )
        parser.add_argument("--person", required=True, metavar="EMAIL", help="e-mail address of the user")
        parser.add_argument(
            "--chats",
            choices=list(ChatFilter),
            default=ChatFilter.MINE,
            help="messages of conversations to import: the user's (default), all, or none",
        )
        parser.add_argument(
            "--text-column",
            default="",
            metavar="NAME",
            help="column with the texts, for a table whose columns are not known",
        )
        parser.add_argument(
            "--keep-public", action="store_true", help="import memories that are public in the file as public"
        )
        parser.add_argument("--yes", action="store_true", help="run the import after the preview")

    def handle(
        self,
        *_: object,
        paths: list[str],
        person: str,
        chats: str,
        text_column: str,
        yes: bool,
        keep_public: bool,
        **__: object,
    ) -> None:
        actor = Actor(user=lookup.get_user_by_email(person), door=Channel.COMMAND)
        with acting_as_person(actor.person.pk):
            try:
                batch = self._stage_paths(actor, paths, ChatFilter(chats), text_column)
            except ValidationError as error:
                raise CommandError(_escape(" ".join(error.messages))) from None
            except ImportInProgress:
                raise CommandError(
                    "Another import of this user is in progress. Finish or undo it first."
                ) from None
            self._print_preview(batch)
            if not yes:
                import_run.discard_import(actor, batch.pk)
                self.stdout.write("Nothing was imported. Add --yes to run the import.")
                return
            try:
                batch = import_run.start_import(actor, batch.pk, publish=keep_public)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            while batch.state == ImportState.RUNNING:
                batch = import_run.advance_import(actor, batch.pk)
                self.stderr.write(f"{batch.done:,} of {batch.total:,}")
            if batch.ended_by:
                reason = ImportEndReason(batch.ended_by).label
                self.stdout.write(f"The import stopped after {batch.done:,} of {batch.total:,}. {reason}")
            self.stdout.write(
                f"Imported {batch.done:,} memories. To undo, run `undo_import {batch.pk}` or use the import page."
            )

    def _stage_paths(
        self, actor: Actor, paths: list[str], chats: ChatFilter, text_column: str
    ) -> ImportBatch:
        with ExitStack() as stack:
            try:
                sources = [_open_source(path, stack) for path in paths]
                return stage_import(
                    actor, sources, chats=chats, text_column=text_column, on_progress=self._print_progress
                )
            except OSError as error:
                raise CommandError(f"Cannot read {error.filename}: {error.strerror}") from None

    def _print_progress(self, count: int) -> None:
        if count:
            self.stderr.write(f"{count:,} read")

    def _print_preview(self, batch: ImportBatch) -> None:
        counts = batch.counts
        self.stdout.write(f"Format: {get_kind_label(batch.format)}")
        self.stdout.write(f"new: {counts['new']:,}")
        self.stdout.write(f"changed: {counts['changed']:,}")
        self.stdout.write(f"duplicates: {counts['duplicate']:,}")
        for reason, count in counts["skipped"].items():
            self.stdout.write(f"skipped, {REASONS[reason]}: {count:,}")
        for note, count in counts["notes"].items():
            self.stdout.write(f"imported {NOTES[note]}: {count:,}")
        for report in load_reports(batch.report):
            self.stdout.write(_describe_file(report))
        for text in import_run.get_sample(batch):
            self.stdout.write(f"sample: {_escape(' '.join(text.split()))}")


def _describe_file(report: FileReport) -> str:
    """Return a line on what comes of a file, and what does not and why."""
    name = f"{report.files:,} more files" if report.files > 1 else _escape(report.name) or "text"
    counts = [f"{count:,} {kind}" for kind, count in report.counts.items() if count]
    skipped = [f"{count:,} skipped ({REASONS[reason]})" for reason, count in report.skipped.items()]
    line = f"file: {name} [{get_kind_label(report.kind)}]: {', '.join([*counts, *skipped]) or 'nothing'}"
    columns = ", ".join(map(_escape, report.columns))
    return f"{line}; columns: {columns}" if columns else line


def _escape(text: str) -> str:
    """Return a text of a file for the terminal, which obeys control characters."""
    return UNSHOWABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _open_source(path: str, stack: ExitStack) -> Source:
    """Return a folder as it is, and any other path as an open file, which `stack` closes."""
    if path == "-":
        return NamedFile(stack.enter_context(_spool_stream(sys.stdin.buffer)))
    if Path(path).is_dir():
        return Path(path)
    return NamedFile(stack.enter_context(Path(path).open("rb")), Path(path).name)


def _spool_stream(stream: IO[bytes]) -> IO[bytes]:
    """Copy standard input to a temporary file, since readers open it more than once."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while data := stream.read(1_000_000):
        file.write(data)
    file.seek(0)
    return file
