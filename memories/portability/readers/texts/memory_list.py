"""Read a list of memories: dated lines, items, lines and paragraphs, with headings and an assistant's sentences.

A list of this kind is what the import prompts of Claude ("[YYYY-MM-DD] - entry", headings, a code block) and of Gemini
(sections, "Evidence: …" below each entry) ask an assistant for, what is copied from the memory page of ChatGPT, and
Picard's own export as text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from memories.portability.files.json_stream import make_entry_too_large_error
from memories.portability.files.streams import MAX_TEXT_BYTES
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.chatter import is_closing, is_opening
from memories.portability.readers.texts.entries import Entry, EntryKind, build_text
from memories.portability.readers.texts.fences import is_list_in_fence, parse_json_block
from memories.portability.readers.texts.headings import Headings
from memories.portability.readers.texts.lines import (
    EVIDENCE,
    FENCE,
    RULE,
    TABLE_ROW,
    get_heading,
    get_item_text,
    measure_indent,
    parse_labelled,
)
from memories.portability.readers.texts.markdown_table import parse_table
from memories.portability.readers.texts.paragraphs import split_paragraph

MAX_LEAD_CHARACTERS = 60  # of a line that leads the items below it: "Kids:"
MAX_DEPTH = 5  # of items that are headings of those below them
PARAGRAPH_LINES = 2_000  # decided at once; a longer paragraph of short lines is read in pieces


@dataclass(frozen=True)
class ListOptions:
    """How a text is read.

    is_list: it has items or dated lines, so that free text around them may be an assistant's. dates_lead: entries begin
    with a date without brackets. headings_lead: headings lead each memory; else they are its tags, and lead only what
    is too short without.
    """

    zone: tzinfo = UTC
    is_list: bool = False
    dates_lead: bool = False
    headings_lead: bool = False


def read_memory_list(lines: Iterable[str], options: ListOptions) -> Iterator[ReadResult]:
    reader = _ListReader(options)
    for line in lines:
        yield from reader.read_line(line)
    yield from reader.finish()


@dataclass
class _Chatter:
    """Sentences of an assistant that were met; told as memories after all if there is nothing else."""

    openings: list[str] = field(default_factory=list)
    closings: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.openings) + len(self.closings)


class _ListReader:
    def __init__(self, options: ListOptions, headings: Headings | None = None, depth: int = 0) -> None:
        self._options = options
        self._headings = headings or Headings(leads=options.headings_lead)
        self._depth = depth
        self._entry: Entry | None = None
        self._after_blank = False
        self._fence: tuple[str, str, list[str]] | None = None  # its mark, language and lines
        self._table: list[str] = []
        self._chatter = _Chatter()
        self._has_memories = False

    def finish(self) -> Iterator[ReadResult]:
        yield from self._end_fence()
        yield from self._end_table()
        yield from self._end_entry()
        if not self._depth:
            yield from self._headings.close()
        if self._has_memories and self._chatter.count:
            yield SkippedEntry("chatter", self._chatter.count)
        elif self._chatter.count:
            yield from map(ImportItem, (*self._chatter.openings, *self._chatter.closings))

    def read_line(self, line: str) -> Iterator[ReadResult]:
        if self._fence is not None:
            yield from self._read_fenced_line(line)
            return
        if self._continues_entry(line):
            self._append(line)
            return
        if self._table or TABLE_ROW.fullmatch(line):
            if TABLE_ROW.fullmatch(line):
                self._table.append(line)
                return
            yield from self._end_table()
        if not line.strip():
            self._read_blank()
        elif fence := FENCE.fullmatch(line):
            self._fence = (fence["fence"], fence["info"].lower(), [])
        elif RULE.fullmatch(line):
            yield from self._read_rule(line)
        else:
            yield from self._read_text_line(line)
        self._after_blank = not line.strip()

    def _continues_entry(self, line: str) -> bool:
        """Return whether a line is indented more than the entry that it stands below."""
        entry = self._entry
        if entry is None or entry.kind is EntryKind.PARAGRAPH:
            return False
        return measure_indent(line) > entry.indent

    def _append(self, line: str) -> None:
        if self._entry is None:
            self._entry = Entry(EntryKind.PARAGRAPH)
        self._entry.lines.append(line)
        self._entry.size += len(line) + 1
        if self._entry.size > MAX_TEXT_BYTES:
            raise make_entry_too_large_error()

    def _read_blank(self) -> None:
        if self._entry is not None and self._entry.kind is not EntryKind.PARAGRAPH:
            self._append("")

    def _read_rule(self, line: str) -> Iterator[ReadResult]:
        entry = self._entry
        underlined = entry is not None and entry.kind is EntryKind.PARAGRAPH and len(entry.lines) == 1
        if entry is not None and underlined and "=" in line and not self._after_blank:
            self._entry = None
            yield from self._headings.open(1, entry.lines[0].strip())
        else:
            yield from self._end_entry()

    def _read_text_line(self, line: str) -> Iterator[ReadResult]:
        options, entry = self._options, self._entry
        labelled = parse_labelled(line, options.zone, dates_lead=options.dates_lead)
        item = get_item_text(line)
        if entry is not None and entry.kind is not EntryKind.PARAGRAPH and EVIDENCE.fullmatch(line):
            self._append(line)
        elif labelled is not None:
            yield from self._end_entry()
            kind = EntryKind.DATED if labelled.created_at or not labelled.label else EntryKind.ITEM
            self._start(kind, line, labelled.text)
            if self._entry is not None:
                self._entry.created_at, self._entry.notes = labelled.created_at, labelled.notes
                self._entry.tags = (labelled.label,) if labelled.label else ()
                self._entry.is_item = not line.startswith("[")
        elif (heading := get_heading(line)) and heading[1] and not (item and heading[0] > 6):
            yield from self._end_entry()
            yield from self._headings.open(*heading)
        elif item is not None:
            yield from self._start_item(line, item)
        else:
            yield from self._read_free_line(line)

    def _start(self, kind: EntryKind, line: str, text: str) -> None:
        self._entry = Entry(kind, measure_indent(line))
        self._append(text)

    def _start_item(self, line: str, item: str) -> Iterator[ReadResult]:
        entry = self._entry
        if (
            entry is not None
            and entry.kind is EntryKind.PARAGRAPH
            and entry.lines[-1].rstrip().endswith((":", "："))
        ):
            lead = entry.lines[-1].strip()
            if len(entry.lines) == 1 and not self._is_chatter(lead):
                if len(lead) <= MAX_LEAD_CHARACTERS:
                    self._entry = None
                    yield from self._headings.open(9, lead.strip("*_ :："))
                elif not self._after_blank:  # one text with a list in it
                    entry.kind, entry.indent = EntryKind.BLOCK, measure_indent(line)
                    self._append(line)
                    return
        elif entry is not None and entry.kind is EntryKind.BLOCK and not self._after_blank:
            self._append(line)
            return
        yield from self._end_entry()
        self._start(EntryKind.ITEM, line, item)

    def _read_free_line(self, line: str) -> Iterator[ReadResult]:
        entry = self._entry
        is_paragraph = entry is None or entry.kind is EntryKind.PARAGRAPH
        if entry is not None and not self._after_blank and not is_paragraph and not self._is_chatter(line):
            self._append(line)  # a line broken without an indent
            return
        if entry is not None and (self._after_blank or not is_paragraph):
            yield from self._end_entry()
        self._append(line if self._entry else line.lstrip())
        if self._entry is not None and len(self._entry.lines) == PARAGRAPH_LINES:
            units = split_paragraph(self._entry.lines)
            if len(units) > 1:
                *whole, last = units
                self._entry = Entry(EntryKind.PARAGRAPH, lines=last.split("\n"), size=len(last))
                for unit in whole:
                    yield from self._emit_unit(unit)

    # --- Fences and tables --------------------------------------------------------------------------------

    def _read_fenced_line(self, line: str) -> Iterator[ReadResult]:
        if self._fence is None:
            return
        mark, _language, lines = self._fence
        if line.strip().startswith(mark) and not line.strip().strip(mark[0]):
            yield from self._end_fence(closing=line.strip())
        else:
            lines.append(line)
            if len(lines) == PARAGRAPH_LINES and is_list_in_fence(self._fence[1], lines):
                self._fence = None  # long: a list, read line by line
                for each in lines:
                    yield from self.read_line(each)

    def _end_fence(self, closing: str = "") -> Iterator[ReadResult]:
        if self._fence is None:
            return
        (mark, language, lines), self._fence = self._fence, None
        found = parse_json_block(language, lines, self._options.zone)
        if found is not None:
            yield from self._end_entry()
            for result in found:
                yield from self._emit(result)
        elif is_list_in_fence(language, lines) or not closing:
            yield from self._end_entry()
            for line in lines:
                yield from self.read_line(line)
            yield from self._end_table()
            yield from self._end_entry()
            self._headings.leave_fence()
        else:
            yield from self._keep_code([f"{mark}{language}", *lines, closing])

    def _keep_code(self, lines: list[str]) -> Iterator[ReadResult]:
        """Keep code with the text above it, if that leads to it; else it is a memory itself."""
        if self._entry is not None and self._after_blank:
            above = "\n".join(self._entry.lines).rstrip()
            if not above.endswith((":", "：")):
                yield from self._end_entry()
            else:
                self._append("")
        elif (
            self._entry is not None and self._entry.kind is EntryKind.PARAGRAPH and len(self._entry.lines) > 1
        ):
            self._entry.lines = ["\n".join(self._entry.lines)]
        if self._entry is None:
            self._entry = Entry(EntryKind.BLOCK)
        self._entry.kind = EntryKind.BLOCK if self._entry.kind is EntryKind.PARAGRAPH else self._entry.kind
        for line in lines:
            self._append(line)
        self._after_blank = False

    def _end_table(self) -> Iterator[ReadResult]:
        lines, self._table = self._table, []
        if not lines:
            return
        found = parse_table(lines, self._options.zone)
        if found is None:
            for line in lines:
                yield from self._read_free_line(line)
            return
        yield from self._end_entry()
        for result in found:
            yield from self._emit(result)

    # --- Results ------------------------------------------------------------------------------------------

    def _is_chatter(self, text: str) -> bool:
        return is_opening(text) or is_closing(text)

    def _end_entry(self) -> Iterator[ReadResult]:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        if entry.kind is EntryKind.PARAGRAPH:
            for unit in split_paragraph(entry.lines):
                yield from self._emit_unit(unit)
        elif entry.is_heading and self._depth < MAX_DEPTH:
            yield from self._read_below(entry)
        else:
            yield from self._emit_entry(entry)

    def _read_below(self, entry: Entry) -> Iterator[ReadResult]:
        """Read an item in bold, "**Career**", as the heading of the items below it."""
        yield from self._headings.open(10 + self._depth, entry.lines[0].strip(), is_item=True)
        below = _ListReader(replace(self._options, is_list=True), self._headings, self._depth + 1)
        for line in entry.dedent_lines():
            yield from below.read_line(line)
        yield from below.finish()
        self._has_memories = self._has_memories or below._has_memories

    def _emit_unit(self, unit: str) -> Iterator[ReadResult]:
        """Yield a memory of free text, unless it is an assistant's sentence at the beginning or the end."""
        chatter = self._chatter
        may_close = self._options.is_list or bool(chatter.openings)
        if is_opening(unit) and (not self._has_memories or self._options.is_list):
            chatter.openings.append(unit)
        elif may_close and is_closing(unit):
            chatter.closings.append(unit)
        else:
            if not self._options.is_list:  # a sentence with others below it is no closing
                held, chatter.closings = chatter.closings, []
                for text in held:
                    yield from self._emit(ImportItem(text))
            yield from self._emit(ImportItem(unit))

    def _emit_entry(self, entry: Entry) -> Iterator[ReadResult]:
        text = build_text(entry)
        if text:
            yield from self._emit(
                ImportItem(text, entry.tags, entry.find_time(self._options.zone), notes=entry.notes),
                is_dated=entry.kind is EntryKind.DATED,
            )

    def _emit(self, result: ReadResult, *, is_dated: bool = False) -> Iterator[ReadResult]:
        self._has_memories = True
        if isinstance(result, ImportItem):
            yield self._headings.apply(result, is_whole=is_dated)
        else:
            yield result
