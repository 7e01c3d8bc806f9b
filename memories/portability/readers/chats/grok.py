"""Grok's export.

Shape: from public readers of exports up to 2026. An archive of X has grok-chat-item.js, a script with a list of
`grokChatItem`. The export of Grok is another: prod-grok-backend.json has `conversations`, each a `conversation` and
its `responses`, in which the person is "human" and the assistant "assistant", "ASSISTANT" or the name of a model;
`projects` have instructions of the person. Files are in prod-mc-asset-server/<id>/content.
"""

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import JsonShape, iterate_values
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
    iterate_conversations,
    pick_values,
    read_turns,
)
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.script_json import make_data_part
from memories.portability.readers.times import pick_time

INSTRUCTION_KEYS = ("custom_personality", "custom_instructions", "instructions", "system_prompt")
X_SCRIPT = "window.YTD.grok_chat_item"
FILE_KEYS = ("file_attachments", "image_attachments", "fileAttachments")


def _is_conversation(shape: JsonShape) -> bool:
    return shape.has("responses") and (shape.has("conversation") or shape.has("conversation_id"))


def _is_grok(start: PartStart) -> bool:
    return any(map(_is_conversation, find_shapes(start))) or start.text.startswith(X_SCRIPT)


def _read_grok(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if part.suffix == ".js":
        yield from _read_x_archive(make_data_part(part, b" = "), context)
        return
    for name, value in iterate_conversations(part, _is_conversation):
        if value is None:
            yield SkippedEntry("not_a_memory")
            continue
        conversation = as_object(value.get("conversation")) or value
        started_at = pick_values(conversation, "create_time", "modify_time")
        conversation_id = get_id(conversation, ("id", "conversation_id"), name)
        turns = map(_build_turn, as_list(value.get("responses")))
        yield from read_turns(turns, context, conversation_id, started_at)
    if find_path(part, _is_conversation) == "conversations.item":
        yield from _read_others(part, context)


def _build_turn(value: object) -> Turn:
    response = as_object(as_object(value).get("response")) or as_object(value)
    sender = as_text(response.get("sender")).lower()
    if not sender:
        return Turn(reason="not_a_memory")
    return Turn(
        Author.PERSON if sender in ("human", "user") else Author.ASSISTANT,
        as_text(response.get("message")),
        pick_values(response, "create_time"),
        has_attachments=any(response.get(key) for key in FILE_KEYS),
    )


def _read_x_archive(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    counts: Counter[str] = Counter()
    for value in iterate_values(part, "item"):
        item = as_object(as_object(value).get("grokChatItem"))
        sender, name = as_text(as_object(item.get("sender")).get("name")), get_id(item, ("chatId",), "")
        turn = Turn(
            Author.PERSON if sender.lower() == "user" else Author.ASSISTANT,
            as_text(item.get("message")),
            pick_values(item, "createdAt"),
            "" if sender else "not_a_memory",
        )
        yield from read_turns([turn], context, name or part.name, first=counts[name])
        counts[name] += 1


def _read_others(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read what stands beside the conversations: instructions of projects, and pictures that were made."""
    for value in iterate_values(part, "projects.item"):
        project = as_object(value)
        texts = [as_text(project.get(key)) for key in INSTRUCTION_KEYS]
        name = as_text(project.get("name"))
        created_at, notes = pick_time(pick_values(project, "create_time", "created_at"), context.zone)
        for text in filter(None, texts):
            yield ImportItem(text, (name,) if name else (), created_at, notes=notes)
        if not any(texts):
            yield SkippedEntry("blank" if project else "not_a_memory")
    for _value in iterate_values(part, "media_posts.item"):
        yield SkippedEntry("attachment")
    for _value in iterate_values(part, "tasks.item"):
        yield SkippedEntry("other_activity")


GROK = Format("grok", _("Grok export"), _is_grok, _read_grok)
GROK_FILE = RefusedKind(
    "grok_file", _("Grok attachment"), lambda start: "prod-mc-asset-server/" in start.path, "attachment"
)
GROK_OTHER = RefusedKind(
    "grok_other", _("Grok account"), lambda start: start.base_name.startswith("prod-mc-"), "no_personal_text"
)
