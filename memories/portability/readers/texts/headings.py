"""The headings above a memory: tags of it, or what leads it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.chatter import is_closing, is_opening, is_title
from memories.portability.readers.texts.lines import DATE_LINE, clean_heading, strip_lead_in
from memories.portability.readers.texts.paragraphs import is_fragment
from memories.portability.readers.times import parse_time
from memories.validation import limits

# Levels of headings: 1 to 6 as in Markdown, and those of lines that may be memories themselves.
BOLD_LEVEL, ITALIC_LEVEL, LABEL_LEVEL, ITEM_LEVEL = 7, 8, 9, 10
SEPARATOR = " > "
MAX_HELD = 1_000  # headings without anything below them


@dataclass
class _Heading:
    level: int
    text: str  # as it is told
    written: str
    is_used: bool = False
    is_chatter: bool = False
    time: datetime | None = None  # of a heading that is a date


class Headings:
    """The open headings, outermost first. leads: they lead each memory; else they are its tags."""

    def __init__(self, zone: tzinfo, *, leads: bool) -> None:
        self._zone = zone
        self._leads = leads
        self._open: list[_Heading] = []
        self._unused: list[str] = []
        self._unused_count = 0

    def open(self, level: int, text: str) -> Iterator[ReadResult]:
        """Open a heading; yields what becomes of those that end without anything below them."""
        yield from self.end(level)
        for heading in self._open:
            heading.is_used = True
        name = clean_heading(text)
        is_chatter = not self._leads and (
            is_opening(text) or is_closing(text) or is_opening(f"{name}:") or is_title(name)
        )
        time = parse_time(name, self._zone) if DATE_LINE.fullmatch(name) else None
        self._open.append(_Heading(level, name, strip_lead_in(text), is_chatter=is_chatter, time=time))

    def end(self, level: int) -> Iterator[ReadResult]:
        """End the headings from a level on, the innermost first."""
        while self._open and self._open[-1].level >= level:
            heading = self._open.pop()
            if heading.is_chatter:
                yield SkippedEntry("chatter")
            elif not heading.is_used and heading.level >= BOLD_LEVEL:
                yield self.apply(ImportItem(heading.written), is_whole=False)
            elif not heading.is_used:
                self._unused_count += 1
                if self._unused_count <= MAX_HELD:
                    self._unused.append(heading.text)

    def end_labels(self) -> Iterator[ReadResult]:
        """End the headings that lead only the list right below them."""
        return self.end(LABEL_LEVEL)

    def close(self, *, keep: bool) -> Iterator[ReadResult]:
        """End all. keep: there are no other memories, so that headings with nothing below them are some."""
        yield from self.end(0)
        if keep:
            yield from map(ImportItem, self._unused)
            self._unused_count -= len(self._unused)
        if self._unused_count:
            yield SkippedEntry("blank", self._unused_count)

    def leave_fence(self) -> Iterator[ReadResult]:
        """Keep the headings within a fence from what stands below it."""
        return self.end(0) if any(heading.is_used for heading in self._open) else iter(())

    def apply(self, item: ImportItem, *, is_whole: bool) -> ImportItem:
        """Return a memory with the headings above it. is_whole: its text makes sense without them."""
        for heading in self._open:
            heading.is_used = True
        return self._lead(item, is_whole=is_whole)

    def _lead(self, item: ImportItem, *, is_whole: bool) -> ImportItem:
        told = [heading for heading in self._open if not heading.is_chatter]
        if item.created_at is None:
            item = replace(item, created_at=next((each.time for each in reversed(told) if each.time), None))
        names = list(dict.fromkeys(heading.text for heading in told if heading.time is None))
        if not names:
            return item
        if self._leads:
            gap = "\n" if item.text.startswith("```") else " "
            return replace(item, text=f"{SEPARATOR.join(names)}:{gap}{item.text}")
        tags = tuple(name for name in names if len(name) <= limits.TAG_CHARACTERS)
        text = item.text
        if len(names[-1]) > limits.TAG_CHARACTERS or (is_fragment(text) and not is_whole):
            text = f"{names[-1]}: {text}"
        return replace(item, text=text, tags=(*item.tags, *tags))
