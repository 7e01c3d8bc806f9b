"""Markdown notes: Obsidian and other apps, and Picard's own Markdown export. A note is a memory.

The properties of Obsidian are documented at https://help.obsidian.md/properties, its tags at
https://help.obsidian.md/tags, Joplin's front matter at https://joplinapp.org/help.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo

from django.utils.translation import gettext_lazy

from memories.models import Visibility
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.basic_memory import read_observations
from memories.portability.readers.notes.markdown.front_matter import Properties, Value, split_front_matter
from memories.portability.readers.notes.markdown.note_text import (
    begins_with,
    build_text,
    choose_title,
    drop_embedded,
    find_date,
    find_inline_tags,
    has_attachments,
    merge_tags,
)
from memories.portability.readers.notes.markdown.properties import (
    NoteProperties,
    normalise_key,
    read_properties,
    read_property_lines,
)
from memories.portability.readers.notes.obsidian_tags import TAG_NAMES, restore_names
from memories.portability.readers.times import parse_expiry, parse_time

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})
TEXT_SUFFIXES = frozenset({"", ".txt", ".text"})
OWN_KEYS = frozenset({"id", "created_at", "visibility"})  # always there in Picard's export
OTHER_OWN_KEYS = frozenset({"updated_at", "tags", TAG_NAMES, "expires_at", "supersedes", "pinned"})

DRAWING_PARTS = re.compile(r"^(?:%%|#{1,2} (?:Drawing|Embedded Files|Element Links))\s*$", re.MULTILINE)
DRAWING_NOISE = re.compile(r"^(?:==.*==|#{1,2} (?:Excalidraw Data|Text Elements))\s*$", re.MULTILINE)
MARKS = " \t\r\n-*_+=#>[]|~`"  # a note of nothing else is empty
BOARD_SETTINGS = "%% kanban:settings"
BLOCK_ID = re.compile(r" \^[\w-]{4,20}$", re.MULTILINE)


def read_markdown_note(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a note as one memory, tagged by its properties and its inline #tags."""
    properties, body = split_front_matter(read_text(part))
    if properties.keys() >= OWN_KEYS:
        yield from _read_own_note(properties, body, context.zone)
        return
    about = _add_property_lines(read_properties(properties, context.zone), body, context.zone)
    keys = {normalise_key(key) for key in properties}
    if "excalidrawplugin" in keys:
        body = BLOCK_ID.sub("", DRAWING_NOISE.sub("", DRAWING_PARTS.split(body)[0])).strip()
        about = replace(about, notes=(*about.notes, "attachments_dropped"))
    if "kanbanplugin" in keys:
        body = body.partition(BOARD_SETTINGS)[0].rstrip()
    if "permalink" in keys:
        rest = yield from read_observations(part, about, body, context.zone)
        if not rest and body.strip() and not about.lines:
            return  # all of it was observations
        body = rest
    yield from build_note(part, about, body, context.zone, file_id=_get_text(properties, "id"))
    own_id, older = _get_text(properties, "id"), _get_text(properties, "supersedes")
    if own_id and older:
        yield ImportLink(own_id, older)


def _add_property_lines(about: NoteProperties, body: str, zone: tzinfo) -> NoteProperties:
    """Add tags and a date that are lines below the heading, as some exporters write them; the text keeps them."""
    heading, _end, rest = body.lstrip("\n").partition("\n")
    if not heading.startswith("# "):
        return about
    block = rest.lstrip("\n").partition("\n\n")[0].replace("*", "")
    found = read_properties(read_property_lines(block), zone, own_names=True)
    return replace(about, tags=about.tags or found.tags, created_at=about.created_at or found.created_at)


def build_note(
    part: Part,
    about: NoteProperties,
    body: str,
    zone: tzinfo,
    *,
    file_id: str | None = None,
    tagged: str | None = None,
) -> Iterator[ReadResult]:
    """Yield the memory of a note: its title, the facts of its properties, and its body.

    tagged: in which inline tags are found, if that is not the body.
    """
    lines = "\n".join(about.lines)
    notes = ("attachments_dropped",) if has_attachments(body) else ()
    if (text := drop_embedded(body)) != body:
        body, notes = text.strip(), ("attachments_dropped",)
    if not body.strip(MARKS) and not lines:
        yield SkippedEntry("blank")
        return
    try:
        expires_at = parse_expiry(about.expires or None, zone)
    except ValueError:
        yield SkippedEntry("unread_expiry")
        return
    title = about.title or choose_title(part, body, zone)
    yield ImportItem(
        build_text("" if begins_with(body, title) else title, lines, body),
        merge_tags(about.tags, tuple(find_inline_tags(body if tagged is None else tagged))),
        about.created_at or find_date(part, zone),
        expires_at=expires_at,
        updated_at=about.updated_at,
        file_id=file_id,
        notes=tuple(dict.fromkeys((*about.notes, *notes))),
    )


def _read_own_note(properties: Properties, body: str, zone: tzinfo) -> Iterator[ReadResult]:
    """Read a note that Picard exported: its text is all of the body, and its tags are those of the properties."""
    try:
        expires_at = parse_expiry(_get_text(properties, "expires_at"), zone)
    except ValueError:
        yield SkippedEntry("unread_expiry")
        return
    if not body.strip():
        yield SkippedEntry("blank")
        return
    own_id, visibility = _get_text(properties, "id"), _get_text(properties, "visibility")
    tags, names = _list_texts(properties.get("tags", [])), _list_texts(properties.get(TAG_NAMES, []))
    yield ImportItem(
        body.strip("\n"),
        restore_names(tags, names) if names else tags,
        parse_time(_get_text(properties, "created_at"), zone),
        visibility=visibility if visibility in Visibility.values else Visibility.PRIVATE.value,
        expires_at=expires_at,
        pinned=True if _get_text(properties, "pinned") == "true" else None,
        updated_at=parse_time(_get_text(properties, "updated_at"), zone),
        file_id=own_id,
        notes=("fields_dropped",) if properties.keys() - OWN_KEYS - OTHER_OWN_KEYS else (),
    )
    if own_id:
        yield from (ImportLink(own_id, older) for older in _list_texts(properties.get("supersedes", "")))


def _list_texts(value: Value) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    return tuple(each for each in values if isinstance(each, str) and each)


def _get_text(properties: Properties, key: str) -> str | None:
    value = properties.get(key)
    return value.strip() or None if isinstance(value, str) else None


# --- Recognising ----------------------------------------------------------------------------------------


def is_hidden(start: PartStart) -> bool:
    """Return whether a file is in a hidden folder, such as `.obsidian`."""
    return "/." in f"/{start.path}" or "__macosx/" in start.path


def _is_markdown(start: PartStart) -> bool:
    if not start.part.size or not start.is_text or is_hidden(start):
        return False
    if start.suffix in MARKDOWN_SUFFIXES:
        return True
    return start.suffix in TEXT_SUFFIXES and bool(split_front_matter(start.text.replace("\r\n", "\n"))[0])


MARKDOWN = Format("markdown", gettext_lazy("Markdown notes"), _is_markdown, read_markdown_note)
