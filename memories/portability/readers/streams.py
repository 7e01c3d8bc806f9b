"""Streaming text and JSON readers for UTF-8, or UTF-16 with a byte order mark, with bounded memory."""

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import ijson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.readers.archives import Part, make_file_error, open_part

MAX_VALUE_BYTES = 20_000_000  # of JSON per value, such as a conversation or memory
MAX_VALUE_EVENTS = 2_000_000  # parser events per value: empty values take 30 times their bytes
MAX_NOTE_BYTES = 2_000_000  # of a text file in a zip or folder, and of one memory in a plain-text file
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
    """Yield lines without line endings. Raises ValidationError unless the text is UTF-8, or UTF-16 with a BOM."""
    encoding = _detect_part_encoding(part)
    with open_part(part) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline=None)
        try:
            while line := text.readline(MAX_VALUE_BYTES):
                if len(line) >= MAX_VALUE_BYTES:
                    raise make_file_error(_("A line in the file is too long."), "line_too_long")
                yield line.rstrip("\n")
        except UnicodeError:
            raise make_file_error(_("The file is not UTF-8 encoded."), "not_utf8") from None


def read_small_text(part: Part) -> str | None:
    """Return the text of a small file, or None if it is too large or not text."""
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
    """Return the start of the file as text, without BOM and leading white space; ignores undecodable bytes."""
    start = read_start(part)
    return start.decode(detect_encoding(start), errors="ignore").lstrip("\ufeff \t\r\n")


def _detect_part_encoding(part: Part) -> str:
    return detect_encoding(read_start(part, 4))


# --- Streaming JSON -------------------------------------------------------------------------------------


class _Utf8Reader:
    """Transcode a part to UTF-8 for the JSON parser and count the bytes of each value."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decode = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self.value_bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.value_bytes += len(data)
        if self.value_bytes > MAX_VALUE_BYTES:
            raise make_entry_too_large_error()
        if self._decode is None or not size:
            return data
        decoded = self._decode.decode(data, final=not data).encode()
        return decoded if decoded or not data else self.read(size)


def iterate_values(part: Part, path: str) -> Iterator[Any]:
    """Yield the values at a path: "" (the document), "item" (array items) or "key.item" (items of the array at key).

    Raises ValidationError for invalid JSON and for JSON that is nested too deeply.
    """
    encoding = _detect_part_encoding(part)
    key, _dot, _item = path.rpartition(".")
    level = 0 if not path else 2 if key else 1
    with open_part(part) as file:
        source = _Utf8Reader(file, encoding)
        try:
            for value in _build_values(ijson.basic_parse(source, use_float=True), key, level):
                source.value_bytes = 0
                yield value
        except (ijson.JSONError, UnicodeError, ValueError, OverflowError):
            raise make_broken_json_error() from None


def _build_values(events: Any, key: str, level: int) -> Iterator[Any]:
    """Build values from basic events: the cost of events with a path is quadratic in the depth."""
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
            raise make_file_error(_("The JSON is nested too deeply."), "too_deep")


def make_entry_too_large_error() -> ValidationError:
    return make_file_error(_("An entry in the file is too large."), "entry_too_large")


def make_broken_json_error() -> ValidationError:
    return make_file_error(_("The JSON is invalid or truncated. Download it again."), "broken_json")


def read_outline(part: Part) -> tuple[bool, set[str]]:
    """Return whether a JSON file is an array, and the keys of the object or of its first item."""
    return parse_outline(read_start_text(part))


def parse_outline(start: str) -> tuple[bool, set[str]]:
    """Like `read_outline`, for the start of a file; the key "" means that the first item is a string."""
    keys: set[str] = set()
    is_list = start[:1] == "["
    depth = 0
    with suppress(
        ijson.JSONError, UnicodeError, ValueError
    ):  # the start of a file is usually incomplete JSON
        for event, value in ijson.basic_parse(start.encode()):
            if event == "map_key" and depth == 1 + is_list:
                keys.add(value)
            elif is_list and depth == 1 and event == "string":
                keys.add("")
            depth += (event in STARTS) - (event in ENDS)
            if is_list and depth == 1 and event == "end_map":
                break
    return is_list, keys
