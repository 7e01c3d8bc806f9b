"""mem0: the JSON of its platform, its SDKs and its open-source server.

The shapes are those of docs.mem0.ai, "Get memories" (v1: a list; v2 and v3: `results`), "Add memories" (`results` with
an `event`), "Search memories", "Graph memory" (`relations` beside `results`), and of exports of the vector stores under
it, whose entries have their text in `payload.data`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy

from memories.models import Visibility
from memories.portability.files.json_stream import (
    ITEMS,
    JsonShape,
    Member,
    iterate_lines,
    iterate_members,
    iterate_values,
    read_shape,
)
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import find_links, list_places, parse_entry
from memories.portability.readers.memory_tools.generic.users import Users, find_users
from memories.portability.readers.memory_tools.knowledge_graph import read_relation
from memories.portability.readers.memory_tools.picard_jsonl import parse_own_id
from memories.portability.readers.times import parse_time

LIST_KEYS = ("results", "memories", "data", "items")
ASSISTANT_ROLES = frozenset({"assistant", "system", "tool"})
OWN_KEYS = frozenset({
    "hash", "user_id", "agent_id", "app_id", "run_id", "categories", "structured_attributes", "expiration_date",
    "event", "metadata", "score", "immutable", "created_at",
})  # fmt: skip


def _is_mem0(start: PartStart) -> bool:
    shape = start.lines if start.lines.kinds else start.json
    lists = (place.at(key, ITEMS) for place in (shape, shape.at("data")) for key in LIST_KEYS)
    has_graph = shape.has("relations") and "string" in shape.at("results", ITEMS, "memory").kinds
    return has_graph or any(map(_is_entry, (shape, shape.at(ITEMS), *lists)))


def _is_entry(shape: JsonShape) -> bool:
    if "string" in shape.at("payload", "data").kinds and shape.at("payload").has("hash"):
        return True
    is_memory = "string" in shape.at("memory").kinds and bool(OWN_KEYS & shape.keys.keys())
    return is_memory and shape.kinds == {"object"}


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    users = find_users(part)
    if PartStart(part).lines.kinds:
        for value in iterate_lines(part):
            yield from (
                [SkippedEntry("not_json")]
                if isinstance(value, ValueError)
                else _read_entry(value, context, users)
            )
        return
    if read_shape(part).is_list:
        for value in iterate_values(part, "item"):
            yield from _read_entry(value, context, users)
    elif read_shape(part).has("memory"):
        for value in iterate_values(part, ""):
            yield from _read_entry(value, context, users)
    else:
        for member in iterate_members(part):
            yield from _read_member(member, context, users)


def _read_member(member: Member, context: ReadContext, users: Users) -> Iterator[ReadResult]:
    """Read what is in one of the lists of an answer, which may be within another object."""
    if isinstance(member.value, list) and member.inner_key in (*LIST_KEYS, "relations"):
        for value in member.value:
            yield from _read_member(Member(member.inner_key, "", value), context, users)
    elif member.key == "relations" and isinstance(member.value, dict):
        yield read_relation(member.value, context)
    elif member.key in LIST_KEYS and not member.inner_key:
        yield from _read_entry(member.value, context, users)
    elif isinstance(member.value, dict) and not member.inner_key:
        yield SkippedEntry("not_a_memory")


def _read_entry(value: object, context: ReadContext, users: Users) -> Iterator[ReadResult]:
    if not isinstance(value, dict):
        yield SkippedEntry("not_a_memory")
        return
    if isinstance(value.get("payload"), dict):
        payload = value["payload"]
        value = {"id": value.get("id"), "memory": payload.get("data"), **payload}
    if reason := _find_owner_reason(value):
        yield SkippedEntry(reason)
        return
    links = list(find_links(value))
    is_own = _is_own(value)
    entry = {key: value[key] for key in value if not is_own or key != "expiration_date"}
    result = parse_entry(entry, context, label="", replaced=[link.older for link in links])
    if isinstance(result, ImportItem) and is_own:
        result = _restore_own_fields(result, value, context)
    yield users.mark(result, value)
    yield from links


def _is_own(value: dict[str, object]) -> bool:
    """Return whether Picard exported the entry: its metadata has the visibility, and the exact end."""
    metadata = value.get("metadata")
    return isinstance(metadata, dict) and metadata.get("visibility") in Visibility.values


def _restore_own_fields(item: ImportItem, value: dict[str, Any], context: ReadContext) -> ImportItem:
    updated_at = parse_time(value.get("updated_at"), context.zone)
    return replace(
        item,
        id=parse_own_id(item.file_id),
        visibility=value["metadata"]["visibility"],
        updated_at=updated_at,
        written_at=updated_at,
    )


def _find_owner_reason(value: dict[str, object]) -> str:
    """Return why an entry is not of the person: it is of an agent, or was deleted by the call that returned it."""
    places = list_places(value)
    roles = (place.get("role") for place in places)
    if value.get("event") == "DELETE":
        return "in_trash"
    if any(isinstance(role, str) and role.lower() in ASSISTANT_ROLES for role in roles):
        return "of_the_assistant"
    has_agent = any(place.get("agent_id") for place in places)
    return "of_an_agent" if has_agent and not any(place.get("user_id") for place in places) else ""


MEM0 = Format("mem0", gettext_lazy("mem0 export"), _is_mem0, _read)
