"""Roam Research's JSON export: a list of pages, each an outline of blocks.

The shape is known from importers.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.json_values import Object, get_text, list_objects
from memories.portability.readers.notes.markdown.note_text import (
    build_text,
    find_inline_tags,
    has_attachments,
    merge_tags,
    parse_name_date,
)
from memories.portability.readers.times import pick_time

TIME_KEYS = ("create-time", ":create/time", "edit-time", ":edit/time")
INDENT = "  "
TASKS = {"{{[[TODO]]}}": "[ ]", "{{[[DONE]]}}": "[x]", "{{TODO}}": "[ ]", "{{DONE}}": "[x]"}
TASK = re.compile("|".join(map(re.escape, TASKS)))
MAX_INDENT = 20


def _read_pages(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for page in iterate_values(part, "item"):
        yield _parse_page(page, context) if isinstance(page, dict) else SkippedEntry("not_a_memory")


def _parse_page(page: Object, context: ReadContext) -> ReadResult:
    title, blocks = get_text(page, "title").strip(), list(_list_blocks(page))
    body = "\n".join(f"{INDENT * depth}- {text}" for depth, text, _block in blocks)
    if not body:
        return SkippedEntry("blank")
    day, is_daily = parse_name_date(title, context.zone)
    created_at, notes = (day, ()) if is_daily else _pick_page_time(page, blocks, context)
    return ImportItem(
        build_text("" if is_daily else title, body),
        merge_tags(tuple(find_inline_tags(body))),
        created_at,
        notes=(*notes, "attachments_dropped") if has_attachments(body) else notes,
        file_id=get_text(page, "uid") or None,
    )


def _list_blocks(page: Object) -> Iterator[tuple[int, str, Object]]:
    """Yield depth, text and block in order; a block without text has no line of its own."""
    pending = [(0, block) for block in list_objects(page.get("children"))][::-1]
    while pending:
        depth, block = pending.pop()
        if text := TASK.sub(
            lambda found: TASKS[found[0]], get_text(block, "string", ":block/string")
        ).strip():
            yield min(depth, MAX_INDENT), text, block
        pending += [(depth + 1, each) for each in list_objects(block.get("children"))][::-1]


def _pick_page_time(
    page: Object, blocks: list[tuple[int, str, Object]], context: ReadContext
) -> tuple[datetime | None, tuple[str, ...]]:
    values = [page[key] for key in TIME_KEYS if key in page]
    first = blocks[0][2]
    return pick_time(values or [first[key] for key in TIME_KEYS if key in first], context.zone)


def _is_graph(start: PartStart) -> bool:
    pages = start.json.at(ITEMS)
    return pages.has("title", "children") and pages.at("children", ITEMS).has("string")


ROAM = Format("roam", gettext_lazy("Roam Research export"), _is_graph, _read_pages)
