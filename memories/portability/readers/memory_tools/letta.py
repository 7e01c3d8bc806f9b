"""Letta, earlier MemGPT: agent files, memory blocks, and archival memory.

The shapes are those of github.com/letta-ai/letta: letta/schemas/agent_file.py (.af since 0.8: `agents` and `blocks`),
letta/serialize_schemas (.af before: `core_memory`), and docs.letta.com, "List blocks" and "List passages".
"""

from collections.abc import Iterator

import orjson
from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import get_plain_text, parse_entry, pick_entry_time
from memories.portability.readers.memory_tools.prose import split_lines

PERSON_LABELS = ("human", "user", "memory_human")
AGENT_LABELS = ("persona", "system", "memory_persona", "agent", "instructions", "policies")
ROLE_PREFIXES = {"user": "", "assistant": "Assistant: "}
NO_FIELDS = ("id", "label", "name", "description", "template_name", "limit", "value")  # of a block


# --- Recognition --------------------------------------------------------------------------------------------


def _is_letta(start: PartStart) -> bool:
    shape = start.json
    memory = shape.at("memory")
    return (
        _is_block(shape.at(ITEMS))
        or _is_block(shape)
        or _is_block(shape.at("blocks", ITEMS))
        or _is_block(shape.at("core_memory", ITEMS))
        or _is_block(memory.at("blocks", ITEMS))
        or shape.has("agents", "blocks", "tools")
        or (memory.has("human", "persona") or (shape.has("human", "persona") and not shape.is_list))
        or _is_passage(shape.at(ITEMS))
        or any(_is_passage(shape.at(key, ITEMS)) for key in ("passages", "archival_memory", "results"))
    )


def _is_block(shape: JsonShape) -> bool:
    return shape.has("label", "value") and bool({"limit", "is_template", "read_only"} & shape.keys.keys())


def _is_passage(shape: JsonShape) -> bool:
    return shape.has("text") and bool(
        {"archive_id", "embedding_config", "file_id", "source_id"} & shape.keys.keys()
    )


# --- Reading ------------------------------------------------------------------------------------------------


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    is_list = PartStart(part).json.is_list
    for value in iterate_values(part, "item" if is_list else ""):
        if isinstance(value, dict):
            yield from _read_object(value, context, part.name)
        else:
            yield SkippedEntry("not_a_memory")


def _read_object(value: dict[str, object], context: ReadContext, name: str) -> Iterator[ReadResult]:
    """Read a block, a passage, an agent, or an agent file."""
    if isinstance(value.get("label"), str) and isinstance(value.get("value"), str):
        yield from _read_block(value, context)
    elif isinstance(value.get("text"), str):
        yield parse_entry(value, context, label="")
    elif "human" in value and "persona" in value:
        yield from _read_old_blocks(value, context)
    else:
        memory = value.get("memory")
        if isinstance(memory, dict):
            yield from _read_object(memory, context, name)
        yield from _read_lists(value, context, name)


def _read_lists(value: dict[str, object], context: ReadContext, name: str) -> Iterator[ReadResult]:
    for key in ("blocks", "core_memory", "passages", "archival_memory", "results", "agents"):
        for each in _list_objects(value.get(key)):
            yield from _read_object(each, context, f"{name} {each.get('id', '')}")
    yield from _read_messages(_list_objects(value.get("messages")), context, str(value.get("id") or name))
    if files := _list_objects(value.get("files")):
        yield SkippedEntry("attachment", len(files))


def _list_objects(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _read_old_blocks(value: dict[str, object], context: ReadContext) -> Iterator[ReadResult]:
    """Read blocks that are under their labels, as MemGPT had them."""
    for label, block in value.items():
        text = get_plain_text(block)
        if text is not None:
            fields = block if isinstance(block, dict) else {}
            yield from _read_block({**fields, "label": label, "value": text}, context)


def _read_block(block: dict[str, object], context: ReadContext) -> Iterator[ReadResult]:
    label, text = str(block["label"]), str(block["value"])
    if label.lower() in AGENT_LABELS:
        yield SkippedEntry("of_an_agent")
    elif block.get("hidden"):
        yield SkippedEntry("hidden")
    elif not text.strip():
        yield SkippedEntry("blank")
    else:
        fields = {key: block[key] for key in block if key not in NO_FIELDS}
        tags = [] if label.lower() in PERSON_LABELS else [label]
        for line in split_lines(text):
            yield parse_entry(fields, context, text=line, tags=tags, label="")


# --- Messages -----------------------------------------------------------------------------------------------


def _read_messages(
    messages: list[dict[str, object]], context: ReadContext, conversation: str
) -> Iterator[ReadResult]:
    for position, message in enumerate(messages):
        role = str(message.get("role"))
        prefix = ROLE_PREFIXES.get(role)
        text = _get_answer(message) if role == "assistant" else _get_message_text(message)
        if text is None:
            yield SkippedEntry("no_text")
        elif prefix is None or text == "":
            yield SkippedEntry("hidden")
        elif context.chats is ChatFilter.NONE:
            yield SkippedEntry("conversation")
        elif prefix and context.chats is ChatFilter.MINE:
            yield SkippedEntry("of_the_assistant")
        else:
            created_at, notes = pick_entry_time(message, context.zone)
            yield ImportItem(
                prefix + text,
                created_at=created_at,
                conversation=conversation,
                position=position,
                notes=notes,
            )


def _get_message_text(message: dict[str, object]) -> str | None:
    """Return the text of a message, "" for one of the system that has a person's place, wrapped in JSON."""
    text = get_plain_text(message.get("content"))
    if text is None or not text.strip():
        return None
    if text.lstrip().startswith("{"):
        try:
            packed = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if isinstance(packed, dict) and isinstance(packed.get("message"), str):
            return str(packed["message"]) if packed.get("type") in (None, "user_message") else ""
        if isinstance(packed, dict) and "type" in packed:
            return ""  # a login or heartbeat
    return text


def _get_answer(message: dict[str, object]) -> str | None:
    """Return what an agent said: by its tool send_message, or as text."""
    for call in _list_objects(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict) and function.get("name") == "send_message":
            try:
                said = orjson.loads(str(function.get("arguments")))
            except orjson.JSONDecodeError:
                continue
            if isinstance(said, dict) and isinstance(said.get("message"), str):
                return str(said["message"])
    return get_plain_text(message.get("content")) or None


LETTA = Format("letta", gettext_lazy("Letta export"), _is_letta, _read)
