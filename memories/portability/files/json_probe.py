"""Questions about JSON that need no values built: whether it is any, and which strings it has at some keys."""

from collections.abc import Collection
from contextlib import suppress

import ijson
from django.core.exceptions import ValidationError

from memories.portability.files.json_stream import PARSED_BYTES, Utf8Reader
from memories.portability.files.parts import Part, open_part
from memories.portability.files.streams import detect_part_encoding


def find_strings(part: Part, keys: Collection[str], limit: int) -> set[str]:
    """Return distinct strings, at most `limit`, that are at these keys anywhere in JSON or JSON Lines.

    What cannot be parsed ends the search.
    """
    found: set[str] = set()
    key = ""
    with open_part(part) as file, suppress(ijson.JSONError, UnicodeError, ValueError, ValidationError):
        source = Utf8Reader(file, detect_part_encoding(part))
        for event, value in ijson.basic_parse(
            source, buf_size=PARSED_BYTES, use_float=True, multiple_values=True
        ):
            if event == "map_key":
                key = value
                source.value_bytes = 0
            elif event == "string" and key in keys and value:
                found.add(value)
                if len(found) >= limit:
                    break
    return found


def is_json_start(data: bytes) -> bool:
    """Return whether bytes begin a JSON document, which may go on after them."""
    parser = ijson.basic_parse_coro(ijson.sendable_list(), use_float=True)
    try:
        parser.send(data)
    except (ijson.JSONError, UnicodeError, ValueError, StopIteration):
        return False
    return True
