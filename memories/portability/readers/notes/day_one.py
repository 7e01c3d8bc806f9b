"""Day One's exports: JSON or text, a zip with a file for each journal, named after it, and the photos.

The shapes are known from importers; https://dayoneapp.com/guides tells how to export entries.
"""

import re
from collections.abc import Iterator

import orjson
from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values, make_entry_too_large_error
from memories.portability.files.parts import Part
from memories.portability.files.streams import MAX_TEXT_BYTES, read_lines
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
FIELD = re.compile(
    r"\t(?P<key>Date|Weather|Location|Tags|Photos?|Videos?|Audios?|PDFs?|Starred):\t(?P<value>.*)"
)
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
    text = ESCAPED.sub(r"\1", MEDIA.sub("", get_text(entry, "text") or _read_rich_text(entry))).strip()
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


def _read_rich_text(entry: Object) -> str:
    """Return the text of an entry that has only the form with its styles."""
    try:
        value = orjson.loads(get_text(entry, "richText") or "{}")
    except orjson.JSONDecodeError:
        return ""
    contents = value.get("contents") if isinstance(value, dict) else None
    pieces = contents if isinstance(contents, list) else []
    return "".join(get_text(each, "text") for each in pieces if isinstance(each, dict))


def _format_place(location: Object) -> str:
    names = dict.fromkeys(filter(None, (get_text(location, key) for key in PLACE_KEYS)))
    return PLACE + ", ".join(names) if names else ""


# --- Text -----------------------------------------------------------------------------------------------


def _read_text_journal(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read entries that begin with lines such as `<tab>Date:<tab>January 5, 2024 at 10:12:13 AM GMT+1`."""
    fields: dict[str, str] = {}
    lines: list[str] = []
    length = 0
    for line in read_lines(part):
        match = FIELD.fullmatch(line)
        if match and match["key"] == "Date":
            yield from _build_text_entry(fields, lines, part.stem, context)
            fields, lines, length = {}, [], 0
        if match and not lines:
            fields[match["key"]] = match["value"].strip()
        elif line.strip() or lines:
            lines.append(line)
            length += len(line) + 1
            if length > MAX_TEXT_BYTES:
                raise make_entry_too_large_error()
    yield from _build_text_entry(fields, lines, part.stem, context)


def _build_text_entry(
    fields: dict[str, str], lines: list[str], journal: str, context: ReadContext
) -> Iterator[ReadResult]:
    place = fields.get("Location", "")
    tags = (tag.strip() for tag in fields.get("Tags", "").split(","))
    text = build_text("", "\n".join(lines), PLACE + place if place and lines else "")
    if not text:
        yield from [SkippedEntry("no_text")] if fields else []
        return
    created_at, notes = pick_time(
        [fields["Date"].replace(" at ", " ")] if "Date" in fields else [], context.zone
    )
    yield ImportItem(text, (journal, *filter(None, tags)), created_at, notes=notes)


def _is_journal(start: PartStart) -> bool:
    entries = start.json.at("entries", ITEMS)
    return entries.has("creationDate") and (entries.has("uuid") or entries.has("text"))


LABEL = gettext_lazy("Day One journal")
DAY_ONE = Format("day_one", LABEL, _is_journal, _read_journal)
DAY_ONE_TEXT = Format(
    "day_one",
    LABEL,
    lambda start: start.data.lstrip(b"\xef\xbb\xbf\r\n").startswith(b"\tDate:\t"),
    _read_text_journal,
)
