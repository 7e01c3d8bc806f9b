"""Conversations in which each message has a role: Le Chat, extensions that save chats, logs of APIs, and others.

Shape: Le Chat (Mistral) gives out a list of messages with `chatId`, `role`, `content` and `createdAt` for each chat, as
public readers tell. Others have lists of messages, alone or below `messages` in an object, such objects in a list or
below a key, or one in each line of JSON Lines.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import (
    ITEMS,
    MAX_VALUE_BYTES,
    JsonShape,
    iterate_lines,
    iterate_values,
    read_shape,
)
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_list,
    as_object,
    as_text,
    find_path,
    find_shapes,
    get_id,
    pick_values,
    read_turns,
)
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.generic.json_list import read_memories_beside

ROLE_KEYS = ("role", "sender", "from", "speaker", "author", "sender_name", "type")
ASSISTANT_NAMES = ("meta ai",)  # in Meta's exports, where the person has their name
TEXT_KEYS = (
    "content", "text", "parts", "message", "value", "body", "mes", "say", "contentChunks", "content_list", "data",
)  # fmt: skip
FLAG_KEYS = ("is_user", "isUser", "isCreatedByUser", "fromUser")  # true for the person
LIST_KEYS = (
    "messages", "turns", "conversation", "conversations", "chat", "history", "chunks", "contents", "requests", "input",
    "msgs",
)  # fmt: skip
# A question with its answer in one object.
PAIR_KEYS = (
    ("prompt", "response"), ("prompt", "completion"), ("query", "response"), ("user", "assistant"), ("human", "ai"),
    ("human", "assistant"), ("user", "bot"), ("user_message", "assistant_message"), ("user_message", "bot_response"),
    ("message", "response"),
)  # fmt: skip
INNER_KEYS = ("chat", "conversation", "session", "request", "body", "chunkedPrompt", "history", "data")
TIME_KEYS = (
    "created_at", "createdAt", "create_time", "timestamp", "time", "date", "ts", "sent_at", "send_date",
    "timestamp_ms", "creationTime", "updated_at",
)  # fmt: skip
ID_KEYS = (
    "chatId", "conversation_id", "conversationId", "session_id", "sessionId", "thread_id", "threadId",
)  # fmt: skip
FILE_KEYS = ("files", "attachments", "images", "experimental_attachments")
PEOPLE = frozenset({"user", "human", "me", "you", "prompt", "question", "customer"})
HIDDEN = frozenset({"system", "developer", "info", "error"})
TOOLS = frozenset({"tool", "function", "ipython", "tool_result", "tool_use", "tool_call"})
TYPE_ROLES = PEOPLE | HIDDEN | TOOLS | {"ai", "assistant", "gemini", "model", "bot"}  # in the key `type`
FILE_BLOCKS = frozenset(
    {"image", "image_url", "input_image", "file", "input_file", "document", "audio", "input_audio"}
)
TEXT_BLOCKS = frozenset({"text", "input_text", "output_text", "paragraph", "markdown"})
KNOWN_ROLE = re.compile(
    r'"(?:role|sender|from|speaker|author|type)"\s{0,9}:\s{0,9}"(?:user|human|assistant|ai|bot|model|gpt|system|prompt)"'
    r'|"(?:is_user|isUser|isCreatedByUser|fromUser)"|"sender_name"\s{0,9}:\s{0,9}"Meta AI"',
    re.IGNORECASE,
)


def is_message(shape: JsonShape) -> bool:
    if not shape.keys:
        return False
    has_role = any("string" in shape.at(key).kinds for key in ROLE_KEYS) or (
        shape.at("author").has("role") or shape.at("info").has("role")
    )
    return (has_role or any(shape.has(key) for key in FLAG_KEYS)) and any(shape.has(key) for key in TEXT_KEYS)


def _is_pair(shape: JsonShape) -> bool:
    """Return whether objects have a question and its answer."""
    return any(
        shape.has(question, answer)
        and ("string" in shape.at(question).kinds or shape.at(question).has("text"))
        for question, answer in PAIR_KEYS
    )


def _is_turn(shape: JsonShape) -> bool:
    return is_message(shape) or _is_pair(shape)


def _is_conversation(shape: JsonShape) -> bool:
    """Return whether objects have messages in a list, themselves or in an object within."""
    places = (shape, *(shape.keys[key] for key in INNER_KEYS if key in shape.keys))
    lists = (place.keys[key] for place in places for key in LIST_KEYS if key in place.keys)
    return any(each.items is not None and _is_turn(each.items) for each in lists) or any(
        place.at("history", "messages").is_object for place in places
    )


def _is_role_list(start: PartStart) -> bool:
    shapes = find_shapes(start)
    if any(map(_is_pair, (*shapes[:2], start.json.at("requests", ITEMS)))):
        return True
    places = (*shapes, start.json.at(ITEMS, ITEMS))
    is_list = any(is_message(shape) or _is_conversation(shape) for shape in places)
    return is_list and KNOWN_ROLE.search(start.text) is not None


def _is_lechat(start: PartStart) -> bool:
    items = start.json.at(ITEMS)
    return is_message(items) and items.has("chatId", "role")


def _read_role_list(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    shape = read_shape(part)
    if not shape.kinds or PartStart(part).lines.kinds:
        return _read_messages(iterate_lines(part), part, context)
    if (path := find_path(part, _is_turn)) is not None and path != "":
        return _read_messages(iterate_values(part, path), part, context)
    if part.size > MAX_VALUE_BYTES and _is_conversation(shape) and not shape.is_list:
        key = next((key for key in LIST_KEYS if _is_turn(shape.at(key, ITEMS))), LIST_KEYS[0])
        return _read_messages(iterate_values(part, f"{key}.item"), part, context)
    path = find_path(part, _is_conversation)
    path = path if path is not None else "item" if shape.is_list else ""
    return _read_messages(iterate_values(part, path), part, context)


def _read_messages(values: Iterator[object], part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read messages, and conversations of them, in any order; messages of one ID belong together."""
    counts: Counter[str] = Counter()
    for number, value in enumerate(values):
        messages, outer = _find_messages(value)
        if isinstance(value, ValueError):
            yield SkippedEntry("not_json")
        elif messages is not None:
            name = get_id(outer, (*ID_KEYS, "id", "uuid", "custom_id"), f"{part.name} {number}")
            started_at = pick_values(outer, *TIME_KEYS)
            turns = chain.from_iterable(map(_build_turns, (*messages, *_find_choices(outer))))
            yield from read_turns(turns, context, name, started_at)
        else:
            name = get_id(as_object(value), ID_KEYS, part.name or "chat")
            built = _build_turns(value)
            yield from read_turns(built, context, name, first=counts[name])
            counts[name] += len(built)


def _find_messages(value: object) -> tuple[list[object] | None, dict[str, object]]:
    """Return the messages of a conversation and the object around them; None for what is a message itself."""
    if isinstance(value, list):
        return _flatten(value), {}
    outer = as_object(value)
    for place in (outer, *(as_object(outer.get(key)) for key in INNER_KEYS)):
        for key in LIST_KEYS:
            messages = place.get(key)
            if key in ("messages", "history") and isinstance(messages, dict) and messages:
                inner = messages.get("messages", messages)
                messages = list(as_object(inner).values()) or None
            if isinstance(messages, list) and any(isinstance(each, dict) for each in messages):
                return _flatten(messages), {**place, **outer}
    return None, outer


def _flatten(messages: list[object]) -> list[object]:
    """Return messages in the order in which they were written, those within others too."""
    if messages and "timestamp_ms" in as_object(messages[0]):
        messages = messages[::-1]  # Meta's exports begin with the newest
    flat: list[object] = []
    rest = messages[::-1]
    while rest:
        message = rest.pop()
        flat.append(message)
        rest += [each for each in as_list(as_object(message).get("children")) if isinstance(each, dict)][::-1]
    return flat


def _find_choices(outer: dict[str, object]) -> list[object]:
    """Return the answers in a log of an API."""
    response = as_object(outer.get("response"))
    choices = as_list(outer.get("choices")) or as_list(response.get("choices"))
    return [as_object(choice).get("message") for choice in choices]


def _build_turns(value: object) -> list[Turn]:
    """Return the turn of a message, or a question and its answer."""
    entry = as_object(value)
    entry = {**as_object(entry.get("info")), **entry}  # of OpenCode
    if role := _get_role(entry):
        return [_build_turn(entry, role)]
    pair = next((keys for keys in PAIR_KEYS if all(key in entry for key in keys)), None)
    if pair is None:
        return [Turn(reason="not_a_memory")]
    texts = (join_content(entry[key])[0] for key in pair)
    times = pick_values(entry, *TIME_KEYS)
    return [Turn(author, text, times) for author, text in zip(Author, texts, strict=True)]


def _build_turn(entry: dict[str, object], role: str) -> Turn:
    contents = (join_content(entry[key]) for key in TEXT_KEYS if key in entry)
    text, has_files = next((found for found in contents if found[0]), ("", False))
    if "sender_name" in entry:
        text = _repair(text)
    if role in HIDDEN:
        return Turn(reason="hidden")
    return Turn(
        Author.PERSON if role in PEOPLE else Author.ASSISTANT,
        text,
        (*pick_values(entry, *TIME_KEYS), *pick_values(as_object(entry.get("time")), "created")),
        "no_text" if role in TOOLS else "",
        has_attachments=has_files or any(entry.get(key) for key in FILE_KEYS),
    )


def _repair(text: str) -> str:
    """Return the text as it was; Meta's exports take each byte of it for a character."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _get_role(entry: dict[str, object]) -> str:
    for key in FLAG_KEYS:
        if isinstance(flag := entry.get(key), bool):
            return "user" if flag else "assistant"
    for key in ROLE_KEYS:
        role = as_text(entry.get(key)) or as_text(as_object(entry.get(key)).get("role"))
        if role and key == "sender_name":
            return "assistant" if role.lower() in ASSISTANT_NAMES else "user"
        if role and (key != "type" or role.lower() in TYPE_ROLES):
            return role.lower()
    return ""


def join_content(content: object) -> tuple[str, bool]:
    """Return the text of a message and whether it has files; thoughts, tools and their results have no text."""
    if isinstance(content, str):
        return content.strip(), False
    if isinstance(content, dict):
        inner = next((content[key] for key in ("parts", "content", "text", "value") if key in content), None)
        return join_content(inner) if not isinstance(inner, dict) else ("", False)
    texts: list[str] = []
    has_files = False
    for block in as_list(content):
        entry = as_object(block)
        kind = as_text(entry.get("type"))
        has_files = (
            has_files or kind in FILE_BLOCKS or bool(entry.keys() & {"inlineData", "inline_data", "fileData"})
        )
        if not entry:
            texts.append(as_text(block))
        elif (not kind or kind in TEXT_BLOCKS) and not entry.get("thought") and entry.get("phase") != "think":
            inner = entry.get("text") or entry.get("content") or entry.get("value")
            texts.append(as_text(inner) or as_text(as_object(inner).get("value")))
    return "\n".join(filter(None, texts)), has_files


def _read_with_memories(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    yield from _read_role_list(part, context)
    yield from read_memories_beside(part, context)


LE_CHAT = Format("lechat", _("Le Chat export"), _is_lechat, _read_role_list)
ROLE_LIST = Format("chat", _("Chat messages"), _is_role_list, _read_with_memories)
