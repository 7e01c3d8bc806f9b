"""Simplenote's export: `source/notes.json`, and each note as a text file beside it.

The shape is known from importers (Simplenote for Android reads it back).
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.json_values import Object, get_text, list_texts
from memories.portability.readers.times import pick_time

ACTIVE, TRASHED = "activeNotes", "trashedNotes"


def _read_notes(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for note in iterate_values(part, f"{ACTIVE}.item"):
        yield _parse_note(note, context) if isinstance(note, dict) else SkippedEntry("not_a_memory")
    if trashed := sum(1 for _note in iterate_values(part, f"{TRASHED}.item")):
        yield SkippedEntry("in_trash", trashed)


def _parse_note(note: Object, context: ReadContext) -> ReadResult:
    text = get_text(note, "content")
    if not text.strip():
        return SkippedEntry("blank")
    times = [note[key] for key in ("creationDate", "lastModified") if note.get(key)]
    created_at, notes = pick_time(times, context.zone)
    return ImportItem(
        text, list_texts(note.get("tags")), created_at, notes=notes, file_id=get_text(note, "id") or None
    )


def _is_export(start: PartStart) -> bool:
    return start.json.at(ACTIVE).is_list or (
        start.json.at(TRASHED).is_list and start.base_name == "notes.json"
    )


def _is_twin(start: PartStart) -> bool:
    """Return whether the same note is in notes.json: text files are beside its folder, in `trash` the deleted ones."""
    if start.suffix not in (".txt", ".md"):
        return False
    folder = start.path.rpartition("/")[0]
    roots = (folder, folder.removesuffix("trash").rstrip("/"))
    names = (f"{root}/{name}".lstrip("/") for root in roots for name in ("source/notes.json", "notes.json"))
    notes = map(start.parts.get, names)
    return any(part is not None and _is_export(PartStart(part)) for part in notes)


SIMPLENOTE = Format("simplenote", gettext_lazy("Simplenote export"), _is_export, _read_notes)
SIMPLENOTE_TWIN = RefusedKind(
    "simplenote_twin", gettext_lazy("note of the Simplenote export"), _is_twin, "same_content"
)
