"""Subcommands that import and export files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from picard_memory import pages
from picard_memory.commands.session import (
    Session,
    as_json,
    is_interactive,
    pass_session,
    write_json,
    write_note,
    write_text,
)
from picard_memory.errors import NoAccessError, PicardError

if TYPE_CHECKING:
    from picard_memory import Import, Memory, Picard

FORMATS = ["jsonl", "pam", "mem0", "mcp", "markdown", "csv", "text"]
NEEDS_ADMIN = "To import, create a token with memories:admin at {url}{page}, then: picard login {url} --token"


@click.command("import", short_help="Import files of other programs.")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--preview", is_flag=True, help="Show what would be imported, and import nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before importing.")
@click.option("--publish", is_flag=True, help="Keep memories public that are public in the file.")
@click.option(
    "--chats",
    type=click.Choice(["mine", "all", "none"]),
    help="From conversations: your messages, all, or none.",
)
@click.option(
    "--text-column", metavar="NAME", help="Column with the texts, if the table is of an unknown form."
)
@as_json
@pass_session
def import_files(
    session: Session,
    paths: tuple[str, ...],
    preview: bool,
    yes: bool,
    publish: bool,
    chats: str | None,
    text_column: str | None,
    as_json: bool,
) -> None:
    """Import exports of ChatGPT, Claude and many other programs, notes and tables: files, folders, or - for stdin.

    The format is detected. An import can be undone on the website.
    """
    with session.open_client(timeout=600) as picard, contextlib.ExitStack() as stack:
        files = [stack.enter_context(_open_upload(path)) for path in paths]
        try:
            staged = picard.preview_import(files, chats=chats, text_column=text_column)
        except NoAccessError as error:
            if error.code == "insufficient_scope":
                write_note(NEEDS_ADMIN.format(url=picard.url, page=pages.TOKENS))
            raise
        if not as_json:
            _write_preview(staged)
        if preview or not staged.total or not (yes or _confirm()):
            picard.discard_import(staged.id)
            if as_json:
                write_json(staged)
            return
        done = _run_import(picard, staged, publish=publish)
    if as_json:
        write_json(done)
    else:
        write_text(f"Imported {done.new} new and {done.changed} changed memories.")
    if done.ended_by:
        raise PicardError(
            "The import stopped: "
            + (
                "you have as many memories as the server allows."
                if done.ended_by == "room"
                else "this app lost access."
            )
        )


@click.command(short_help="Export all memories.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default stdout."
)
@pass_session
def export(session: Session, form: str, output: Path | None) -> None:
    """Export all memories, as a file that `picard import` reads.

    Without the scope memories:admin, only as JSON Lines and without earlier versions.
    """
    with session.open_client(timeout=600) as picard, _open_output(output) as file:
        chunks = picard.export(form)
        try:
            first = next(chunks, b"")
        except NoAccessError as error:
            if error.code != "insufficient_scope" or form != "jsonl":
                raise
            write_note("Exported without earlier versions, which need the scope memories:admin.")
            file.writelines(map(_format_line, picard.iter_memories()))
            return
        file.write(first)
        file.writelines(chunks)


@contextlib.contextmanager
def _open_upload(path: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of a file, of a folder as a zip, or of standard input."""
    if path == "-":
        with tempfile.SpooledTemporaryFile(max_size=10_000_000) as spooled:
            shutil.copyfileobj(sys.stdin.buffer, spooled)
            spooled.seek(0)
            yield "", spooled
        return
    place = Path(path)
    try:
        if place.is_dir():
            with tempfile.TemporaryFile() as packed:
                _pack_folder(place, packed)
                packed.seek(0)
                yield f"{place.resolve().name}.zip", packed
        else:
            with place.open("rb") as file:
                yield place.name, file
    except OSError as error:
        if error.filename is None:
            raise
        raise PicardError(f"{error.filename}: {error.strerror}.") from None


def _pack_folder(folder: Path, file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, path.relative_to(folder))


def _confirm() -> bool:
    """Ask at a terminal; a script that imports means it."""
    return not is_interactive() or click.confirm("Import?", default=True, err=True)


def _run_import(picard: Picard, staged: Import, *, publish: bool) -> Import:
    current = picard.run_import(staged.id, publish=publish)
    while current.state == "running":
        if sys.stderr.isatty():
            write_note(f"{current.done} of {current.total} …")
        current = picard.run_import(staged.id, publish=publish)
    return current


def _write_preview(staged: Import) -> None:
    write_note(
        f"{staged.new} new, {staged.changed} changed, {staged.duplicate} already there ({staged.format})."
    )
    for file in staged.files:
        counts = [f"{file.new} new"] if file.new else []
        counts += [f"{each.count} not imported: {each.reason}" for each in file.skipped]
        write_note(f"  {file.name or file.label}: {', '.join(counts) or file.label}")
    for text in staged.sample:
        write_note(f"  - {' '.join(text.split())}")


@contextlib.contextmanager
def _open_output(path: Path | None) -> Iterator[IO[bytes]]:
    """Yield standard output, or a file that appears when it is complete, and that only its user can read.

    A device or pipe is written, and never replaced; of a link, the file that it refers to is replaced.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    path = path.resolve()
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise PicardError(f"{path}: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _format_line(memory: Memory) -> bytes:
    """Return a memory as a line of Picard's JSON Lines (docs/moving.md)."""
    times: Iterable[tuple[str, object]] = [
        (name, value.isoformat() if (value := getattr(memory, name)) else None)
        for name in ("expires_at", "created_at", "updated_at")
    ]
    fields = ("id", "text", "visibility", "pinned", "version", "source", "supersedes")
    values = {name: getattr(memory, name) for name in fields}
    line = {"picard": 1, **values, "tags": list(memory.tags), **dict(times), "history": []}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
