"""What all conversations with assistants have in common: turns of a person and an assistant, of which some come."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from memories.portability.files.encodings import SAMPLE_BYTES
from memories.portability.files.json_stream import (
    ITEMS,
    LONG_SHAPE_BYTES,
    JsonShape,
    iterate_lines,
    iterate_values,
    read_shape,
)
from memories.portability.files.parts import Part
from memories.portability.readers.formats import ChatFilter, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import pick_time

ANSWER_PREFIX = "Assistant: "
# Keys of a document below which conversations may be.
WRAPPERS = (
    "conversations", "chats", "threads", "sessions", "data", "items", "history", "results", "memories", "projects",
)  # fmt: skip


ShapeTest = Callable[[JsonShape], bool]


class Author(StrEnum):
    """Who wrote a turn."""

    PERSON = "person"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation. times: as written in the file, the best first. reason: why it never comes."""

    author: Author = Author.PERSON
    text: str = ""
    times: tuple[object, ...] = ()
    reason: str = ""
    has_attachments: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """What stands in place of a turn but is no part of the conversation, such as what the assistant remembers."""

    results: tuple[ReadResult, ...] = ()


def read_turns(
    turns: Iterable[Turn | Remembered],
    context: ReadContext,
    conversation: str,
    started_at: tuple[object, ...] = (),
    *,
    first: int = 0,
) -> Iterator[ReadResult]:
    """Yield the turns that the user wants; the position of each is its place among all turns, counted from `first`.

    A turn without a time gets the start of its conversation.
    """
    for position, turn in enumerate(turns, first):
        if isinstance(turn, Remembered):
            yield from turn.results
        elif reason := _get_reason(turn, context.chats):
            yield SkippedEntry(reason)
        else:
            created_at, notes = pick_time((*turn.times, *started_at), context.zone)
            yield ImportItem(
                turn.text if turn.author is Author.PERSON else ANSWER_PREFIX + turn.text,
                created_at=created_at,
                conversation=conversation,
                position=position,
                notes=(*notes, "attachments_dropped") if turn.has_attachments else notes,
            )


def _get_reason(turn: Turn, chats: ChatFilter) -> str:
    """Return why a turn is left out, empty if it comes."""
    if turn.reason or not turn.text:
        return turn.reason or "no_text"
    if chats is ChatFilter.NONE:
        return "conversation"
    is_answer = turn.author is Author.ASSISTANT
    return "of_the_assistant" if is_answer and chats is ChatFilter.MINE else ""


def remember_once(
    context: ReadContext, kind: str, texts: Iterable[str], times: Iterable[object]
) -> Iterator[ReadResult]:
    """Yield texts as memories that are no part of a conversation, each once in an import."""
    created_at, notes = pick_time(times, context.zone)
    for text in texts:
        if text and context.is_first(kind, text):
            yield ImportItem(text, created_at=created_at, notes=notes)


# --- Where the conversations of a JSON document are -------------------------------------------------------


def find_shapes(start: PartStart) -> list[JsonShape]:
    """Return the shapes of what can be a conversation: the document, its items, and the items below a known key.

    In JSON Lines, each line is a document.
    """
    shape = start.lines if start.lines.kinds else start.json
    return [shape, shape.at(ITEMS), *(shape.at(key, ITEMS) for key in WRAPPERS)]


def find_path(part: Part, is_wanted: ShapeTest) -> str | None:
    """Return the path (of `iterate_values`) of what has a shape: in a list, below a known key, or the document."""
    for limit in (SAMPLE_BYTES, LONG_SHAPE_BYTES):
        shape = read_shape(part, limit)
        if is_wanted(shape):
            return ""
        if is_wanted(shape.at(ITEMS)):
            return "item"
        for key in WRAPPERS:
            if is_wanted(shape.at(key, ITEMS)):
                return f"{key}.item"
    return None


def iterate_conversations(
    part: Part, is_conversation: ShapeTest
) -> Iterator[tuple[str, dict[str, object] | None]]:
    """Yield each conversation with a name for it within the import; None for what is no object."""
    is_lines = bool(PartStart(part).lines.kinds)
    values = iterate_lines(part) if is_lines else iterate_values(part, find_path(part, is_conversation) or "")
    for number, value in enumerate(values):
        yield f"{part.name} {number}", value if isinstance(value, dict) else None


# --- Values of any JSON -----------------------------------------------------------------------------------


def as_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def get_id(value: dict[str, object], keys: Iterable[str], otherwise: str) -> str:
    """Return the first of these values that is an ID."""
    ids = (value.get(key) for key in keys)
    return next((str(each) for each in ids if isinstance(each, str | int) and each), otherwise)


def pick_values(value: dict[str, object], *keys: str) -> tuple[object, ...]:
    return tuple(value[key] for key in keys if value.get(key))
