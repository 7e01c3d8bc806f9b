"""One entry of a list, with the lines below it, and the text that it gives."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum

from memories.portability.readers.texts.lines import (
    BOLD,
    COLONS,
    CONTINUATION_INDENT,
    EVIDENCE,
    EVIDENCE_DATE,
    belongs_above,
    ends_sentence,
    get_item_text,
    measure_indent,
    strip_lead_in,
)
from memories.portability.readers.texts.paragraphs import FRAGMENT_CHARACTERS
from memories.portability.readers.times import parse_time

END_CHARACTERS = 100  # of a line, which may be long and is looked at for each line below it


class EntryKind(StrEnum):
    DATED = "dated"
    ITEM = "item"
    BLOCK = "block"  # a text with code or a list in it
    PARAGRAPH = "paragraph"


@dataclass
class Entry:
    """An entry that is being read.

    indent: of its first line; the lines below it have more. is_item: its date is behind the mark of an item.
    """

    kind: EntryKind
    indent: int = 0
    lines: list[str] = field(default_factory=list)
    size: int = 0
    created_at: datetime | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_item: bool = False
    is_numbered: bool = False

    @property
    def is_single_line(self) -> bool:
        """Whether it is a paragraph of one line, so far."""
        return self.kind is EntryKind.PARAGRAPH and len(self.lines) == 1

    def is_lead(self, words: int, after_blank: bool) -> bool:
        """Return whether it is a line that leads the items below it: "Kids:", or "Key principles" right above them."""
        if not self.is_single_line:
            return False
        line = self.lines[0].strip()
        return line.endswith(COLONS) or (
            not after_blank
            and not ends_sentence(line)
            and len(line.split()) <= words
            and len(line) <= FRAGMENT_CHARACTERS
        )

    @property
    def leads_below(self) -> bool:
        return "\n".join(self.lines).rstrip().endswith(COLONS)

    @property
    def takes_items(self) -> bool:
        """Whether items right below it without an indent belong to it: a dated entry may end with a colon."""
        if self.kind is EntryKind.BLOCK:
            return True
        end = self.lines[0][-END_CHARACTERS:].rstrip() if self.kind is EntryKind.DATED else ""
        return end.endswith(COLONS)

    @property
    def is_heading(self) -> bool:
        """Whether it is an item in bold with others below it, which may be without an indent if it has a number."""
        if self.kind is not EntryKind.ITEM or not BOLD.fullmatch(self.lines[0]):
            return False
        below = next((line for line in self.lines[1:] if line.strip()), None)
        if below is None:
            return self.is_numbered
        return get_item_text(below) is not None and not EVIDENCE.fullmatch(below)

    def dedent_lines(self) -> list[str]:
        """Return the lines below the first without the indent that they share."""
        lines = self.lines[1:]
        indent = min((measure_indent(line) for line in lines if line.strip()), default=0)
        return [_cut_indent(line, indent) for line in lines]

    def find_time(self, zone: tzinfo) -> datetime | None:
        """Return its time; without one, the date of the evidence below it."""
        if self.created_at is not None or self.kind is EntryKind.DATED:
            return self.created_at
        found = (EVIDENCE_DATE.search(line) for line in self.lines[1:] if belongs_above(line))
        return next((parse_time(match["date"], zone) for match in found if match), None)


def _cut_indent(line: str, indent: int) -> str:
    return line.expandtabs(4)[indent:] if "\t" in line[:indent] else line[indent:]


def build_text(entry: Entry) -> str:
    first = entry.lines[0]
    if entry.kind is EntryKind.DATED:
        below = [line.removeprefix(CONTINUATION_INDENT) for line in entry.lines[1:]]
        return "\n".join([first, *(entry.dedent_lines() if entry.is_item else below)]).strip()
    if entry.kind is EntryKind.BLOCK:
        return "\n".join(entry.lines).strip()
    first = strip_lead_in(first)
    below = [strip_lead_in(_strip_mark(line)) for line in entry.dedent_lines()]
    if joined := _join_short_items(first, below):
        return joined
    return "\n".join([first, *below]).strip()


def _strip_mark(line: str) -> str:
    """Remove the mark of an item and the stars of names in bold from a line with evidence."""
    if not belongs_above(line):
        return line
    return (get_item_text(line) or line).replace("**", "")


def _join_short_items(first: str, below: list[str]) -> str:
    """Return "Kids: Noor, Jef" for a line that ends with a colon and has only short items below it."""
    if not first.rstrip().endswith(COLONS):
        return ""
    texts = [get_item_text(line) if measure_indent(line) == 0 else None for line in below if line.strip()]
    names = [text for text in texts if text is not None]
    if not names or len(names) < len(texts) or not all(map(_is_short, names)):
        return ""
    return f"{first.rstrip()} {', '.join(names)}"


def join_short_lines(lines: list[str]) -> str:
    """Return "Kids: Noor, Jef" for a line that ends with a colon and only short ones below it; else nothing."""
    below = [line.strip() for line in lines[1:]]
    if not below or not all(map(_is_short, below)):
        return ""
    return f"{lines[0].strip()} {', '.join(below)}"


def _is_short(text: str) -> bool:
    return (
        len(text) <= FRAGMENT_CHARACTERS and not ends_sentence(text) and "," not in text and ":" not in text
    )
