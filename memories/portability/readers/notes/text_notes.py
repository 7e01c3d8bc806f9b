"""Notes in text files, one each: Apple Notes as Apple gives them out, Shortcuts, and other apps.

Apple's archive of a person's data (privacy.apple.com) has `Notes/<folders>/<title>/<title>.txt`, and the dates in
`Notes Details.csv`; the shape is known from importers.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import islice
from os.path import commonpath
from pathlib import PurePosixPath

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_lines, read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.note import build_note, is_hidden
from memories.portability.readers.notes.markdown.note_text import begins_with, squash
from memories.portability.readers.notes.markdown.properties import NoteProperties
from memories.portability.readers.times import parse_time

TEXT_SUFFIXES = (".txt", ".text")
DETAILS = "notes details.csv"
APPLE_LISTS = frozenset({DETAILS, "shared notes info.csv", "subscribed notes info.csv"})
US_DATE = re.compile(r"(\d\d)-(\d\d)-(\d{4})(.*)")  # as Apple writes it
TRASH_FOLDERS = frozenset(
    {".trash", "trash", "_trash", ".recycle", "recently deleted", "icloud-recently-deleted", "deleted notes"}
)
ROOT_FOLDERS = frozenset(
    {"notes", "icloud", "icloud notes", "export", "exported notes", "on my mac", "all icloud"}
)
MAX_OTHERS = 10_000  # files that are looked at for others of a kind
MAX_FOLDERS = 20
MAX_DETAILS = 200_000
NOTE_SUFFIXES = frozenset({".md", ".markdown", ".txt", ".text", ".html", ".htm", ".org"})


def _read_text_note(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a note as one memory, tagged with the folders that it is in."""
    text = read_text(part)
    if not text.strip():
        yield SkippedEntry("blank")
        return
    created = _load_details(part, context)
    about = NoteProperties(
        tags=tuple(_list_folders(part, context)),
        created_at=created.get(squash(PurePosixPath(part.name).parent.name))
        or created.get(squash(part.stem)),
    )
    yield from build_note(part, about, text.strip("\n"), context.zone)


def _load_details(part: Part, context: ReadContext) -> dict[str, datetime]:
    path = _find_details(part.path, context.parts)
    if not path:
        return {}
    return context.remember(f"notes {path}", lambda: _read_details(context.parts[path], context.zone))


def _list_folders(part: Part, context: ReadContext) -> Iterator[str]:
    """Yield the names of the folders that a note is in, without those that all files are in."""
    root = context.remember("root of all files", lambda: _find_root(context.parts))
    folders = PurePosixPath(part.name).parts[:-1]
    if folders and begins_with(folders[-1], part.stem):
        folders = folders[:-1]  # the folder of the note and its attachments
    for folder in folders[len(PurePosixPath(root).parts) :][:MAX_FOLDERS]:
        if folder.casefold() not in ROOT_FOLDERS and not folder.lower().endswith(".zip"):
            yield folder


def _find_root(paths: Iterable[str]) -> str:
    folders = [str(PurePosixPath(path).parent) for path in paths]
    return commonpath(folders) if folders else ""


def _find_details(path: str, parts: Collection[str]) -> str:
    """Return the path of Apple's list of notes for a note; empty if there is none."""
    folder = path
    for _level in range(MAX_FOLDERS):
        folder = folder.rpartition("/")[0]
        if (name := f"{folder}/{DETAILS}".lstrip("/")) in parts:
            return name
    return ""


def _read_details(part: Part, zone: tzinfo) -> dict[str, datetime]:
    """Return when notes were created, by their titles; of several with one title the first."""
    created: dict[str, datetime] = {}
    try:
        rows = csv.DictReader((f"{line}\n" for line in read_lines(part)), skipinitialspace=True)
        for row in islice(rows, MAX_DETAILS):
            title, text = row.get("Title"), row.get("Created On") or row.get("Modified On") or ""
            if title and (time := parse_time(US_DATE.sub(r"\3-\1-\2\4", text.strip()), zone)):
                created.setdefault(squash(title), time)
    except (csv.Error, ValidationError):
        return created
    return created


# --- Recognising ----------------------------------------------------------------------------------------


def _is_text_note(start: PartStart) -> bool:
    """Return whether a text file is one of several, or in Apple's archive."""
    if start.suffix not in TEXT_SUFFIXES or not start.part.size or not start.is_text or is_hidden(start):
        return False
    if start.json.kinds or start.lines.kinds:
        return False
    others = (path for path in islice(start.parts, MAX_OTHERS) if path != start.path)
    return any(path.endswith(TEXT_SUFFIXES) for path in others) or bool(
        _find_details(start.path, start.parts)
    )


def _is_in_trash(start: PartStart) -> bool:
    return start.suffix in NOTE_SUFFIXES and not TRASH_FOLDERS.isdisjoint(start.path.split("/")[:-1])


TEXT_NOTE = Format("text_note", gettext_lazy("Text notes"), _is_text_note, _read_text_note)
NOTE_IN_TRASH = RefusedKind("trash", gettext_lazy("note in the trash"), _is_in_trash, "in_trash")
APPLE_LIST = RefusedKind(
    "apple_list", gettext_lazy("list of notes"), lambda start: start.base_name in APPLE_LISTS, "not_content"
)
