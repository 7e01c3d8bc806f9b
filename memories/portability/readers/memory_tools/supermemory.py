"""Supermemory: documents, what was learnt from them, and profiles.

The shapes are those of supermemory.ai/docs: "List documents" (v3: `memories` with `containerTags` and `status`), "List
documents with memory entries" (`documents` with `memoryEntries`), "List memory entries with history" (v4:
`memoryEntries` with `isLatest`, `isForgotten`, `forgetAfter`, `history`), and "Profile" (`profile.static`, `dynamic`).
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, Member, iterate_members, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import find_label, list_tags, parse_entry

LIST_KEYS = ("memories", "documents", "memoryEntries", "results")
OWN_TYPES = frozenset({"text", "note", "", "memory"})  # other types are pages and files of others
DEFAULT_TAG = "sm_project_default"


def _is_supermemory(start: PartStart) -> bool:
    shape = start.json
    is_profile = bool({"static", "dynamic"} & shape.at("profile").keys.keys())
    return is_profile or any(map(_is_entry, (shape.at(ITEMS), *(shape.at(key, ITEMS) for key in LIST_KEYS))))


def _is_entry(shape: JsonShape) -> bool:
    is_document = shape.has("containerTags") and bool(
        {"status", "customId", "connectionId"} & shape.keys.keys()
    )
    return is_document or shape.has("memoryEntries") or (shape.has("memory") and shape.has("isLatest"))


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if PartStart(part).json.is_list:
        for value in iterate_values(part, "item"):
            yield from _read_entry(value, context)
        return
    for member in iterate_members(part):
        yield from _read_member(member, context)


def _read_member(member: Member, context: ReadContext) -> Iterator[ReadResult]:
    if member.key == "profile":
        for text in member.value if isinstance(member.value, list) else [member.value]:
            yield (
                parse_entry({}, context, text=text) if isinstance(text, str) else SkippedEntry("not_a_memory")
            )
    elif member.key in LIST_KEYS and not member.inner_key:
        yield from _read_entry(member.value, context)


def _read_entry(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read a memory entry, or a document and the entries that were learnt from it."""
    if not isinstance(value, dict):
        yield SkippedEntry("not_a_memory")
        return
    entries, history = value.get("memoryEntries"), value.get("history")
    tags = [tag for tag in list_tags(value.get("containerTags")) if tag != DEFAULT_TAG]
    fields = {key: value[key] for key in value if key not in ("containerTags", "status", "memoryRelations")}
    if isinstance(value.get("memory"), str):
        yield parse_entry(fields, context, label="", tags=tags)
    elif text := _get_document_text(value):
        yield parse_entry(fields, context, text=text, label="", tags=tags)
    elif not entries:
        yield SkippedEntry("no_text")
    for entry in entries if isinstance(entries, list) else ():
        yield from _read_entry(
            {"containerTags": tags, **entry} if isinstance(entry, dict) else entry, context
        )
    if isinstance(history, list) and history:
        yield SkippedEntry("superseded", len(history))


def _get_document_text(value: dict[str, object]) -> str:
    """Return the person's own text, and of a page or file its title, summary and address."""
    content, summary, url = (str(value.get(key) or "").strip() for key in ("content", "summary", "url"))
    is_own = str(value.get("type") or "").lower() in OWN_TYPES
    title = find_label(value)
    body = (content or summary) if is_own else "\n".join(filter(None, (summary or content, url)))
    starts_with_title = body.casefold().startswith(title.casefold())
    return body if starts_with_title or not body else f"{title}\n\n{body}"


SUPERMEMORY = Format("supermemory", gettext_lazy("Supermemory export"), _is_supermemory, _read)
