"""Readers for ChatGPT and Claude exports: conversations and the assistant's stored memories."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_time

MAX_TURNS = 100_000  # per conversation

Turn = tuple[str, str | None, object]  # role, text, time
TurnIterator = Callable[[dict[str, object]], Iterator[Turn]]


ROLE_PREFIXES = {"user": "", "human": "", "assistant": "Assistant: "}  # other roles are ignored
# Where a new memory begins in Claude's prose. Looks no further than one line, so that a hostile text cannot make it
# backtrack and block the process.
BLOCK = re.compile(r"\n(?=[^\S\n]*(?:[-*•]\s|#|\*\*)|\n)")
HEADING = re.compile(r"#{1,6}(?:\s+(?P<a>\S.*))?|\*\*(?P<b>[^*]+)\*\*:?")
HEADING_CHARACTERS = 200  # longer headings are memories themselves, not prefixes of those below


# --- ChatGPT ----------------------------------------------------------------------------------------------


def _read_chatgpt(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    yield from _read_conversations(part, context.chats, _iterate_chatgpt_turns)


def _is_chatgpt(start: PartStart) -> bool:
    return start.json.at(ITEMS).has("mapping")


CHATGPT = Format("chatgpt", gettext_lazy("ChatGPT export"), _is_chatgpt, _read_chatgpt)


def _iterate_chatgpt_turns(conversation: dict[str, Any]) -> Iterator[Turn]:
    """Yield (role, text or None, time) along the displayed branch, found by walking from its last node to the root."""
    mapping = conversation["mapping"]
    node_id = conversation.get("current_node") or _find_last_leaf(mapping)
    branch: list[dict[str, object]] = []
    seen: set[str] = set()
    while isinstance(node_id, str) and node_id in mapping and node_id not in seen and len(seen) < MAX_TURNS:
        seen.add(node_id)
        branch.append(mapping[node_id])
        node_id = mapping[node_id].get("parent")
    for node in reversed(branch):
        message = node.get("message")
        if isinstance(message, dict):
            yield (
                _get_role(message.get("author")),
                _get_chatgpt_text(message.get("content")),
                message.get("create_time"),
            )


def _find_last_leaf(mapping: dict[str, Any]) -> str | None:
    leaves = [key for key, node in mapping.items() if not node.get("children")]
    return leaves[-1] if leaves else None


def _get_role(author: object) -> str:
    return str(author.get("role")) if isinstance(author, dict) else ""


def _get_chatgpt_text(content: object) -> str | None:
    if not isinstance(content, dict) or content.get("content_type") not in ("text", "multimodal_text", None):
        return None
    parts = content.get("parts")
    texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    return "\n".join(texts).strip() or None


# --- Claude -----------------------------------------------------------------------------------------------


def _read_claude(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    shape = read_shape(part)
    if shape.at(ITEMS).has("chat_messages"):
        yield from _read_conversations(part, context.chats, _iterate_claude_turns)
    else:
        yield from _read_claude_memories(part)


def _is_claude(start: PartStart) -> bool:
    shape = start.json
    return any(
        place.has(key)
        for place in (shape, shape.at(ITEMS))
        for key in ("chat_messages", "conversations_memory")
    )


CLAUDE = Format("claude", gettext_lazy("Claude export"), _is_claude, _read_claude)


def _read_claude_memories(part: Part) -> Iterator[ReadResult]:
    """Split Claude's prose into memories: one per paragraph or list item, prefixed with its heading."""
    for value in iterate_values(part, "item" if read_shape(part).is_list else ""):
        if not isinstance(value, dict):
            continue
        if isinstance(text := value.get("conversations_memory"), str):
            yield from _split_prose(text)
        projects = value.get("project_memories")
        for prose in projects.values() if isinstance(projects, dict) else ():
            if isinstance(prose, str):
                yield from _split_prose(prose)


def _split_prose(prose: str) -> Iterator[ImportItem]:
    heading = ""
    for block in map(str.strip, BLOCK.split(prose)):
        match = HEADING.fullmatch(block) if len(block) <= HEADING_CHARACTERS else None
        if match:
            heading = (match["a"] or match["b"] or "").strip(" :")
        elif text := block.lstrip("-*• ").strip():
            yield ImportItem(f"{heading}: {text}" if heading else text)


def _iterate_claude_turns(conversation: dict[str, Any]) -> Iterator[Turn]:
    for message in conversation["chat_messages"]:
        if isinstance(message, dict):
            yield str(message.get("sender")), _get_claude_text(message), message.get("created_at")


def _get_claude_text(message: dict[str, object]) -> str | None:
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [
        block["text"]
        for block in blocks
        if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
    ]
    plain = message.get("text")
    return "\n".join(texts).strip() or (plain.strip() if isinstance(plain, str) else "") or None


# --- Shared -----------------------------------------------------------------------------------------------


def _read_conversations(part: Part, chats: ChatFilter, iterate_turns: TurnIterator) -> Iterator[ReadResult]:
    for number, conversation in enumerate(iterate_values(part, "item")):
        try:
            yield from _read_conversation(conversation, chats, iterate_turns, f"{part.name} {number}")
        except (KeyError, TypeError, AttributeError):
            yield SkippedEntry("not_a_memory")  # a malformed conversation must not fail the others


def _read_conversation(
    conversation: dict[str, Any], chats: ChatFilter, iterate_turns: TurnIterator, fallback_id: str
) -> list[ReadResult]:
    ids = (conversation.get(key) for key in ("id", "conversation_id", "uuid"))
    conversation_id = str(next(filter(None, ids), fallback_id))
    started_at = conversation.get("create_time") or conversation.get("created_at")
    results: list[ReadResult] = []
    for role, text, sent_at in iterate_turns(conversation):
        if text is None:
            results.append(SkippedEntry("no_text"))
        elif role not in ROLE_PREFIXES:
            continue  # system or tool
        elif chats is ChatFilter.NONE:
            results.append(SkippedEntry("conversation"))
        elif ROLE_PREFIXES[role] and chats is ChatFilter.MINE:
            results.append(SkippedEntry("of_the_assistant"))
        else:
            results.append(
                ImportItem(
                    ROLE_PREFIXES[role] + text,
                    created_at=parse_time(sent_at) or parse_time(started_at),
                    conversation=conversation_id,
                )
            )
    return results
