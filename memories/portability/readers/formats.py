"""What a file format is: how it is recognised, and how it is read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar, cast

from memories.portability.files.encodings import SAMPLE_BYTES, detect_encoding
from memories.portability.files.json_stream import (
    LONG_SHAPE_BYTES,
    JsonShape,
    add_value,
    read_shape,
)
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_start
from memories.portability.readers.items import ReadResult
from memories.portability.readers.json_lines import parse_first_lines

LINES_SUFFIXES = (".jsonl", ".ndjson")
T = TypeVar("T")


class ChatFilter(StrEnum):
    """Which messages of conversations to import."""

    MINE = "mine"  # the user's messages
    ALL = "all"  # answers too
    NONE = "none"


@dataclass(frozen=True)
class ReadContext:
    """What readers know besides the part.

    zone: the owner's time zone. text_column: the column with the texts of a table whose columns are unknown. parts: all
    parts that were given, by lower-case path.
    """

    chats: ChatFilter = ChatFilter.MINE
    zone: tzinfo = UTC
    text_column: str = ""
    parts: Mapping[str, Part] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _remembered: dict[str, object] = field(default_factory=dict)

    def is_first(self, kind: str, text: str) -> bool:
        """Return whether this text of a kind was not seen before in this import: some exports repeat it."""
        seen = (kind, text) in self._seen
        self._seen.add((kind, text))
        return not seen

    def remember(self, key: str, build: Callable[[], T]) -> T:
        """Return what `build` returns, which is called once for this key in this import: an index of other files."""
        if key not in self._remembered:
            self._remembered[key] = build()
        return cast(T, self._remembered[key])


class PartStart:
    """What recognises a format: the name of a part, its first bytes, and the names of the parts beside it.

    limit: how many bytes of JSON to look at.
    """

    def __init__(
        self, part: Part, parts: Mapping[str, Part] = MappingProxyType({}), *, limit: int = SAMPLE_BYTES
    ) -> None:
        self.part = part
        self.parts = parts
        self._limit = limit

    @cached_property
    def path(self) -> str:
        return self.part.path

    @cached_property
    def base_name(self) -> str:
        return self.part.base_name

    @cached_property
    def suffix(self) -> str:
        return self.part.suffix

    @cached_property
    def data(self) -> bytes:
        """The first SAMPLE_BYTES."""
        return read_start(self.part)

    @cached_property
    def decoded(self) -> str:
        """The start as text with line feeds as line endings, without byte order mark; empty for what is no text."""
        text = "" if self._encoding is None else self.data.decode(self._encoding, errors="ignore")
        return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def text(self) -> str:
        """The same without leading white space."""
        return self.decoded.lstrip("\ufeff \t\r\n")

    @property
    def is_text(self) -> bool:
        return self._encoding is not None

    @cached_property
    def _encoding(self) -> str | None:
        return detect_encoding(self.data)

    @cached_property
    def lines(self) -> JsonShape:
        """The shape of the first lines of JSON Lines, merged; empty for anything else, also a single JSON document."""
        shape = JsonShape()
        named = self.suffix in LINES_SUFFIXES
        for value in parse_first_lines(self.text, named=named, is_cut=len(self.data) >= SAMPLE_BYTES):
            add_value(shape, value)
        if named and not shape.kinds and self.text[:1] == "{":  # the first line is longer than what was read
            return read_shape(self.part, self._limit)
        return shape

    @cached_property
    def json(self) -> JsonShape:
        """The shape of a JSON document as far as its start tells; empty for anything else."""
        if self.text[:1] not in ("{", "[") or self.lines.kinds:
            return JsonShape()
        return read_shape(self.part, self._limit)

    def look_further(self) -> "PartStart":
        """Return the same with more of its JSON, for a file whose first object is long."""
        return PartStart(self.part, self.parts, limit=LONG_SHAPE_BYTES)


@dataclass(frozen=True)
class Format:
    """A file format.

    name: stored, at most 20 characters, and the tag suffix after `imported:`. label: text shown to the
    user. recognise: whether a part has it, by its start; cheap tests first. read: yields what a part contains; raises
    ValidationError (file) when it cannot go on.
    """

    name: str
    label: object
    recognise: Callable[[PartStart], bool]
    read: Callable[[Part, ReadContext], Iterator[ReadResult]]


@dataclass(frozen=True)
class RefusedKind:
    """A kind of file that is not imported. name: stored; label: what it is called; reason: a key of REASONS."""

    name: str
    label: object
    recognise: Callable[[PartStart], bool]
    reason: str = "unknown_kind"


FileKind = Format | RefusedKind
