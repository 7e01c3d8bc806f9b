"""Results of MCP tools: JSON in a text block, as clients show and save it.

The shape is that of the Model Context Protocol (2025-06-18), section "Tool Result", alone or in a JSON-RPC response.
"""

import orjson

from memories.portability.readers.formats import PartStart

MAX_BYTES = 5_000_000  # of a document that is looked into
MAX_LAYERS = 4


def is_tool_result(start: PartStart) -> bool:
    """Return whether a document may be a result, by its shape."""
    shape = start.json
    places = (
        shape,
        shape.at("result"),
        shape.at("structuredContent"),
        shape.at("result", "structuredContent"),
    )
    return any(
        place.at("content").items is not None
        and place.at("content").is_list
        and {"type", "text"} <= place.at("content", "[]").keys.keys()
        and not {"role", "sender", "author"} & place.keys.keys()
        for place in places
    ) or (shape.is_list and {"type", "text"} == shape.at("[]").keys.keys())


def unwrap(value: object, layers: int = MAX_LAYERS) -> list[object]:
    """Return what tools returned: parsed if it is JSON. A value that is no result is returned as it is."""
    if not layers:
        return [value]
    if isinstance(value, dict):
        if "result" in value and "jsonrpc" in value:
            return unwrap(value["result"], layers - 1)
        if isinstance(value.get("structuredContent"), dict):
            return [value["structuredContent"]]
        if isinstance(value.get("content"), list) and "role" not in value and _are_blocks(value["content"]):
            return [each for block in value["content"] for each in _parse_block(block, layers)]
    if isinstance(value, list) and _are_blocks(value):
        return [each for block in value for each in _parse_block(block, layers)]
    return [value]


def _are_blocks(values: list[object]) -> bool:
    return bool(values) and all(
        isinstance(each, dict) and each.get("type") == "text" and isinstance(each.get("text"), str)
        for each in values
    )


def _parse_block(block: object, layers: int) -> list[object]:
    text = block["text"] if isinstance(block, dict) else ""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return unwrap(orjson.loads(text), layers - 1)
        except orjson.JSONDecodeError:
            pass
    return [text]
