"""Joplin's RAW export: a file for each note, notebook, tag and link between them, with its fields at the end.

The shape is that of its JEX files, documented at https://joplinapp.org/help/dev/spec/jex.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.note import build_note
from memories.portability.readers.notes.markdown.properties import NoteProperties
from memories.portability.readers.times import pick_time

NAME = re.compile(r"[0-9a-f]{32}\.md")
FIELD = re.compile(r"(?P<key>[a-z_]{2,40}): ?(?P<value>.*)")
NOTE, NOTEBOOK, TAG, NOTE_TAG = "1", "2", "5", "6"
MAX_FIELDS = 100
MAX_NOTEBOOK_DEPTH = 10


def _read_item(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    text, fields = _split_fields(read_text(part))
    if fields.get("type_") != NOTE:
        yield SkippedEntry("not_content")
        return
    if fields.get("deleted_time", "0") not in ("", "0"):
        yield SkippedEntry("in_trash")
        return
    if fields.get("encryption_applied") == "1" or fields.get("is_conflict") == "1":
        yield SkippedEntry("unreadable" if fields.get("encryption_applied") == "1" else "backup")
        return
    title, _end, body = text.partition("\n")
    if not body.strip() and title.strip():
        title, body = "", title
    values = (fields.get("user_created_time"), fields.get("created_time"))
    created_at, notes = pick_time(values, context.zone)
    address = fields.get("source_url", "")
    about = NoteProperties(
        title=title.strip(),
        tags=tuple(_list_tags(part, fields, context)),
        created_at=created_at,
        notes=notes,
        lines=(address,) if address and address not in body else (),
    )
    yield from build_note(part, about, body.strip("\n"), context.zone)


def _split_fields(text: str) -> tuple[str, dict[str, str]]:
    """Return what is before the fields, and the fields: the last lines, each `key: value`."""
    lines = text.rstrip().split("\n")
    at = len(lines)
    fields: dict[str, str] = {}
    while at and len(fields) < MAX_FIELDS and (match := FIELD.fullmatch(lines[at - 1])):
        fields.setdefault(match["key"], match["value"].strip())
        at -= 1
        if match["key"] == "id":
            break
    return "\n".join(lines[:at]), fields


def _list_tags(part: Part, fields: dict[str, str], context: ReadContext) -> Iterator[str]:
    """Yield the names of the notebooks that a note is in, outermost first, and of its tags."""
    folder = PurePosixPath(part.path).parent
    titles, tags = context.remember(f"joplin {folder}", lambda: _index_items(folder, context))
    path: list[str] = []
    at = fields.get("parent_id", "")
    while at in titles and len(path) < MAX_NOTEBOOK_DEPTH:
        title, at = titles[at]
        path.append(title)
    yield from reversed(path)
    yield from (titles[tag][0] for tag in tags.get(fields.get("id", ""), ()) if tag in titles)


def _index_items(
    folder: PurePosixPath, context: ReadContext
) -> tuple[dict[str, tuple[str, str]], dict[str, list[str]]]:
    """Return the titles and parents of notebooks and tags by id, and the tags of notes by the note's id."""
    titles: dict[str, tuple[str, str]] = {}
    tags: dict[str, list[str]] = {}
    for path, part in context.parts.items():
        if PurePosixPath(path).parent != folder or not NAME.fullmatch(part.base_name):
            continue
        try:
            text, fields = _split_fields(read_text(part))
        except ValidationError:
            continue
        if fields.get("type_") in (NOTEBOOK, TAG):
            titles[fields.get("id", "")] = (text.partition("\n")[0].strip(), fields.get("parent_id", ""))
        elif fields.get("type_") == NOTE_TAG:
            tags.setdefault(fields.get("note_id", ""), []).append(fields.get("tag_id", ""))
    return titles, tags


def _is_item(start: PartStart) -> bool:
    return NAME.fullmatch(start.base_name) is not None and "id: " in start.text


JOPLIN = Format("joplin", gettext_lazy("Joplin export"), _is_item, _read_item)
