"""Microsoft Copilot's activity, as the privacy dashboard of a Microsoft account gives it out.

Shape: from public readers of exports up to 2026. Tables in CSV with the columns Conversation, Time, Author and Message;
CreatedAt, MessageContent, Author and ChatName; or Timestamp, ClientApp and Prompt. The newest message comes first.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part, make_file_error
from memories.portability.files.streams import MAX_LINE_CHARACTERS, read_lines
from memories.portability.readers.chats.conversations import Author, Turn, read_turns
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_time, pick_time

PEOPLE = frozenset({"human", "user", "you", "me"})
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class _Columns:
    """The names of the columns, in lower case; of prompts alone there is no author."""

    text: str
    time: str
    author: str = ""
    conversation: str = ""

    @property
    def names(self) -> set[str]:
        return {self.text, self.time} | ({self.author} if self.author else {"clientapp"})


LAYOUTS = (
    _Columns("message", "time", "author", "conversation"),
    _Columns("messagecontent", "createdat", "author", "chatname"),
    _Columns("prompt", "timestamp"),
)


@dataclass
class _Chat:
    """What the first pass learns of a conversation: whether its last message comes first in the table."""

    count: int = 0
    first_time: str = ""
    last_time: str = ""
    first_author: str = ""
    read: int = 0

    def is_reversed(self, context: ReadContext) -> bool:
        first, last = (parse_time(time, context.zone) for time in (self.first_time, self.last_time))
        if first and last and first != last:
            return first > last
        return bool(self.first_author) and self.first_author not in PEOPLE


def _find_layout(header: str) -> tuple[_Columns, str] | None:
    """Return the columns of a table and what stands between them."""
    for delimiter in DELIMITERS:
        try:
            names = {name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])}
        except csv.Error:
            continue
        layout = next((layout for layout in LAYOUTS if layout.names <= names), None)
        if layout and (layout.conversation in names or not layout.author):
            return layout, delimiter
    return None


def _is_copilot(start: PartStart) -> bool:
    return _find_layout(start.text.partition("\n")[0].strip("\r")) is not None


def _read_copilot(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    header = next(read_lines(part), "")
    found = _find_layout(header.removeprefix("\ufeff"))
    if found is None:
        return
    layout, delimiter = found
    try:
        chats = _survey(part, layout, delimiter)
        for row in _iterate_rows(part, delimiter):
            yield from _read_row(row, layout, chats, context)
    except csv.Error:
        raise make_file_error(_("The CSV is invalid: a quoted cell is not closed."), "broken_table") from None


def _iterate_rows(part: Part, delimiter: str) -> Iterator[dict[str, str]]:
    lines = (f"{line}\n" for line in read_lines(part))
    limit = csv.field_size_limit(MAX_LINE_CHARACTERS)  # an answer may be long
    try:
        for row in csv.DictReader(lines, delimiter=delimiter, strict=True):
            yield {
                str(key).strip("\ufeff ").lower(): value.strip()
                for key, value in row.items()
                if isinstance(value, str)
            }
    finally:
        csv.field_size_limit(limit)


def _survey(part: Part, layout: _Columns, delimiter: str) -> dict[str, _Chat]:
    chats: dict[str, _Chat] = {}
    for row in _iterate_rows(part, delimiter) if layout.author else ():
        chat = chats.setdefault(row.get(layout.conversation, ""), _Chat())
        time, author = row.get(layout.time, ""), row.get(layout.author, "").lower()
        chat.first_time, chat.first_author = chat.first_time or time, chat.first_author or author
        chat.last_time = time or chat.last_time
        chat.count += 1
    return chats


def _read_row(
    row: dict[str, str], layout: _Columns, chats: dict[str, _Chat], context: ReadContext
) -> Iterator[ReadResult]:
    text, time = row.get(layout.text, ""), row.get(layout.time, "")
    if not layout.author:
        created_at, notes = pick_time((time,), context.zone)
        yield ImportItem(text, created_at=created_at, notes=notes) if text else SkippedEntry("no_text")
        return
    name = row.get(layout.conversation, "")
    chat = chats[name]
    position = chat.count - 1 - chat.read if chat.is_reversed(context) else chat.read
    chat.read += 1
    is_person = row.get(layout.author, "").lower() in PEOPLE
    turn = Turn(Author.PERSON if is_person else Author.ASSISTANT, text, (time,))
    yield from read_turns([turn], context, name or "untitled", first=position)


COPILOT = Format("copilot", gettext_lazy("Microsoft Copilot activity"), _is_copilot, _read_copilot)
