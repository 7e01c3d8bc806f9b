"""Markdown that mem0's plugins for coding agents export: a block with properties for each memory.

Source: the export skill of mem0's plugin (mem0-export-<project>-<date>.md): id, created_at, type, confidence, branch,
files and categories between lines "---", then the text.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.properties import get_text, parse_properties
from memories.portability.readers.times import pick_time

RULE = "---"
PROPERTY = re.compile(r"[A-Za-z_][\w -]{0,40}:(?:\s.*)?")
TEXT_SUFFIXES = (".md", ".markdown", ".txt", "")


def _split_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the properties and the text of each block; a rule within a text stays in it."""
    lines = text.strip().split("\n")
    starts = [number for number, line in enumerate(lines) if _is_block_start(lines, number)]
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines)
        close = next(place for place in range(start + 1, end) if lines[place].rstrip() == RULE)
        yield "\n".join(lines[start + 1 : close]), "\n".join(lines[close + 1 : end]).strip()


def _is_block_start(lines: list[str], number: int) -> bool:
    """Return whether a rule begins properties with an id and a time: "---", lines "key: value", "---"."""
    if lines[number].rstrip() != RULE:
        return False
    keys: set[str] = set()
    for line in lines[number + 1 : number + 30]:
        if line.rstrip() == RULE:
            return {"id", "created_at"} <= keys
        if not PROPERTY.fullmatch(line):
            return False
        keys.add(line.partition(":")[0])
    return False


def _is_export(start: PartStart) -> bool:
    if start.suffix not in TEXT_SUFFIXES or not start.text.startswith(RULE):
        return False
    blocks = list(_split_blocks(start.text.replace("\r\n", "\n")))
    named = start.base_name.startswith("mem0-export")
    return bool(blocks) and (named or len(blocks) > 1 or "confidence:" in blocks[0][0])


def _read_export(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for head, text in _split_blocks(read_text(part)):
        if not text:
            yield SkippedEntry("blank")
            continue
        properties = parse_properties(head) or {}
        created_at, notes = pick_time([properties.get("created_at")], context.zone)
        tags = [*get_text(properties, "categories").split(","), get_text(properties, "type")]
        dropped = get_text(properties, "files") or get_text(properties, "branch")
        yield ImportItem(
            text,
            tuple(tag.strip() for tag in tags if tag.strip()),
            created_at,
            file_id=get_text(properties, "id") or None,
            notes=(*notes, *(("fields_dropped",) if dropped else ())),
        )


MEM0_MARKDOWN = Format("mem0_markdown", gettext_lazy("mem0 export (Markdown)"), _is_export, _read_export)
