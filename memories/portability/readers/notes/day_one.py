"""Day One's JSON export: a zip with a file for each journal, named after it, and the photos.

The shape is known from importers; its keys are those of https://dayoneapp.com/guides (exporting entries).
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.json_values import Object, get_object, get_text, list_texts
from memories.portability.readers.notes.markdown.note_text import build_text
from memories.portability.readers.times import pick_time

MEDIA = re.compile(r"!\[[^\[\]\n]*\]\(dayone-moment:/[^()\n]*\)\n?")
ESCAPED = re.compile(
    r"\\([\\`*_{}\[\]()#+\-.!>~|<&'\":=])"
)  # Day One escapes what Markdown could take for markup
ATTACHMENT_KEYS = ("photos", "videos", "audios", "pdfAttachments")
PLACE_KEYS = ("placeName", "localityName", "administrativeArea", "country")
PLACE = "Place: "


def _read_journal(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for entry in iterate_values(part, "entries.item"):
        yield (
            _parse_entry(entry, part.stem, context)
            if isinstance(entry, dict)
            else SkippedEntry("not_a_memory")
        )


def _parse_entry(entry: Object, journal: str, context: ReadContext) -> ReadResult:
    text = ESCAPED.sub(r"\1", MEDIA.sub("", get_text(entry, "text"))).strip()
    has_attachments = any(entry.get(key) for key in ATTACHMENT_KEYS)
    if not text:
        return SkippedEntry("no_text" if has_attachments or entry.get("creationDate") else "blank")
    created_at, notes = pick_time(
        [entry[key] for key in ("creationDate", "modifiedDate") if key in entry], context.zone
    )
    return ImportItem(
        build_text("", text, _format_place(get_object(entry, "location"))),
        (journal, *list_texts(entry.get("tags"))),
        created_at,
        notes=(*notes, "attachments_dropped") if has_attachments else notes,
        file_id=get_text(entry, "uuid") or None,
    )


def _format_place(location: Object) -> str:
    names = dict.fromkeys(filter(None, (get_text(location, key) for key in PLACE_KEYS)))
    return PLACE + ", ".join(names) if names else ""


def _is_journal(start: PartStart) -> bool:
    entries = start.json.at("entries", ITEMS)
    return entries.has("creationDate") and (entries.has("uuid") or entries.has("text"))


DAY_ONE = Format("day_one", gettext_lazy("Day One journal"), _is_journal, _read_journal)
