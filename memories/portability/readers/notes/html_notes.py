"""Notes as HTML files: Apple's Journal, exporters of Apple Notes, Evernote, Bear, Joplin.

Apple's Journal (https://support.apple.com/guide/iphone/iph4cad323fe) and exporters of Apple Notes are known from
importers. Of other HTML nothing is known: it is refused.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy
from lxml import html

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.html_tree import find_all, find_text, parse_html, to_html
from memories.portability.readers.notes.markdown.note import is_hidden
from memories.portability.readers.notes.markdown.note_text import (
    begins_with,
    build_text,
    choose_title,
    find_date,
    is_titleless,
    parse_name_date,
)
from memories.portability.readers.times import pick_time

HTML_SUFFIXES = frozenset({".html", ".htm"})
MEDIA_TYPES = ("photo", "video", "livephoto", "audio", "thirdpartymedia")
# What apps write into the head of notes that they export.
APP_MARKS = (
    'itemprop="title"', "<en-note", 'name="exporter-version"', "cocoa html writer", "bear-note-unique-identifier",
    'class="exported-note', 'content="evernote', 'content="upnote', 'content="apple notes',
)  # fmt: skip
FRAGMENT = re.compile(r"<(?:div|h[1-6]|p|ul|ol|b|i|u|span|font|blockquote)\b", re.IGNORECASE)
CREATED_NAMES = frozenset({"created", "bear-note-creation-date", "created-at", "creation-date", "date"})
TAG_NAMES = frozenset({"tags", "tag", "keywords"})
ATTACHMENT_TAGS = ("img", "en-media", "video", "audio", "object")


def _read_journal_entry(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read an entry of Apple's Journal: its date, title and text, and places and moods beside its photos."""
    root = parse_html(read_text(part))
    title, day = find_text(root, "title"), find_text(root, "pageHeader")
    grids = find_all(root, "assetGrid")
    items = [item for grid in grids for item in find_all(grid, "gridItem")]
    facts = [" ".join(item.text_content().split()) for item in items if not _is_media(item)]
    has_attachments = any(map(_is_media, items))
    for element in (*grids, *find_all(root, "pageHeader"), *find_all(root, "title")):
        element.drop_tree()
    text = build_text(title, html_to_text(to_html(root)), "\n".join(filter(None, facts)))
    if not text:
        yield SkippedEntry("no_text" if has_attachments else "blank")
        return
    created_at, notes = pick_time((part.stem[:10], day), context.zone)
    yield ImportItem(
        text, (), created_at, notes=(*notes, "attachments_dropped") if has_attachments else notes
    )


def _is_media(item: html.HtmlElement) -> bool:
    return any(f"assettype_{each}" in item.get("class", "").lower() for each in MEDIA_TYPES)


def _read_html_note(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    text = read_text(part)
    body = html_to_text(text)
    root = parse_html(text)
    has_attachments = any(True for tag in ATTACHMENT_TAGS for _each in root.iter(tag))
    if not body.strip():
        yield SkippedEntry("no_text" if has_attachments else "blank")
        return
    named = " ".join("".join(root.xpath("string(//title)")).split())
    title = choose_title(part, body, context.zone) if is_titleless(named) else named
    created_at, notes = pick_time(_list_meta(root, CREATED_NAMES), context.zone)
    if begins_with(body, title) or parse_name_date(title, context.zone)[1]:
        title = ""
    yield ImportItem(
        build_text(title, body),
        tuple(
            tag.strip() for value in _list_meta(root, TAG_NAMES) for tag in value.split(",") if tag.strip()
        ),
        created_at or find_date(part, context.zone),
        notes=(*notes, "attachments_dropped") if has_attachments else notes,
    )


def _list_meta(root: html.HtmlElement, names: frozenset[str]) -> list[str]:
    metas = (each for each in root.iter("meta") if isinstance(each.tag, str))
    return [
        each.get("content", "")
        for each in metas
        if (each.get("name") or each.get("itemprop") or "").lower() in names and each.get("content")
    ]


# --- Recognising ----------------------------------------------------------------------------------------


def _is_journal_entry(start: PartStart) -> bool:
    if start.suffix not in HTML_SUFFIXES or is_hidden(start):
        return False
    return 'class="pageHeader"' in start.text and (
        'class="bodyText"' in start.text or "assetGrid" in start.text
    )


def _is_journal_index(start: PartStart) -> bool:
    path = PurePosixPath(start.path)
    if path.suffix == ".json":
        return path.parent.name == "resources" and path.parent.parent.name.startswith("applejournal")
    return path.name == "index.html" and "Entries/" in start.text


def _is_html_note(start: PartStart) -> bool:
    if start.suffix not in HTML_SUFFIXES or not start.is_text or is_hidden(start):
        return False
    if FRAGMENT.match(start.text):
        return len(start.parts) > 1
    lowered = start.text[:20_000].lower().replace("'", '"')
    return any(mark in lowered for mark in APP_MARKS)


APPLE_JOURNAL = Format("apple_journal", gettext_lazy("Apple Journal"), _is_journal_entry, _read_journal_entry)
JOURNAL_INDEX = RefusedKind(
    "journal_index", gettext_lazy("list of entries"), _is_journal_index, "not_content"
)
HTML_NOTE = Format("html_note", gettext_lazy("Notes in HTML"), _is_html_note, _read_html_note)
