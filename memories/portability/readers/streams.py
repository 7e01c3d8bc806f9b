"""A part read as text or as JSON: as it comes, in UTF-8 or marked UTF-16, with bounds on what is held at once."""

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import ijson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.readers.archives import Part, make_file_error, open_part

MAX_VALUE_BYTES = 20_000_000  # of JSON for one value: a conversation, a memory
MAX_VALUE_EVENTS = 2_000_000  # of the parser, for one value: what is empty takes thirty times its bytes
MAX_NOTE_BYTES = 2_000_000  # of one text file in a zip or a folder, and of what belongs together in another
CHUNK_BYTES = 65_536
MAX_DEPTH = 100
STARTS = frozenset({"start_map", "start_array"})
ENDS = frozenset({"end_map", "end_array"})
NO_VALUES = ENDS | {"map_key"}

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def detect_encoding(start: bytes) -> str:
    return next((name for mark, name in BOMS.items() if start.startswith(mark)), "utf-8")


def read_lines(part: Part) -> Iterator[str]:
    """The lines of a text file, without their ends. Raises ValidationError where it is no UTF-8 (or marked UTF-16)."""
    encoding = _detect_part_encoding(part)
    with open_part(part) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline=None)
        try:
            while line := text.readline(MAX_VALUE_BYTES):
                if len(line) >= MAX_VALUE_BYTES:
                    raise make_file_error(_("A line of it is far too long."), "line_too_long")
                yield line.rstrip("\n")
        except UnicodeError:
            raise make_file_error(_("This is no UTF-8 text. Save it as UTF-8 first."), "not_utf8") from None


def read_small_text(part: Part) -> str | None:
    """A small text file whole; None where it is too large or no text."""
    if part.size > MAX_NOTE_BYTES:
        return None
    with open_part(part) as file:
        data: bytes = file.read(MAX_NOTE_BYTES)
    try:
        return data.decode(detect_encoding(data))
    except UnicodeError:
        return None


def read_start(part: Part, size: int = CHUNK_BYTES) -> bytes:
    with open_part(part) as file:
        start: bytes = file.read(size)
    return start


def read_start_text(part: Part) -> str:
    """What the file begins with, without a mark of its encoding and white space; as far as it can be read."""
    start = read_start(part)
    return start.decode(detect_encoding(start), errors="ignore").lstrip("\ufeff \t\r\n")


def _detect_part_encoding(part: Part) -> str:
    return detect_encoding(read_start(part, 4))


# --- JSON, as it comes ----------------------------------------------------------------------------------


class _Utf8Reader:
    """A part's bytes as UTF-8 for the JSON parser; counts what one value takes."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decode = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self.since_last = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.since_last += len(data)
        if self.since_last > MAX_VALUE_BYTES:
            raise make_entry_too_large_error()
        if self._decode is None or not size:
            return data
        decoded = self._decode.decode(data, final=not data).encode()
        return decoded if decoded or not data else self.read(size)


def iterate_values(part: Part, path: str) -> Iterator[Any]:
    """The values at a path, one after another: "" (the whole), "item" (of an array), or "key.item" (of its array).

    Raises ValidationError where it is no JSON, or nested too deeply.
    """
    encoding = _detect_part_encoding(part)
    key, _dot, _item = path.rpartition(".")
    level = 0 if not path else 2 if key else 1
    with open_part(part) as file:
        source = _Utf8Reader(file, encoding)
        try:
            for value in _build_values(ijson.basic_parse(source, use_float=True), key, level):
                source.since_last = 0
                yield value
        except (ijson.JSONError, UnicodeError, ValueError, OverflowError):
            raise make_broken_json_error() from None


def _build_values(events: Any, key: str, level: int) -> Iterator[Any]:
    """By the parser's plain events: those that carry a path take a time that grows with the square of the depth."""
    depth, at_key, count = 0, "", 0
    builder: Any = None
    for event, value in events:
        depth -= event in ENDS
        if builder is None and depth == level and event not in NO_VALUES and (not key or at_key == key):
            builder = ijson.ObjectBuilder()
        if builder is not None:
            builder.event(event, value)
            count += 1
            if count > MAX_VALUE_EVENTS:
                raise make_entry_too_large_error()
            if depth == level and event not in STARTS:
                yield builder.value
                builder, count = None, 0
        elif event == "map_key" and depth == 1:
            at_key = value
        depth += event in STARTS
        if depth > MAX_DEPTH:
            raise make_file_error(_("It is nested too deeply."), "too_deep")


def make_entry_too_large_error() -> ValidationError:
    return make_file_error(_("One entry of it is far too large."), "entry_too_large")


def make_broken_json_error() -> ValidationError:
    return make_file_error(_("This JSON is broken or cut off. Download it again."), "broken_json")


def read_outline(part: Part) -> tuple[bool, set[str]]:
    """Of a JSON file: whether it is an array, and the keys of it or of its first item."""
    return parse_outline(read_start_text(part))


def parse_outline(start: str) -> tuple[bool, set[str]]:
    """As `read_outline`, of what a file begins with; the key "" stands for a string as the first item."""
    keys: set[str] = set()
    is_list = start[:1] == "["
    depth = 0
    with suppress(ijson.JSONError, UnicodeError, ValueError):  # it is only the start
        for event, value in ijson.basic_parse(start.encode()):
            if event == "map_key" and depth == 1 + is_list:
                keys.add(value)
            elif is_list and depth == 1 and event == "string":
                keys.add("")
            depth += (event in STARTS) - (event in ENDS)
            if is_list and depth == 1 and event == "end_map":
                break
    return is_list, keys
