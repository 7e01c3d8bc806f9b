"""Claude's export: conversations, also those about designs; memories and projects are in claude_memory.

Shape: from public readers of exports up to November 2026. conversations.json is a list of conversations with
`chat_messages`; since September 2026 it is in a zip for each category. A message has blocks in `content`, and what was
pasted or attached as text in `attachments[].extracted_content`. Chats about designs have `messages` with
`content.contentBlocks`.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import ITEMS, JsonShape
from memories.portability.files.parts import Part
from memories.portability.readers.chats.claude_memory import (
    is_memory,
    is_project,
    read_memories,
    read_projects,
)
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_list,
    as_object,
    as_text,
    find_path,
    find_shapes,
    get_id,
    iterate_conversations,
    pick_values,
    read_turns,
)
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ReadResult, SkippedEntry

AUTHORS = {"human": Author.PERSON, "user": Author.PERSON, "assistant": Author.ASSISTANT}


def is_conversation(shape: JsonShape) -> bool:
    return shape.has("chat_messages") or (
        shape.at("messages", ITEMS, "content").has("contentBlocks")
        or shape.at("messages", ITEMS, "content").has("authorAccountUuid")
    )


def _is_claude(start: PartStart) -> bool:
    return any(
        is_conversation(shape) or is_memory(shape) or is_project(shape) for shape in find_shapes(start)
    )


def _read_claude(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if find_path(part, is_conversation) is not None or PartStart(part).lines.kinds:
        return _read_conversations(part, context)
    return (read_memories if find_path(part, is_memory) is not None else read_projects)(part, context)


def _read_conversations(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for name, conversation in iterate_conversations(part, is_conversation):
        messages = conversation and (conversation.get("chat_messages") or conversation.get("messages"))
        if conversation is None or not isinstance(messages, list | None):
            yield SkippedEntry("not_a_memory")
            continue
        if as_text(conversation.get("summary")):
            yield SkippedEntry("of_the_assistant")
        started_at = pick_values(conversation, "created_at", "updated_at")
        turns = map(_build_turn, messages or [])
        yield from read_turns(turns, context, get_id(conversation, ("uuid", "id"), name), started_at)


def _build_turn(value: object) -> Turn:
    message = as_object(value)
    content = message.get("content")
    details = as_object(content)  # of a chat about a design
    author = AUTHORS.get(as_text(message.get("sender")) or as_text(message.get("role")))
    if author is None:
        return Turn(reason="not_a_memory" if not message else "hidden")
    attachments = [
        *map(as_object, as_list(message.get("attachments"))),
        *map(as_object, as_list(details.get("attachments"))),
    ]
    pasted = [as_text(each.get("extracted_content")) or as_text(each.get("content")) for each in attachments]
    text = _join_blocks(as_list(content) or as_list(details.get("contentBlocks")))
    text = text or as_text(message.get("text")) or as_text(details.get("content")) or as_text(content)
    return Turn(
        author,
        "\n\n".join(filter(None, (text, *pasted))),
        (*pick_values(message, "created_at", "updated_at"), *pick_values(details, "timestamp")),
        has_attachments=not all(pasted) or bool(as_list(message.get("files"))),
    )


def _join_blocks(blocks: list[object]) -> str:
    texts = (_get_block_text(as_object(block)) or as_text(block) for block in blocks)
    return "\n".join(filter(None, texts))


def _get_block_text(block: dict[str, object]) -> str:
    """Return what a block says; nothing for thoughts, tools and their results."""
    if block.get("type") == "user_interjection":
        message = block.get("message")
        return as_text(message) or as_text(as_object(message).get("content"))
    return as_text(block.get("text")) if block.get("type") in (None, "text", "voice_note") else ""


CLAUDE = Format("claude", _("Claude export"), _is_claude, _read_claude)

# --- Files beside the conversations ---------------------------------------------------------------------------

OTHER_SHAPES = (
    ("uuid", "full_name", "email_address"),
    ("data_files",),
    ("login_history",),
    ("ip_address", "user_agent"),
)


def _is_other(start: PartStart) -> bool:
    shapes = (start.json, start.json.at(ITEMS))
    is_empty = start.base_name == "users.json" and start.part.size <= len("[]\n")
    return is_empty or any(shape.has(*keys) for shape in shapes for keys in OTHER_SHAPES)


def _is_artifact(start: PartStart) -> bool:
    return start.json.has("versions") and any(
        start.json.has(key) for key in ("owner_account", "active_version")
    )


CLAUDE_OTHER = RefusedKind("claude_other", _("Claude account"), _is_other, "no_personal_text")
CLAUDE_ARTIFACT = RefusedKind("claude_artifact", _("Claude artifact"), _is_artifact, "of_the_assistant")
