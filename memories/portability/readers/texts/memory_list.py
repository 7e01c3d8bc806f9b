"""Read a list of memories: dated lines, items, lines and paragraphs, with headings and an assistant's sentences.

A list of this kind is what the import prompts of Claude ("[YYYY-MM-DD] - entry", headings, a code block) and of Gemini
(sections, "Evidence: …" below each entry) ask an assistant for, what is copied from the memory page of ChatGPT, and
Picard's own export as text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from memories.portability.files.json_stream import make_entry_too_large_error
from memories.portability.files.streams import MAX_TEXT_BYTES
from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.texts.entries import Entry, EntryKind, build_text
from memories.portability.readers.texts.fences import Fence, is_list_in_fence, parse_json_block
from memories.portability.readers.texts.headings import ITEM_LEVEL, LABEL_LEVEL, Headings
from memories.portability.readers.texts.lines import (
    FENCE,
    MARKS_ONLY,
    NUMBERED,
    RULE,
    TABLE_ROW,
    belongs_above,
    get_heading,
    get_item_text,
    measure_indent,
    parse_labelled,
    split_last_date,
)
from memories.portability.readers.texts.markdown_table import parse_table
from memories.portability.readers.texts.options import ListOptions as ListOptions
from memories.portability.readers.texts.paragraphs import split_paragraph
from memories.portability.readers.texts.results import MAX_LEAD_CHARACTERS, Results

LEAD_WORDS = (2, 8)  # of a line without a colon that leads the items right below it: in a list, in a document
MAX_DEPTH = 5  # of items that are headings of those below them
MAX_FENCE_DEPTH = 2
MAX_OPEN_FENCES = 10  # fences without an end; what follows is read without fences
PARAGRAPH_LINES = 2_000  # decided at once; a longer paragraph of short lines is read in pieces


def read_memory_list(lines: Iterable[str], options: ListOptions) -> Iterator[ReadResult]:
    results = Results(
        Headings(options.zone, leads=options.headings_lead), options.is_list, options.is_document
    )
    reader = _ListReader(options, results)
    for line in lines:
        yield from reader.read_line(line)
    yield from reader.finish()
    yield from results.finish()


class _ListReader:
    def __init__(self, options: ListOptions, results: Results, depth: int = 0) -> None:
        self._options = options
        self._results = results
        self._depth = depth
        self._entry: Entry | None = None
        self._after_blank = False
        self._fence: Fence | None = None
        self._fence_depth = 0
        self._open_fences = 0
        self._table: list[str] = []
        self._table_size = 0

    def finish(self) -> Iterator[ReadResult]:
        while self._fence is not None:
            yield from self._end_fence()
        yield from self._end_table()
        yield from self._end_entry()

    def read_line(self, line: str) -> Iterator[ReadResult]:
        if self._fence is not None:
            yield from self._read_fenced_line(self._fence, line)
            return
        if self._continues_entry(line):
            self._append(line)
            return
        if TABLE_ROW.fullmatch(line):
            self._add_table_row(line)
            return
        yield from self._end_table()
        if not line.strip() or MARKS_ONLY.fullmatch(line):
            yield from self._read_blank(line)
        elif (fence := FENCE.fullmatch(line)) and self._may_open_fence():
            self._fence = Fence(fence["fence"], fence["info"].lower(), self._after_blank)
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
        _check_size(self._entry.size)

    def _read_blank(self, line: str) -> Iterator[ReadResult]:
        """Read a blank line, a rule, or the mark of an item without text."""
        entry = self._entry
        if not line.strip():
            if entry is not None and entry.kind is not EntryKind.PARAGRAPH:
                self._append("")
        elif entry is not None and entry.is_single_line and "===" in line and not self._after_blank:
            self._entry = None
            yield from self._results.headings.open(1, entry.lines[0].strip())
        else:
            yield from self._end_entry()
            if RULE.fullmatch(line):
                yield from self._results.headings.end_labels()

    def _read_text_line(self, line: str) -> Iterator[ReadResult]:
        options, entry = self._options, self._entry
        labelled = parse_labelled(line, options.zone, dates_lead=options.dates_lead)
        item, heading = get_item_text(line), get_heading(line)
        if entry is not None and entry.kind is not EntryKind.PARAGRAPH and belongs_above(line):
            self._append(line)
        elif labelled is not None:
            yield from self._end_entry()
            self._entry = Entry(
                EntryKind.DATED if labelled.created_at or not labelled.label else EntryKind.ITEM,
                measure_indent(line),
                created_at=labelled.created_at,
                tags=(labelled.label,) if labelled.label else (),
                notes=labelled.notes,
                is_item=not line.startswith("["),
            )
            self._append(labelled.text)
        elif heading is not None and heading[1] and item is None:
            yield from self._end_entry()
            yield from self._results.headings.open(*heading)
        elif item is not None:
            yield from self._read_item(line, item)
        else:
            yield from self._read_free_line(line)

    def _read_item(self, line: str, item: str) -> Iterator[ReadResult]:
        entry = self._entry
        if entry is not None and entry.takes_items and not self._after_blank:
            self._append(line)
            return
        if entry is not None and entry.is_lead(LEAD_WORDS[self._options.is_document], self._after_blank):
            lead = entry.lines[0].strip()
            if len(lead) <= MAX_LEAD_CHARACTERS and not self._results.is_chatter(lead):
                self._entry = None
                yield from self._results.headings.open(LABEL_LEVEL, lead)
            elif not self._after_blank and not self._results.is_chatter(lead):  # one text with a list in it
                entry.kind, entry.indent = EntryKind.BLOCK, measure_indent(line)
                self._append(line)
                return
        yield from self._end_entry()
        is_numbered = NUMBERED.match(line) is not None
        if is_numbered:
            yield from self._results.headings.end(ITEM_LEVEL + self._depth)
        item, time = split_last_date(item, self._options.zone) if self._options.dates_trail else (item, None)
        self._entry = Entry(EntryKind.ITEM, measure_indent(line), created_at=time, is_numbered=is_numbered)
        self._append(item)

    def _read_free_line(self, line: str) -> Iterator[ReadResult]:
        entry = self._entry
        is_paragraph = entry is None or entry.kind is EntryKind.PARAGRAPH
        if (
            entry is not None
            and not self._after_blank
            and not is_paragraph
            and not self._results.is_chatter(line)
        ):
            self._append(line)  # a line broken without an indent
            return
        if entry is not None and (self._after_blank or not is_paragraph):
            yield from self._end_entry()
        self._append(line if self._entry else line.lstrip())
        if self._entry is not None and len(self._entry.lines) == PARAGRAPH_LINES:
            *whole, last = split_paragraph(self._entry.lines)
            if whole:
                self._entry = Entry(EntryKind.PARAGRAPH, lines=last.split("\n"), size=len(last))
            for text in whole:
                yield from self._results.emit_text(text)

    # --- Fences and tables --------------------------------------------------------------------------------

    def _may_open_fence(self) -> bool:
        return self._fence_depth < MAX_FENCE_DEPTH and self._open_fences < MAX_OPEN_FENCES

    def _read_fenced_line(self, fence: Fence, line: str) -> Iterator[ReadResult]:
        if fence.is_end(line):
            yield from self._end_fence(line.strip())
            return
        fence.add(line)
        _check_size(fence.size)
        if len(fence.lines) == PARAGRAPH_LINES and not self._options.is_document and is_list_in_fence(fence):
            self._fence = None  # long: a list, read line by line
            self._open_fences += 1
            for each in fence.lines:
                yield from self.read_line(each)

    def _end_fence(self, end: str = "") -> Iterator[ReadResult]:
        fence, self._fence = self._fence, None
        if fence is None:
            return
        found = None if self._options.is_document else parse_json_block(fence, self._options.zone)
        if found is not None:
            yield from self._end_entry()
            for result in found:
                yield from self._results.emit(result)
        elif end and (self._options.is_document or not is_list_in_fence(fence)):
            yield from self._keep_code(fence, end)
        else:
            self._open_fences += not end
            yield from self._end_entry()
            yield from self._read_list_in_fence(fence)

    def _read_list_in_fence(self, fence: Fence) -> Iterator[ReadResult]:
        self._fence_depth += 1
        for line in fence.lines:
            yield from self.read_line(line)
        yield from self.finish()
        self._fence_depth -= 1
        yield from self._results.headings.leave_fence()

    def _keep_code(self, fence: Fence, end: str) -> Iterator[ReadResult]:
        """Keep code with the text above it, if that leads to it; else it is a memory itself."""
        if self._entry is not None and fence.is_apart and not self._entry.leads_below:
            yield from self._end_entry()
        if self._entry is None:
            self._entry = Entry(EntryKind.BLOCK)
        elif self._entry.kind is EntryKind.PARAGRAPH:
            self._entry.kind = EntryKind.BLOCK
        for line in (f"{fence.mark}{fence.language}", *fence.lines, end):
            self._append(line)

    def _add_table_row(self, line: str) -> None:
        self._table.append(line)
        self._table_size += len(line)
        _check_size(self._table_size)

    def _end_table(self) -> Iterator[ReadResult]:
        lines, self._table, self._table_size = self._table, [], 0
        if not lines:
            return
        found = parse_table(lines, self._options.zone)
        if found is None:
            for line in lines:
                yield from self._read_free_line(line)
            return
        yield from self._end_entry()
        for result in found:
            yield from self._results.emit(result)

    # --- Results ------------------------------------------------------------------------------------------

    def _end_entry(self) -> Iterator[ReadResult]:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        if entry.kind is EntryKind.PARAGRAPH:
            yield from self._results.emit_paragraph(entry.lines)
        elif entry.is_heading and self._depth < MAX_DEPTH:
            yield from self._read_below(entry)
        elif text := build_text(entry):
            item = ImportItem(text, entry.tags, entry.find_time(self._options.zone), notes=entry.notes)
            yield from self._results.emit(item, is_whole=entry.kind is EntryKind.DATED)

    def _read_below(self, entry: Entry) -> Iterator[ReadResult]:
        """Read an item in bold, "**Career**", as the heading of the items below it."""
        level = ITEM_LEVEL + self._depth
        yield from self._results.headings.open(level, entry.lines[0].strip())
        if lines := entry.dedent_lines():
            below = _ListReader(replace(self._options, is_list=True), self._results, self._depth + 1)
            for line in lines:
                yield from below.read_line(line)
            yield from below.finish()
        if any(line.strip() for line in lines):
            yield from self._results.headings.end(level)


def _check_size(size: int) -> None:
    if size > MAX_TEXT_BYTES:
        raise make_entry_too_large_error()
