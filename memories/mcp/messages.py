"""JSON-RPC messages: one parser for all revisions, before the SDK sees a message.

What a message may leave out is completed, and what is wrong is named in plain words, without the caller's text.
"""

import json
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS, PARSE_ERROR, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic_core import from_json

from memories.mcp.argument_values import is_blank
from memories.mcp.errors import InvalidMessage

INITIALIZE, CALL_TOOL, GET_PROMPT, READ_RESOURCE = "initialize", "tools/call", "prompts/get", "resources/read"
REQUEST_METHODS = frozenset(
    {
        INITIALIZE, CALL_TOOL, GET_PROMPT, READ_RESOURCE, "ping", "server/discover", "tools/list", "prompts/list",
        "resources/list", "resources/templates/list",
    }
)  # fmt: skip
REVISIONS = (*reversed(MODERN_PROTOCOL_VERSIONS), *reversed(HANDSHAKE_PROTOCOL_VERSIONS))
UTF8_BOM = b"\xef\xbb\xbf"

Message = dict[str, Any]


def parse_message(body: bytes) -> Message:
    """Return the request, notification or response. Raises InvalidMessage."""
    value = _parse_json(body)
    if isinstance(value, list):
        raise InvalidMessage("Batches are not supported. Send one message per request.")
    if not isinstance(value, dict):
        raise InvalidMessage("The message must be a JSON object.")
    message_id = _get_id(value)
    if value.get("jsonrpc") != "2.0":
        raise InvalidMessage('"jsonrpc" must be "2.0".', message_id=message_id)
    if "method" not in value and ("result" in value or "error" in value):
        # This server sends no requests, so the content of a response does not matter.
        return {"jsonrpc": "2.0", "id": 0, "result": {}}
    if not isinstance(value.get("method"), str) or not value["method"]:
        raise InvalidMessage('"method" must be the name of a method.', message_id=message_id)
    if message_id is None and value["method"] in REQUEST_METHODS:
        # Without an ID it would be a notification (JSON-RPC 4.1), and nobody would learn that nothing was done.
        raise InvalidMessage('This method is a request: give it an "id", a string or an integer.')
    return {**value, "params": _complete_params(value, message_id)}


def get_revision(header: str | None, message: Message) -> str | None:
    """Return the revision that the message is handled by, None without one. Raises InvalidMessage.

    `initialize` negotiates the revision in its parameters; one without a handshake has no such method.
    """
    revision = (header or "").strip()
    if not revision or (message.get("method") == INITIALIZE and revision not in MODERN_PROTOCOL_VERSIONS):
        return None
    if revision not in REVISIONS:
        supported = ", ".join(REVISIONS)
        raise InvalidMessage(
            f"This server does not support the protocol version in MCP-Protocol-Version. Supported: {supported}.",
            code=UNSUPPORTED_PROTOCOL_VERSION,
            message_id=message.get("id"),
            # As in server/discover: others are agreed on by a handshake.
            data={"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": revision[:100]},
        )
    return revision


def _parse_json(body: bytes) -> object:
    # RFC 8259 8.1: a parser may ignore a byte order mark.
    body = body.removeprefix(UTF8_BOM)
    if not body.strip():
        raise InvalidMessage("The request has no body. Send one JSON-RPC message.", code=PARSE_ERROR)
    try:
        value: object = from_json(body, allow_inf_nan=False)
    except ValueError as error:  # names what was expected and where, never what is there
        raise InvalidMessage(f"The body is not valid JSON in UTF-8: {error}.", code=PARSE_ERROR) from None
    return value


def _get_id(message: Message) -> str | int | None:
    """Return the ID, None without one. Raises InvalidMessage for one that MCP does not allow.

    The response's ID is then null (JSON-RPC 5), because the ID cannot be told.
    """
    message_id = message.get("id")
    is_valid = isinstance(message_id, str | int) and not isinstance(message_id, bool)
    if "id" in message and not is_valid and "method" in message:
        raise InvalidMessage('"id" must be a string or an integer.')
    return message_id if is_valid else None


def _complete_params(message: Message, message_id: str | int | None) -> Message:
    params = {} if message.get("params") is None else message["params"]
    if isinstance(params, list):
        raise InvalidMessage(
            '"params" must be an object, with parameters by name.', code=INVALID_PARAMS, message_id=message_id
        )
    if not isinstance(params, dict):
        raise InvalidMessage('"params" must be an object.', message_id=message_id)
    params = {name: value for name, value in params.items() if value is not None}
    if isinstance(meta := params.get("_meta"), dict):
        params["_meta"] = {name: value for name, value in meta.items() if value is not None}
    if message["method"] in (CALL_TOOL, GET_PROMPT):
        params["arguments"] = _parse_arguments(params.get("arguments"))
    if message["method"] == GET_PROMPT and isinstance(params["arguments"], dict):
        params["arguments"] = _format_prompt_arguments(params["arguments"])
    return params


def _parse_arguments(arguments: object) -> object:
    """Return arguments that are omitted, an empty list, or JSON text as an object; others as they are."""
    if is_blank(arguments) or arguments == []:
        return {}
    if not isinstance(arguments, str):
        return arguments
    try:
        parsed: object = from_json(arguments, allow_inf_nan=False)
    except ValueError:
        return arguments
    return {} if is_blank(parsed) or parsed == [] else parsed


def _format_prompt_arguments(arguments: Message) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in arguments.items()
        if not is_blank(value)
    }
