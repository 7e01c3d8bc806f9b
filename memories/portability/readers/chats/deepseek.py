"""DeepSeek's export.

Shape: from public readers of exports up to 2026. conversations.json is a list of conversations with a `mapping` of
nodes with `parent` and `children`, as ChatGPT has, but a message has `fragments` of the types REQUEST, RESPONSE, THINK,
SEARCH and others. A shared conversation has `data.biz_data.messages`.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import JsonShape
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_list,
    as_object,
    as_text,
    find_shapes,
    get_id,
    iterate_conversations,
    pick_values,
    read_turns,
)
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry

MAX_TURNS = 100_000  # per conversation
FRAGMENTS = {"REQUEST": Author.PERSON, "RESPONSE": Author.ASSISTANT}
ROLES = {"USER": Author.PERSON, "ASSISTANT": Author.ASSISTANT}


def _is_conversation(shape: JsonShape) -> bool:
    mapping = shape.at("mapping")
    has_fragments = any(node.at("message").has("fragments") for node in mapping.keys.values())
    return has_fragments or (mapping.is_object and shape.has("inserted_at")) or _is_shared(shape)


def _is_shared(shape: JsonShape) -> bool:
    return shape.at("data", "biz_data").has("messages")


def _is_deepseek(start: PartStart) -> bool:
    return any(map(_is_conversation, find_shapes(start)))


def _read_deepseek(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for name, value in iterate_conversations(part, _is_conversation):
        conversation = as_object(as_object(value and value.get("data")).get("biz_data")) or value
        if not conversation:
            yield SkippedEntry("not_a_memory")
            continue
        started_at = pick_values(conversation, "inserted_at", "updated_at")
        conversation_id = get_id(conversation, ("id", "uuid"), name)
        yield from read_turns(_iterate_turns(conversation), context, conversation_id, started_at)


def _iterate_turns(conversation: dict[str, object]) -> Iterator[Turn]:
    for message in as_list(conversation.get("messages")):
        yield from _build_turns(as_object(message), pick_values(conversation, "inserted_at"))
    for message in _walk_branch(as_object(conversation.get("mapping"))):
        yield from _build_turns(message, ())


def _walk_branch(mapping: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield the messages of the branch that was written last: always on to the last child."""
    node_id: object = (
        "root"
        if "root" in mapping
        else next((key for key, node in mapping.items() if not as_object(node).get("parent")), None)
    )
    seen: set[str] = set()
    while isinstance(node_id, str) and node_id in mapping and node_id not in seen and len(seen) < MAX_TURNS:
        seen.add(node_id)
        node = as_object(mapping[node_id])
        if message := as_object(node.get("message")):
            yield message
        children = as_list(node.get("children"))
        node_id = children[-1] if children else None


def _build_turns(message: dict[str, object], started_at: tuple[object, ...]) -> Iterator[Turn]:
    """Yield a turn for what was asked and one for what was answered; thoughts and searches have no text."""
    times = (*pick_values(message, "inserted_at", "updated_at"), *started_at)
    has_files = bool(message.get("files"))
    fragments = [as_object(fragment) for fragment in as_list(message.get("fragments"))]
    if not fragments:
        author = ROLES.get(as_text(message.get("role")).upper())
        text = as_text(message.get("content"))
        yield Turn(author, text, times, has_attachments=has_files) if author else Turn(reason="no_text")
        return
    for author in FRAGMENTS.values():
        texts = [
            as_text(each.get("content"))
            for each in fragments
            if FRAGMENTS.get(str(each.get("type"))) is author
        ]
        if texts:
            yield Turn(author, "\n\n".join(filter(None, texts)), times, has_attachments=has_files)
    others = sum(str(each.get("type")) not in FRAGMENTS for each in fragments)
    if others == len(fragments):
        yield Turn(reason="no_text")


DEEPSEEK = Format("deepseek", _("DeepSeek export"), _is_deepseek, _read_deepseek)
