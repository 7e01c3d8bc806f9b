"""Read a file for agents in blocks: each rule, paragraph, table or piece of code is a memory, led by its headings."""

import re
from collections.abc import Iterator
from datetime import tzinfo

from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.texts.headings import SEPARATOR
from memories.portability.readers.texts.lines import HEADING
from memories.portability.readers.texts.memory_list import ListOptions, read_memory_list

COMMENT_START, COMMENT_END = "<!--", "-->"


def read_blocks(
    body: str, zone: tzinfo, *, lead: str = "", drop_title: re.Pattern[str] | None = None
) -> Iterator[ReadResult]:
    """Yield the memories of a file. lead: leads each. drop_title: titles that say nothing."""
    lines = remove_comments(body).split("\n")
    title = next((number for number, line in enumerate(lines) if line.strip()), 0)
    match = HEADING.fullmatch(lines[title])
    if match and _says_nothing(match["text"] or "", lead, drop_title):
        lines = lines[title + 1 :]
    options = ListOptions(zone=zone, headings_lead=True, is_document=True)
    for result in read_memory_list(lines, options):
        if isinstance(result, ImportItem) and lead and not result.text.startswith(lead):
            text = result.text
            yield replace_text(result, f"{lead}{SEPARATOR if ': ' in text[:200] else ': '}{text}")
        else:
            yield result


def _says_nothing(title: str, lead: str, drop_title: re.Pattern[str] | None) -> bool:
    if lead and title.strip().casefold() == lead.casefold():
        return True
    return drop_title is not None and drop_title.fullmatch(title) is not None


def replace_text(item: ImportItem, text: str) -> ImportItem:
    return ImportItem(text, item.tags, item.created_at, notes=item.notes)


def remove_comments(text: str) -> str:
    """Return a text without HTML comments, in linear time."""
    kept: list[str] = []
    while True:
        before, mark, after = text.partition(COMMENT_START)
        kept.append(before)
        comment, end, text = after.partition(COMMENT_END)
        if not mark or not end:
            return "".join([*kept, mark, comment] if mark else kept)
