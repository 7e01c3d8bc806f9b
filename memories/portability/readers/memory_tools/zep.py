"""Zep, and Graphiti under it: facts with the times between which they hold, and the names that they connect.

The shapes are those of help.getzep.com, SDK reference (graph edges, nodes and episodes; `facts` and `relevant_facts` of
the memory of a session), and of the edges of github.com/getzep/graphiti.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import (
    ITEMS,
    JsonShape,
    iterate_lines,
    iterate_members,
    iterate_values,
)
from memories.portability.files.parts import Part
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import get_tags, list_tags, merge_tags, parse_entry
from memories.portability.readers.memory_tools.prose import name_subject, show_name

LIST_KEYS = (
    "facts",
    "relevant_facts",
    "edges",
    "nodes",
    "episodes",
    "messages",
    "entities",
    "results",
    "data",
)
FACT_TIMES = frozenset({"valid_at", "invalid_at", "expired_at", "source_node_uuid", "target_node_uuid"})
GENERAL_LABELS = frozenset({"entity", "node", "entitynode"})
ROLE_PREFIXES = {"user": "", "human": "", "assistant": "Assistant: ", "ai": "Assistant: "}


def _is_zep(start: PartStart) -> bool:
    shape = start.lines if start.lines.kinds else start.json
    places = (place for place in (shape, shape.at("data"), shape.at("graph")))
    lists = (place.at(key, ITEMS) for place in places for key in LIST_KEYS)
    return any(map(_is_node, (shape, shape.at(ITEMS), *lists)))


def _is_node(shape: JsonShape) -> bool:
    is_fact = shape.has("fact") and bool(FACT_TIMES & shape.keys.keys())
    return is_fact or shape.has("uuid", "name", "summary", "labels")


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    start = PartStart(part)
    if start.lines.kinds:
        for value in iterate_lines(part):
            yield from (
                [SkippedEntry("not_json")] if isinstance(value, ValueError) else _read_node(value, context)
            )
    elif start.json.is_list or start.json.has("fact") or start.json.has("uuid"):
        for value in iterate_values(part, "item" if start.json.is_list else ""):
            yield from _read_node(value, context)
    else:
        has_dated = start.json.at("relevant_facts").is_list  # the same facts once more
        for member in iterate_members(part):
            if member.key == "facts" and isinstance(member.value, str) and has_dated:
                yield SkippedEntry("repeated")
            elif isinstance(member.value, list) and member.inner_key in LIST_KEYS:
                for value in member.value:
                    yield from _read_node(value, context)
            elif member.key in LIST_KEYS and not member.inner_key:
                yield from _read_node(member.value, context)
            elif isinstance(member.value, dict) and not member.inner_key:
                yield SkippedEntry("not_a_memory")


def _read_node(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read an edge, of which the fact is a memory, a node with a summary, or an episode."""
    if isinstance(value, str):
        yield parse_entry({}, context, text=value)
    elif not isinstance(value, dict):
        yield SkippedEntry("not_a_memory")
    elif isinstance(value.get("fact"), str):
        yield parse_entry(value, context, text=value["fact"], label="")
    elif isinstance(value.get("edge") or value.get("node") or value.get("episode"), dict):  # a scored result
        yield from _read_node(value.get("edge") or value.get("node") or value.get("episode"), context)
    elif isinstance(value.get("summary"), str) and isinstance(value.get("name"), str):
        yield _read_summary(value, context)
    elif isinstance(value.get("content"), str):
        yield _read_episode(value, context)
    else:
        yield SkippedEntry("not_a_memory")


def _read_summary(node: dict[str, object], context: ReadContext) -> ReadResult:
    summary = str(node["summary"]).strip()
    if not summary:
        return SkippedEntry("blank")
    labels = [label for label in list_tags(node.get("labels")) if label.lower() not in GENERAL_LABELS]
    entry = {**node, "labels": None}
    return parse_entry(
        entry,
        context,
        text=name_subject(show_name(str(node["name"])), summary),
        label="",
        tags=merge_tags(labels, get_tags(entry)),
    )


def _read_episode(episode: dict[str, object], context: ReadContext) -> ReadResult:
    """Return an episode that is a text, or a message by who wrote it."""
    role = str(episode.get("role_type") or episode.get("role") or "").lower()
    if episode.get("source") == "json":
        return SkippedEntry("not_a_memory")
    if episode.get("source") != "message" and role not in ROLE_PREFIXES:
        return parse_entry(episode, context, label="")
    if context.chats is ChatFilter.NONE:
        return SkippedEntry("conversation")
    prefix = ROLE_PREFIXES.get(role)
    if prefix is None:
        return SkippedEntry("hidden" if role in ("system", "tool", "function") else "not_a_memory")
    if prefix and context.chats is ChatFilter.MINE:
        return SkippedEntry("of_the_assistant")
    return parse_entry(episode, context, text=prefix + str(episode["content"]), label="")


ZEP = Format("zep", gettext_lazy("Zep or Graphiti export"), _is_zep, _read)
