"""What is read of a list: memories below their headings, without an assistant's sentences around them."""

from collections.abc import Iterator

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.chatter import is_closing, is_opening, is_page_word, says_nothing
from memories.portability.readers.texts.entries import join_short_lines
from memories.portability.readers.texts.headings import LABEL_LEVEL, Headings
from memories.portability.readers.texts.lines import COLONS
from memories.portability.readers.texts.paragraphs import split_paragraph

MAX_LEAD_CHARACTERS = 60  # of a line that leads those below it: "Kids:"


class Results:
    """Turns what a reader finds into results.

    is_list: free text beside the entries may be an assistant's. Sentences of an assistant are counted as chatter, but
    are told as memories after all if there is nothing else. is_document: nothing in it is an assistant's.
    """

    def __init__(self, headings: Headings, is_list: bool, is_document: bool) -> None:
        self.headings = headings
        self._is_list = is_list
        self._is_document = is_document
        self._openings: list[str] = []
        self._closings: list[str] = []
        self._has_memories = False

    def is_chatter(self, text: str) -> bool:
        return not self._is_document and (is_opening(text) or is_closing(text))

    def emit(self, result: ReadResult, *, is_whole: bool = False) -> Iterator[ReadResult]:
        """Yield a result below its headings. is_whole: its text makes sense without them."""
        told = self.headings.apply(result, is_whole=is_whole) if isinstance(result, ImportItem) else result
        if isinstance(result, ImportItem) and self._says_nothing(result.text):
            self._openings.append(result.text)
            return
        self._has_memories = True
        yield told

    def _says_nothing(self, text: str) -> bool:
        return self._is_list and not self._is_document and says_nothing(text)

    def emit_paragraph(self, lines: list[str]) -> Iterator[ReadResult]:
        """Yield the memories of consecutive lines, of which the first may lead the others: "Kids:"."""
        first = lines[0].strip()
        if (
            len(lines) == 1
            or not first.endswith(COLONS)
            or len(first) > MAX_LEAD_CHARACTERS
            or self.is_chatter(first)
        ):
            for text in split_paragraph(lines):
                yield from self.emit_text(text)
        elif text := join_short_lines(lines):
            yield from self.emit_text(text)
        else:
            yield from self.headings.open(LABEL_LEVEL, first)
            for text in split_paragraph(lines[1:]):
                yield from self.emit(ImportItem(text))
            yield from self.headings.end_labels()

    def emit_text(self, text: str) -> Iterator[ReadResult]:
        """Yield a memory of free text, unless it is an assistant's sentence at the beginning or the end."""
        may_be_chatter = self.is_chatter(text)
        may_open = self._is_list or not self._has_memories or is_page_word(text)
        if may_be_chatter and is_opening(text) and may_open:
            self._openings.append(text)
        elif may_be_chatter and is_closing(text) and (self._is_list or self._openings):
            self._closings.append(text)
        elif text:
            yield from self.headings.end_labels()
            if not self._is_list:  # a sentence with others below it is no closing
                held, self._closings = self._closings, []
                for each in held:
                    yield from self.emit(ImportItem(each))
            yield from self.emit(ImportItem(text))

    def finish(self) -> Iterator[ReadResult]:
        for result in self.headings.close(keep=not self._has_memories):
            self._has_memories = self._has_memories or isinstance(result, ImportItem)
            yield result
        chatter = [*self._openings, *self._closings]
        if self._has_memories and chatter:
            yield SkippedEntry("chatter", len(chatter))
        elif chatter:
            yield from map(ImportItem, chatter)
