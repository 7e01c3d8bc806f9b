"""Read a file for agents in blocks: each rule, paragraph, table or piece of code is a memory, led by its headings."""

import re
from collections.abc import Iterator
from datetime import tzinfo

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.headings import SEPARATOR
from memories.portability.readers.texts.lines import get_heading
from memories.portability.readers.texts.memory_list import ListOptions, read_memory_list

QUOTE = re.compile(r"^>[ \t]?")
REFERENCE = re.compile(r"\s*(?:[-*]\s+)?@[\w~./-]{1,200}\s*")  # another file, which Claude Code reads with it
COMMENT_START, COMMENT_END = "<!--", "-->"


def read_blocks(
    body: str, zone: tzinfo, *, lead: str = "", drop_title: re.Pattern[str] | None = None
) -> Iterator[ReadResult]:
    """Yield the memories of a file. lead: leads each. drop_title: titles that say nothing."""
    lines = [QUOTE.sub("", line, count=1) for line in remove_comments(body).split("\n")]
    if references := sum(REFERENCE.fullmatch(line) is not None for line in lines):
        yield SkippedEntry("not_a_memory", references)
        lines = [line for line in lines if not REFERENCE.fullmatch(line)]
    title = next((number for number, line in enumerate(lines) if line.strip()), None)
    heading = None if title is None else get_heading(lines[title])
    if title is not None and heading and _says_nothing(heading[1], lead, drop_title):
        lines = lines[title + 1 :]
    options = ListOptions(zone=zone, headings_lead=True, is_document=True)
    for result in read_memory_list(lines, options):
        if isinstance(result, ImportItem) and lead and not result.text.startswith(lead):
            text = result.text
            yield replace_text(result, f"{lead}{SEPARATOR if ': ' in text[:200] else ': '}{text}")
        else:
            yield result


def _says_nothing(title: str, lead: str, drop_title: re.Pattern[str] | None) -> bool:
    if lead.casefold().startswith(title.casefold()):
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
