"""The first lines of JSON Lines."""

from typing import Any

import orjson

MAX_LINES = 100


def parse_first_lines(text: str, *, named: bool, is_cut: bool) -> list[dict[str, Any]]:
    """Return the objects of the first lines of JSON Lines; an empty list for anything else.

    named: the file's name says that it is JSON Lines: then one line that is an object is enough, and lines that are not
    valid JSON are passed over. Else at least two lines are needed, and each must be an object: a single one is a JSON
    document. is_cut: the text is only the start of the file, so that its last line may be incomplete.
    """
    lines = [line for line in text.split("\n", MAX_LINES)[:MAX_LINES] if line.strip()]
    values = [_parse_object(line) for line in lines]
    if named:
        return [value for value in values if value is not None]
    if is_cut and len(values) > 1 and values[-1] is None and lines[-1].startswith("{"):
        return [value for value in values[:-1] if value is not None]
    objects = [value for value in values[:2] if value is not None]
    return [value for value in values if value is not None] if len(objects) == 2 else []


def _parse_object(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
