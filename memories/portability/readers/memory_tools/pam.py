"""portable-ai-memory 1.0: stores of memories and normalized conversations (https://portable-ai-memory.org/spec/v1.0)."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import TypeGuard
from uuid import UUID

from django.utils.translation import gettext_lazy

from memories.models import Visibility
from memories.portability.files.json_stream import ITEMS, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportItem, ReadResult, Revision, SkippedEntry
from memories.portability.readers.memory_tools.entries import SUPERSEDES, build_links, find_links, get_id
from memories.portability.readers.memory_tools.picard_jsonl import MAX_TAGS_READ, MAX_VERSION, parse_own_id
from memories.portability.readers.times import parse_expiry, parse_time, pick_time

PAM_METADATA = "picard"  # in the metadata of a memory: what the format has no place for
NOT_IN_TAG = re.compile(r"[^a-z0-9_-]+")  # tags are ^[a-z0-9][a-z0-9_-]*$
TEXT_KEYS = ("content", "text", "memory", "summary")
KNOWN_METADATA = frozenset({"language", "domain", PAM_METADATA})
# Why memories of these statuses are left out; what is deprecated is still valid.
STATUS_REASONS = {"superseded": "superseded", "retracted": "superseded", "archived": "archived"}
STORE_KEYS = frozenset({"content_hash", "temporal", "provenance"})  # that few other formats have
ROLE_PREFIXES = {"user": "", "assistant": "Assistant: "}


# --- Stores ---------------------------------------------------------------------------------------------


def _read_pam(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if _is_conversation(PartStart(part)):
        return _read_conversation(part, context)
    return _read_store(part, context)


def _read_store(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read the memories, and the relations that say which of them replaces which."""
    relations = (value for value in iterate_values(part, "relations.item") if isinstance(value, dict))
    links = dict.fromkeys(
        link
        for value in relations
        if value.get("type") == SUPERSEDES
        for link in build_links([value.get("from")], [value.get("to")])
    )
    replaced = {link.older for link in links}
    for value in iterate_values(part, "memories.item"):
        own_links = list(find_links(value))
        yield _parse_memory(value, {*replaced, *(link.older for link in own_links)}, context)
        yield from own_links
    yield from links


def _parse_memory(value: object, replaced: Collection[str], context: ReadContext) -> ReadResult:
    if not isinstance(value, dict):
        return SkippedEntry("not_a_memory")
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if text is None:
        return SkippedEntry("not_a_memory")
    file_id, status = get_id(value.get("id")), value.get("status")
    is_superseded = status == "superseded" and file_id in replaced
    if isinstance(status, str) and status in STATUS_REASONS and not is_superseded:
        return SkippedEntry(STATUS_REASONS[status])
    temporal, access, metadata = (_get_object(value, key) for key in ("temporal", "access", "metadata"))
    own = _get_object(metadata, PAM_METADATA)
    try:
        expires_at = parse_expiry(temporal.get("valid_until"), context.zone)
    except ValueError:
        return SkippedEntry("unread_expiry")
    created_at, notes = pick_time((temporal.get("created_at"), value.get("created_at")), context.zone)
    if value.get("summary") not in (None, "", text) or metadata.keys() - KNOWN_METADATA:
        notes += ("fields_dropped",)
    provenance = _get_object(value, "provenance")
    conversation, position = _get_place(provenance, own)
    version = own.get("version")
    return ImportItem(
        text,
        _restore_tags(value.get("tags"), own.get("tags")),
        created_at,
        conversation=conversation,
        position=position,
        id=parse_own_id(file_id) if provenance.get("platform") == PAM_METADATA else None,
        visibility=Visibility.PUBLIC.value
        if access.get("visibility") == "public"
        else Visibility.PRIVATE.value,
        expires_at=expires_at,
        pinned=True if own.get("pinned") is True else None,
        updated_at=parse_time(temporal.get("updated_at"), context.zone),
        written_at=parse_time(own.get("written_at") or temporal.get("updated_at"), context.zone),
        version=version if _is_version(version) else 1,
        history=tuple(_parse_history(own.get("history"))),
        file_id=file_id,
        is_superseded=is_superseded,
        notes=notes,
    )


def _get_object(value: dict[str, object], key: str) -> dict[str, object]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _get_place(provenance: dict[str, object], own: dict[str, object]) -> tuple[str | None, int | None]:
    """Return the conversation of a memory and its position; only our own stores have both."""
    conversation, position = provenance.get("conversation_ref"), own.get("position")
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        return None, None
    try:
        return str(UUID(str(conversation))), position
    except ValueError:
        return None, None


def _parse_history(value: object) -> Iterator[Revision]:
    for each in value if isinstance(value, list) else ():
        if not isinstance(each, dict):
            continue
        version, text, written_at = each.get("version"), each.get("text"), parse_time(each.get("written_at"))
        if _is_version(version) and isinstance(text, str) and written_at is not None:
            yield Revision(version, text, written_at)


def _is_version(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_VERSION


# --- Tags -----------------------------------------------------------------------------------------------


def format_tags(names: Iterable[str]) -> list[str]:
    """Return names of tags in the form that the schema allows; those of which nothing is left are omitted."""
    return list(dict.fromkeys(filter(None, map(_format_tag, names))))


def _format_tag(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return NOT_IN_TAG.sub("-", plain).strip("-_") if not _is_tag(name) else name


def _is_tag(name: str) -> bool:
    return name.isascii() and name[:1].isalnum() and not NOT_IN_TAG.search(name)


def _restore_tags(tags: object, names: object) -> tuple[str, ...]:
    """Return the names that the metadata keeps, and the tags that were added to them since."""
    given, kept = _list_texts(tags), _list_texts(names)
    known = set(format_tags(kept))
    return (*kept, *(tag for tag in given if tag not in known))


def _list_texts(value: object) -> list[str]:
    texts = value[:MAX_TAGS_READ] if isinstance(value, list) else []
    return [text for text in texts if isinstance(text, str)]


# --- Conversations --------------------------------------------------------------------------------------


def _read_conversation(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for value in iterate_values(part, ""):
        messages = value.get("messages") if isinstance(value, dict) else None
        if not isinstance(messages, list):
            yield SkippedEntry("not_a_memory")
            continue
        if value.get("system_instruction"):
            yield SkippedEntry("hidden")
        started_at = _get_object(value, "temporal").get("created_at")
        conversation = get_id(value.get("id")) or part.name
        for position, message in enumerate(messages):
            yield _parse_message(message, conversation, position, started_at, context)


def _parse_message(
    message: object, conversation: str, position: int, started_at: object, context: ReadContext
) -> ReadResult:
    if not isinstance(message, dict):
        return SkippedEntry("not_a_memory")
    role, (text, is_whole) = str(message.get("role")), _get_message_text(message.get("content"))
    if role == "system":
        return SkippedEntry("hidden")
    if role == "tool" or not text:
        return SkippedEntry("no_text")
    if role not in ROLE_PREFIXES:
        return SkippedEntry("not_a_memory")
    if context.chats is ChatFilter.NONE:
        return SkippedEntry("conversation")
    if role == "assistant" and (context.chats is ChatFilter.MINE or message.get("is_thought")):
        return SkippedEntry("of_the_assistant")
    created_at, notes = pick_time((message.get("created_at"), started_at), context.zone)
    if message.get("attachments") or not is_whole:
        notes += ("attachments_dropped",)
    return ImportItem(
        ROLE_PREFIXES[role] + text, (), created_at, conversation=conversation, position=position, notes=notes
    )


def _get_message_text(content: object) -> tuple[str, bool]:
    """Return the text of a message, and whether that is all of it."""
    if isinstance(content, str):
        return content.strip(), True
    if not isinstance(content, dict):
        return "", True
    parts = [part for part in _get_list(content, "parts") if isinstance(part, dict)]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    if isinstance(content.get("text"), str) and not texts:
        texts = [str(content["text"])]
    return "\n".join(texts).strip(), all(part.get("type") in ("text", "code") for part in parts)


def _get_list(value: dict[str, object], key: str) -> list[object]:
    inner = value.get(key)
    return inner if isinstance(inner, list) else []


# --- Formats --------------------------------------------------------------------------------------------


def _is_store(start: PartStart) -> bool:
    shape = start.json
    if not shape.at("memories").is_list or not shape.keys.keys() & {"schema", "schema_version"}:
        return False
    entry = shape.at("memories", ITEMS)
    is_named = '"portable-ai-memory"' in start.text
    return is_named or (entry.has("content") and bool(STORE_KEYS & entry.keys.keys()))


def _is_conversation(start: PartStart) -> bool:
    shape = start.json
    is_named = '"portable-ai-memory-conversation"' in start.text
    return shape.at("messages").is_list and (is_named or shape.has("schema_version", "provider", "temporal"))


def _is_embeddings(start: PartStart) -> bool:
    shape = start.json
    return shape.has("schema", "embeddings") or shape.at("embeddings", ITEMS).has("memory_id", "model")


PAM = Format(
    "pam",
    gettext_lazy("portable-ai-memory"),
    lambda start: _is_store(start) or _is_conversation(start),
    _read_pam,
)
PAM_EMBEDDINGS = RefusedKind(
    "embeddings", gettext_lazy("embeddings of memories"), _is_embeddings, "no_personal_text"
)
