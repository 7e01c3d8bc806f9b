"""Read JSON as a stream, with bounded memory: its values one by one, and the shape of its start."""

import codecs
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, cast

import ijson
import orjson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.files.encodings import SAMPLE_BYTES
from memories.portability.files.json_escapes import MARK, SurrogateMarker, restore_surrogates
from memories.portability.files.parts import Part, make_file_error, open_part
from memories.portability.files.streams import detect_part_encoding, read_lines
from memories.portability.files.views import FileView

MAX_VALUE_BYTES = 20_000_000  # of JSON per value, such as a conversation or memory
MAX_VALUE_EVENTS = 2_000_000  # parser events per value: empty values take 30 times their bytes
MAX_DEPTH = 100
PARSED_BYTES = 1_048_576  # at once: the parser begins a string anew with each piece of it
STARTS = frozenset({"start_map", "start_array"})
ENDS = frozenset({"end_map", "end_array"})
NO_VALUES = ENDS | {"map_key"}

LONG_SHAPE_BYTES = 16_000_000  # of a file whose start does not tell what it is
MAX_SHAPE_DEPTH = 6
MAX_SHAPE_KEYS = 200  # per object
MAX_SHAPES = 20_000  # places of a shape
SHAPE_CODES = frozenset({"broken_zip", "entry_too_large", "not_text"})  # errors that leave the shape so far
ITEMS = "[]"  # in a path of a shape: the items of a list


class Utf8Reader:
    """Transcode a part to UTF-8 for the JSON parser and count the bytes of each value."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decode = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self.marker = SurrogateMarker()
        self.value_bytes = 0

    def read(self, size: int = -1) -> bytes:
        while True:
            data = self._file.read(size)
            self.value_bytes += len(data)
            if self.value_bytes > MAX_VALUE_BYTES:
                raise make_entry_too_large_error()
            if not size:
                return data
            utf8 = data if self._decode is None else self._decode.decode(data, final=not data).encode()
            if (marked := self.marker.feed(utf8, is_last=not data)) or not data:
                return marked


def iterate_values(part: Part, path: str) -> Iterator[Any]:
    """Yield the values at a path: "" (the document), "item" (array items) or "key.item" (items of the array at key).

    Raises ValidationError for invalid JSON and for JSON that is nested too deeply.
    """
    key, _dot, _item = path.rpartition(".")
    level = 0 if not path else 2 if key else 1
    for member in _build_values(part, level, key.__eq__ if key else None):
        yield member.value


class Member(NamedTuple):
    """A value in a document: with the key of the outer object and that of the inner one, "" where there is none."""

    key: str
    inner_key: str
    value: Any


def iterate_members(part: Part, is_wanted: Callable[[str], bool] | None = None) -> Iterator[Member]:
    """Yield the items and members of the lists and objects that a document's outer object has under wanted keys.

    Its other values have no items, and are passed over. Errors are those of iterate_values.
    """
    return _build_values(part, 2, is_wanted)


def _build_values(part: Part, level: int, is_wanted: Callable[[str], bool] | None) -> Iterator[Member]:
    with open_part(part) as file:
        source = Utf8Reader(file, detect_part_encoding(part))
        try:
            yield from _build_from_events(source, level, is_wanted)
        except (ijson.JSONError, UnicodeError, ValueError, OverflowError):
            raise make_broken_json_error() from None


def _iterate_events(source: Utf8Reader) -> Iterator[tuple[str, Any]]:
    marker = source.marker
    for event, value in ijson.basic_parse(source, buf_size=PARSED_BYTES, use_float=True):
        if marker.has_marks and isinstance(value, str) and MARK in value:
            value = restore_surrogates(value)
        yield event, value


def _build_from_events(
    source: Utf8Reader, level: int, is_wanted: Callable[[str], bool] | None
) -> Iterator[Member]:
    """Build the values at a level from basic events: the cost of events with a path is quadratic in the depth."""
    depth = count = 0
    keys = ["", "", ""]  # of the objects at each depth
    is_here_wanted = is_wanted is None
    builder: Any = None
    for event, value in _iterate_events(source):
        depth -= event in ENDS
        if builder is None:
            source.value_bytes = 0  # what was passed over takes no memory
            if depth == level and is_here_wanted and event not in NO_VALUES:
                builder = ijson.ObjectBuilder()
        if builder is not None:
            builder.event(event, value)
            count += 1
            if count > MAX_VALUE_EVENTS:
                raise make_entry_too_large_error()
            if depth == level and event not in STARTS:
                yield Member(keys[1], keys[2], builder.value)
                builder, count = None, 0
        elif event == "map_key" and depth <= 2:
            keys[depth] = value
            if depth == 1 and is_wanted is not None:
                is_here_wanted = is_wanted(value)
        elif event == "start_array" and depth < 2:
            keys[depth + 1] = ""
        depth += event in STARTS
        if depth > MAX_DEPTH:
            raise make_file_error(_("The JSON is nested too deeply."), "too_deep")


def iterate_lines(part: Part) -> Iterator[Any]:
    """Yield the value of each line of JSON Lines that is not empty; ValueError for one that is not valid JSON."""
    for line in read_lines(part):
        if line.strip():
            yield _parse_line(line)


def _parse_line(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if "\\u" not in line and "NaN" not in line and "Infinity" not in line:
            return ValueError(str(error))
    try:
        return json.loads(
            line
        )  # reads lone surrogates, which are counted later, and what Python writes for no number
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))


def make_entry_too_large_error() -> ValidationError:
    return make_file_error(_("An entry in the file is too large."), "entry_too_large")


def make_broken_json_error() -> ValidationError:
    return make_file_error(_("The JSON is invalid or truncated. Download it again."), "broken_json")


# --- Shapes ---------------------------------------------------------------------------------------------


@dataclass
class JsonShape:
    """What kinds of values occur at a place of a JSON document: their keys and items, merged over all of them.

    kinds: "object", "list", "string", "number", "boolean", "null". A place that does not occur has an empty shape.
    """

    kinds: set[str] = field(default_factory=set)
    keys: dict[str, "JsonShape"] = field(default_factory=dict)
    items: "JsonShape | None" = None

    @property
    def is_list(self) -> bool:
        return "list" in self.kinds

    @property
    def is_object(self) -> bool:
        return "object" in self.kinds

    def has(self, *names: str) -> bool:
        """Return whether objects here have all these keys, not necessarily in one of them."""
        return bool(self.keys) and all(name in self.keys for name in names)

    def at(self, *path: str) -> "JsonShape":
        """Return the shape below: by keys, and ITEMS for the items of a list."""
        shape = self
        for name in path:
            below = shape.items if name == ITEMS else shape.keys.get(name)
            if below is None:
                return EMPTY_SHAPE
            shape = below
        return shape


EMPTY_SHAPE = JsonShape()  # of places that do not occur; never changed


def read_shape(part: Part, limit: int = SAMPLE_BYTES) -> JsonShape:
    """Return the shape of a JSON document as far as its first `limit` bytes tell; empty for what is no JSON."""
    shape = JsonShape()
    try:
        with open_part(part) as file, suppress(ijson.JSONError, UnicodeError, ValueError):
            source = Utf8Reader(cast(BinaryIO, _LimitedFile(file, limit)), detect_part_encoding(part))
            _add_events(shape, ijson.basic_parse(source, buf_size=PARSED_BYTES, use_float=True))
    except ValidationError as error:
        if error.error_dict["file"][0].code not in SHAPE_CODES:
            raise
    return shape


class _LimitedFile(FileView):
    """The first `limit` bytes of a file."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        super().__init__(file)
        self._rest = limit

    def read(self, size: int = -1) -> bytes:
        data = super().read(min(size, self._rest) if size >= 0 else self._rest)
        self._rest -= len(data)
        return data


KINDS = {
    "start_map": "object", "start_array": "list", "string": "string", "number": "number", "integer": "number",
    "double": "number", "boolean": "boolean", "null": "null",
}  # fmt: skip


def _add_events(root: JsonShape, events: Any) -> None:
    """Merge the values of parser events; places deeper than MAX_SHAPE_DEPTH are passed over."""
    path: list[JsonShape | None] = []  # the shapes of the open objects and lists
    here: JsonShape | None = root  # where the next value belongs
    count = 0
    for event, value in events:
        if event == "map_key":
            parent = path[-1]
            here = None
            if parent is not None and value in parent.keys:
                here = parent.keys[value]
            elif parent is not None and len(parent.keys) < MAX_SHAPE_KEYS and count < MAX_SHAPES:
                here = parent.keys[value] = JsonShape()
                count += 1
        elif event in ENDS:
            path.pop()
            here = path[-1].items if path and path[-1] is not None else None
        else:
            if here is not None:
                here.kinds.add(KINDS[event])
            if event in STARTS:
                is_open = here is not None and len(path) < MAX_SHAPE_DEPTH
                path.append(here if is_open else None)
                if len(path) > MAX_DEPTH:
                    return
                if event == "start_array" and here is not None and is_open:
                    here.items = here.items or JsonShape()
                    here = here.items
                else:
                    here = None


def add_value(shape: JsonShape, value: Any, depth: int = 0) -> None:
    """Merge a parsed value into a shape."""
    if isinstance(value, dict):
        shape.kinds.add("object")
        if depth < MAX_SHAPE_DEPTH:
            for key in list(value)[:MAX_SHAPE_KEYS]:
                add_value(shape.keys.setdefault(key, JsonShape()), value[key], depth + 1)
    elif isinstance(value, list):
        shape.kinds.add("list")
        shape.items = shape.items or JsonShape()
        if depth < MAX_SHAPE_DEPTH:
            for each in value[:MAX_SHAPE_KEYS]:
                add_value(shape.items, each, depth + 1)
    else:
        shape.kinds.add(
            "string" if isinstance(value, str)
            else "boolean" if isinstance(value, bool)
            else "null" if value is None
            else "number"
        )  # fmt: skip
