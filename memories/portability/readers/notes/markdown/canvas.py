"""Canvases of Obsidian: JSON with cards, of which those with text are memories (https://jsoncanvas.org/spec/1.0)."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.note_text import (
    find_date,
    find_inline_tags,
    has_attachments,
    merge_tags,
)


def _read_cards(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    created_at = find_date(part, context.zone)
    for card in iterate_values(part, "nodes.item"):
        text = card.get("text") if isinstance(card, dict) else None
        if isinstance(text, str) and text.strip():
            notes = ("attachments_dropped",) if has_attachments(text) else ()
            yield ImportItem(text, merge_tags(tuple(find_inline_tags(text))), created_at, notes=notes)
        elif isinstance(card, dict):
            yield SkippedEntry("blank" if card.get("type") == "text" else "no_personal_text")
        else:
            yield SkippedEntry("not_a_memory")


def _is_canvas(start: PartStart) -> bool:
    shape = start.json
    cards = shape.at("nodes", ITEMS)
    return shape.at("edges").is_list and cards.has("id", "type", "x", "y") and cards.has("text")


CANVAS = Format("canvas", gettext_lazy("Obsidian canvas"), _is_canvas, _read_cards)
