"""ChatGPT's export: conversations, and in them voice, custom instructions and what ChatGPT remembers.

Shape: from public readers of exports up to 2026. conversations.json, or conversations-000.json and so on, is a list of
conversations; each has a `mapping` of nodes with `parent`, and `current_node` is the end of the displayed branch.
Custom instructions and memories are messages of their own, which repeat in every conversation; a memory is written by
a message of the assistant to the recipient `bio`.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    Author,
    Remembered,
    Turn,
    as_list,
    as_object,
    as_text,
    find_shapes,
    get_id,
    iterate_conversations,
    pick_values,
    read_turns,
    remember_once,
)
from memories.portability.readers.chats.prose import split_prose
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.script_json import make_data_part
from memories.portability.readers.times import pick_time

MAX_TURNS = 100_000  # per conversation
MEMORY, INSTRUCTION = "chatgpt memory", "chatgpt instruction"  # kinds of what repeats
INSTRUCTION_KEYS = ("about_user_message", "about_model_message")
DISPLAYED_ANSWERS = ("text", "multimodal_text", "")  # content types
# "1. [2025-01-14]. User keeps bees.": a number, a day or both begin a memory.
NUMBERED = re.compile(
    r"\s*(?:[-*•]\s*)?(?=\d{1,5}[.)]|\[\d)(?:\d{1,5}[.)]\s*)?(?:\[(?P<date>[^\]\n]{0,40})\][.:]?\s*(?:[-–—]\s*)?)?"
    r"(?P<text>\S.*)"
)
CITATION = re.compile("\ue200[^\ue200\ue201]*\ue201|【[^【】]{0,100}†[^【】]{0,200}】")
PROFILE_FIELD = re.compile(r"(?:Preferred name|Nickname|Role|Occupation|Other Information):\s*\S.*")
CONVERSATION_FILES = (
    "conversations.json", "conversations-000.json", "conversations-001.json", "conversations-1.json"
)  # fmt: skip
PAGE_DATA = b"jsonData = "  # before the conversations in chat.html
MEMORY_FILES = frozenset({"memory.json", "memories.json", "user_memories.json", "custom_instructions.json"})
MEMORY_TIMES = ("created_at", "create_time", "createdAt", "updated_at", "update_time", "timestamp")


def is_conversation(shape: JsonShape) -> bool:
    return shape.has("mapping") and (shape.at("mapping").is_object or shape.at("mapping").is_list)


def _is_chatgpt(start: PartStart) -> bool:
    shape, items, *wrapped = find_shapes(start)
    is_single = is_conversation(shape) and any(
        shape.has(key) for key in ("current_node", "conversation_id", "title", "create_time")
    )
    return is_single or any(map(is_conversation, (items, *wrapped))) or _is_memories(start) or _is_page(start)


def _read_chatgpt(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if part.base_name in MEMORY_FILES:
        yield from _read_memories(part, context)
        return
    if part.base_name == "chat.html":
        part = make_data_part(part, PAGE_DATA, one_line=True)
    for name, conversation in iterate_conversations(part, is_conversation):
        if conversation is None or not isinstance(conversation.get("mapping"), dict):
            yield SkippedEntry("not_a_memory")
            continue
        started_at = pick_values(conversation, "create_time", "update_time")
        conversation_id = get_id(conversation, ("conversation_id", "id"), name)
        yield from read_turns(
            _iterate_turns(conversation, context, started_at), context, conversation_id, started_at
        )


def _iterate_turns(
    conversation: dict[str, object], context: ReadContext, started_at: tuple[object, ...]
) -> Iterator[Turn | Remembered]:
    """Yield the turns of the displayed branch, found by walking from its last node to the root."""
    mapping = as_object(conversation["mapping"])
    node_id = conversation.get("current_node")
    if not isinstance(node_id, str) or node_id not in mapping:
        node_id = next((key for key in reversed(mapping) if not as_object(mapping[key]).get("children")), "")
    branch: list[dict[str, object]] = []
    seen: set[object] = set()
    while isinstance(node_id, str) and node_id in mapping and node_id not in seen and len(seen) < MAX_TURNS:
        seen.add(node_id)
        node = as_object(mapping[node_id])
        branch.append(node)
        node_id = node.get("parent")
    for node in reversed(branch):
        if isinstance(message := node.get("message"), dict):
            yield from _build_turns(message, context, started_at)


def _build_turns(
    message: dict[str, object], context: ReadContext, started_at: tuple[object, ...]
) -> Iterator[Turn | Remembered]:
    """Yield the turn of a message; nothing for an empty one of the system."""
    content, metadata = _get_content(message), as_object(message.get("metadata"))
    kind, role = as_text(content.get("content_type")), _get_role(message)
    times = pick_values(message, "create_time", "update_time")
    if kind == "user_editable_context" or "user_context_message_data" in metadata:
        texts = _find_instructions(content, metadata)
        yield Remembered(tuple(remember_once(context, INSTRUCTION, texts, (*times, *started_at))))
    elif kind == "model_editable_context":
        text = as_text(content.get("model_set_context"))
        yield Remembered(tuple(_read_memory_list(text, context, started_at)))
    elif role == "assistant" and message.get("recipient") == "bio":
        text = _join_texts(content)
        lines = [line.strip() for line in text.split("\n")]
        yield Remembered(tuple(remember_once(context, MEMORY, lines, (*times, *started_at))))
    elif role not in ("user", "assistant"):
        if role == "tool" or _join_texts(content):
            yield Turn(reason="no_text" if role == "tool" else "hidden")
    else:
        yield _build_turn(message, role, times)


def _build_turn(message: dict[str, object], role: str, times: tuple[object, ...]) -> Turn:
    content, metadata = _get_content(message), as_object(message.get("metadata"))
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return Turn(reason="hidden")
    text = _join_texts(content)
    has_attachments = bool(metadata.get("attachments")) or any(
        map(_is_picture, as_list(content.get("parts")))
    )
    if role == "user":
        return Turn(Author.PERSON, text, times, has_attachments=has_attachments)
    is_displayed = message.get("recipient") in (None, "", "all")
    if not is_displayed or as_text(content.get("content_type")) not in DISPLAYED_ANSWERS:
        return Turn(Author.ASSISTANT, reason="no_text")
    return Turn(Author.ASSISTANT, CITATION.sub("", text).strip(), times, has_attachments=has_attachments)


def _get_content(message: dict[str, object]) -> dict[str, object]:
    content = message.get("content")
    return {"parts": [content]} if isinstance(content, str) else as_object(content)


def _get_role(message: dict[str, object]) -> str:
    """Return who speaks; what was said and written down tells it by its direction where the message does not."""
    role = as_text(as_object(message.get("author")).get("role"))
    if role in ("user", "assistant", "system", "tool"):
        return role
    for part in as_list(as_object(message.get("content")).get("parts")):
        direction = as_text(as_object(part).get("direction"))
        if direction in ("in", "out"):
            return "user" if direction == "in" else "assistant"
    return role


def _join_texts(content: dict[str, object]) -> str:
    """Return what is written in a message, and what was spoken and written down."""
    parts = [as_text(part) or as_text(as_object(part).get("text")) for part in as_list(content.get("parts"))]
    return "\n".join(filter(None, parts)) or as_text(content.get("text"))


def _is_picture(part: object) -> bool:
    kind = as_text(as_object(part).get("content_type"))
    return kind.endswith("asset_pointer") and "audio" not in kind


# --- What ChatGPT knows -------------------------------------------------------------------------------------


def _find_instructions(content: dict[str, object], metadata: dict[str, object]) -> Iterator[str]:
    data = as_object(metadata.get("user_context_message_data"))
    for key, other in zip(INSTRUCTION_KEYS, ("user_profile", "user_instructions"), strict=True):
        yield from _split_instructions(as_text(data.get(key)) or _unwrap(as_text(content.get(other))))


def _unwrap(text: str) -> str:
    """Return the user's own text; ChatGPT puts it in a fence after an explanation to the model."""
    _before, mark, rest = text.partition("```")
    inner, end, _after = rest.rpartition("```")
    return inner.strip() if mark and end else rest.strip() if mark else text


def _split_instructions(text: str) -> Iterator[str]:
    """Yield each paragraph and list item; the fields of the form about oneself are one each."""
    lines = [f"\n{line}\n" if PROFILE_FIELD.fullmatch(line.strip()) else line for line in text.split("\n")]
    for each in split_prose("\n".join(lines)):
        if isinstance(each, str):
            yield each


def _read_memory_list(
    text: str, context: ReadContext, started_at: tuple[object, ...]
) -> Iterator[ReadResult]:
    """Read a numbered list of memories, each with its day; lines without a number belong to the one before."""
    entries: list[tuple[object, list[str]]] = []
    for line in text.split("\n"):
        if match := NUMBERED.fullmatch(line):
            entries.append((match["date"], [match["text"]]))
        elif line.strip() and not line.startswith("#"):
            if not entries:
                entries.append((None, []))
            entries[-1][1].append(line.rstrip())
    for day, lines in entries:
        yield from remember_once(context, MEMORY, ["\n".join(lines).strip()], (day, *started_at))


def _is_page(start: PartStart) -> bool:
    """Return whether it is the page that shows the conversations."""
    return start.base_name == "chat.html" and start.text[:1] == "<"


def _is_memories(start: PartStart) -> bool:
    """Return whether this is a file of memories or instructions beside ChatGPT's conversations."""
    if start.base_name not in MEMORY_FILES:
        return False
    if start.json.has(*INSTRUCTION_KEYS):
        return True
    return any(read_shape(part).at(ITEMS).has("mapping") for part in _list_conversations_beside(start))


def _list_conversations_beside(start: PartStart) -> list[Part]:
    """Return files of conversations in the same folder or the one above; a few names, since there may be many files."""
    folder = start.path.rpartition("/")[0]
    folders = dict.fromkeys((folder, folder.rpartition("/")[0]))
    paths = (f"{each}/{name}".lstrip("/") for each in folders for name in CONVERSATION_FILES)
    return [start.parts[path] for path in paths if path in start.parts]


def _read_memories(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    shape = read_shape(part)
    if not shape.is_list and shape.has(INSTRUCTION_KEYS[0]):
        for value in iterate_values(part, ""):
            texts = (
                each for key in INSTRUCTION_KEYS for each in _split_instructions(as_text(value.get(key)))
            )
            yield from remember_once(context, INSTRUCTION, texts, ())
        return
    key = next((key for key in ("memories", "memory", "items", "data") if shape.at(key).is_list), "")
    for value in iterate_values(part, "item" if shape.is_list else f"{key}.item" if key else ""):
        yield _parse_memory(value, context)


def _parse_memory(value: object, context: ReadContext) -> ReadResult:
    entry = as_object(value)
    text = as_text(value) or next(
        filter(None, (as_text(entry.get(key)) for key in ("content", "memory", "text"))), ""
    )
    if not text:
        return SkippedEntry("not_a_memory")
    if entry.get("deleted_at") or as_text(entry.get("status")) in ("deleted", "archived"):
        return SkippedEntry("in_trash")
    created_at, notes = pick_time(pick_values(entry, *MEMORY_TIMES), context.zone)
    context.is_first(MEMORY, text)
    return ImportItem(text, created_at=created_at, notes=notes)


CHATGPT = Format("chatgpt", _("ChatGPT export"), _is_chatgpt, _read_chatgpt)

# --- Files beside the conversations ---------------------------------------------------------------------------

OTHER_FILES = frozenset({
    "user.json", "user_settings.json", "message_feedback.json", "shared_conversations.json", "model_comparisons.json",
    "export_manifest.json", "sora.json", "shopping.json", "group_chats.json",
})  # fmt: skip
OTHER_SHAPES = (
    ("conversation_id", "is_anonymous"), ("conversation_id", "rating"), ("chatgpt_plus_user",), ("export_files",)
)  # fmt: skip


def _is_other(start: PartStart) -> bool:
    shapes = (start.json, start.json.at(ITEMS))
    is_known = any(shape.has(*keys) for shape in shapes for keys in OTHER_SHAPES)
    return is_known or (start.base_name in OTHER_FILES and bool(_list_conversations_beside(start)))


CHATGPT_PAGE = RefusedKind(
    "chatgpt_page",
    _("ChatGPT conversations as a page"),
    lambda start: _is_page(start) and bool(_list_conversations_beside(start)),
    "same_content",
)
CHATGPT_OTHER = RefusedKind("chatgpt_other", _("ChatGPT account and feedback"), _is_other, "no_personal_text")
