"""The headings above a memory: tags of it, or what leads it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.chatter import is_closing, is_opening
from memories.portability.readers.texts.lines import clean_heading, strip_lead_in
from memories.portability.readers.texts.paragraphs import is_fragment
from memories.validation import limits

FIRST_OF_MARKS = 7  # levels from here on are lines in bold and the like, which may be memories
SEPARATOR = " > "


@dataclass
class _Heading:
    level: int
    text: str  # as it is told
    written: str
    is_item: bool = False  # an item of a list
    is_used: bool = False
    is_chatter: bool = False


class Headings:
    """The open headings, outermost first. leads: they lead each memory; else they are its tags."""

    def __init__(self, *, leads: bool) -> None:
        self._leads = leads
        self._open: list[_Heading] = []

    def open(self, level: int, text: str, *, is_item: bool = False) -> Iterator[ReadResult]:
        """Open a heading; yields what becomes of those that end without anything below them."""
        ended = [heading for heading in self._open if heading.level >= level]
        self._open = [heading for heading in self._open if heading.level < level]
        yield from self._end(ended)
        for heading in self._open:
            heading.is_used = True
        name = clean_heading(text)
        is_chatter = is_opening(text) or is_closing(text) or is_opening(f"{name}:")
        self._open.append(_Heading(level, name, strip_lead_in(text), is_item, is_chatter=is_chatter))

    def close(self) -> Iterator[ReadResult]:
        ended, self._open = self._open, []
        yield from self._end(ended)

    def leave_fence(self) -> None:
        """Keep the headings of a fenced list from what stands below the fence."""
        if any(heading.is_used for heading in self._open):
            self._open = []

    def _end(self, ended: list[_Heading]) -> Iterator[ReadResult]:
        for heading in ended:
            if heading.is_chatter:
                yield SkippedEntry("chatter")
            elif not heading.is_used and heading.level >= FIRST_OF_MARKS:
                yield self._lead(ImportItem(heading.written), is_whole=False)
            elif not heading.is_used:
                yield SkippedEntry("blank")

    def apply(self, item: ImportItem, *, is_whole: bool) -> ImportItem:
        """Return a memory with the headings above it. is_whole: its text makes sense without them."""
        for heading in self._open:
            heading.is_used = True
        return self._lead(item, is_whole=is_whole)

    def _lead(self, item: ImportItem, *, is_whole: bool) -> ImportItem:
        names = list(dict.fromkeys(heading.text for heading in self._open if not heading.is_chatter))
        if not names:
            return item
        if self._leads:
            return replace(item, text=f"{SEPARATOR.join(names)}: {item.text}")
        tags = tuple(name for name in names if len(name) <= limits.TAG_CHARACTERS)
        text = item.text
        if len(names[-1]) > limits.TAG_CHARACTERS or (is_fragment(text) and not is_whole):
            text = f"{names[-1]}: {text}"
        return replace(item, text=text, tags=(*item.tags, *tags))
