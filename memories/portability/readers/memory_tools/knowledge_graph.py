"""The knowledge graph of the MCP reference server "memory", and of the servers made after it.

The shapes are those of github.com/modelcontextprotocol/servers, src/memory: the file memory.jsonl (earlier memory.json)
with an entity or relation a line, and the answers of its tools read_graph, search_nodes and open_nodes.
"""

from collections.abc import Iterator
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_lines, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import (
    find_state,
    find_text,
    get_plain_text,
    get_tags,
    list_tags,
    merge_tags,
    parse_entry,
)
from memories.portability.readers.memory_tools.generic.tool_results import MAX_BYTES, is_tool_result, unwrap
from memories.portability.readers.memory_tools.picard_graph import (
    collect_tags,
    has_own_memories,
    read_own_node,
)
from memories.portability.readers.memory_tools.prose import (
    capitalise,
    humanise_relation,
    name_subject,
    show_name,
)

TYPE_KEYS = ("entityType", "entity_type", "type")
OBSERVATION_KEYS = ("observations", "observation", "facts", "notes")
FROM_KEYS = ("from", "source", "from_entity", "fromEntity", "subject")
TO_KEYS = ("to", "target", "destination", "to_entity", "toEntity", "object")
RELATION_KEYS = ("relationType", "relation_type", "relationship", "relation", "predicate", "type")


def read_graph(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read a graph that is in memory: an object with entities and relations, or a list of both."""
    if isinstance(value, list):
        for each in value:
            yield from read_node(each, context)
    elif isinstance(value, dict) and ("entities" in value or "relations" in value):
        for key in ("entities", "relations"):
            yield from read_graph(value.get(key) or [], context)
    else:
        yield from read_node(value, context)


def read_node(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read an entity, each of its observations a memory, or a relation as a sentence."""
    if isinstance(value, dict) and _find(value, FROM_KEYS) and _find(value, TO_KEYS):
        yield read_relation(value, context)
    elif isinstance(value, dict) and isinstance(value.get("name"), str):
        yield from _read_entity(value, context)
    else:
        yield SkippedEntry("not_a_memory")


def read_relation(value: dict[str, object], context: ReadContext) -> ReadResult:
    """Return a relation between two names as a sentence."""
    source, target = _find(value, FROM_KEYS), _find(value, TO_KEYS)
    relation = next(
        (name for key in RELATION_KEYS if isinstance(name := value.get(key), str) and name.strip()), ""
    )
    if not relation or not source or not target:
        return SkippedEntry("not_a_memory")
    sentence = f"{show_name(source)} {humanise_relation(relation)} {show_name(target)}"
    return parse_entry(value, context, text=capitalise(sentence), label="")


def _read_entity(entity: dict[str, object], context: ReadContext) -> Iterator[ReadResult]:
    observations = next((entity[key] for key in OBSERVATION_KEYS if key in entity), None)
    listed = observations if isinstance(observations, list) else [observations] if observations else []
    if not listed:
        yield SkippedEntry("blank")
    kind = _find(entity, TYPE_KEYS)
    tags = merge_tags(
        [kind] if kind and kind != "entity" else [], get_tags(entity), list_tags(entity.get("tags"))
    )
    if reason := find_state(entity, context.zone):
        yield SkippedEntry(reason, max(len(listed), 1))
        return
    for observation in listed:
        yield _read_observation(observation, entity, tags, context)


def _read_observation(
    value: object, entity: dict[str, object], tags: tuple[str, ...], context: ReadContext
) -> ReadResult:
    """Return an observation, which is a text or, in some servers, an object with more fields."""
    fields = value if isinstance(value, dict) else {}
    text = find_text(fields) if fields else get_plain_text(value)
    if text is None:
        return SkippedEntry("not_a_memory")
    if not text.strip():
        return SkippedEntry("blank")
    times = {key: entity[key] for key in entity if key not in ("id", "name", *TYPE_KEYS, *OBSERVATION_KEYS)}
    text = name_subject(show_name(str(entity["name"])), text)
    return parse_entry({**times, **fields}, context, text=text, tags=tags, label="")


def _find(value: dict[str, object], keys: tuple[str, ...]) -> str:
    """Return the first text under the keys, also the name of an object there."""
    for key in keys:
        found = value.get(key)
        if isinstance(found, dict):
            found = found.get("name")
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""


# --- Files --------------------------------------------------------------------------------------------------


def _is_graph(start: PartStart) -> bool:
    shape = start.lines if start.lines.kinds else start.json
    if any(map(_has_nodes, (shape, shape.at(ITEMS)))) or _has_lists(shape):
        return True
    return (
        is_tool_result(start)
        and start.part.size <= MAX_BYTES
        and any(map(_is_graph_value, _unwrap_part(start.part)))
    )


def _has_nodes(shape: JsonShape) -> bool:
    return shape.has("entityType", "observations") or shape.has("relationType", "from", "to")


def _has_lists(shape: JsonShape) -> bool:
    entities, relations = shape.at("entities", ITEMS), shape.at("relations", ITEMS)
    return (entities.has("name", "observations") or _has_nodes(relations)) and not shape.at(
        "memories"
    ).is_list


def _is_graph_value(value: object) -> bool:
    lists = [value.get(key) for key in ("entities", "relations")] if isinstance(value, dict) else [value]
    nodes = [node for each in lists if isinstance(each, list) for node in each if isinstance(node, dict)]
    return any("observations" in node or "relationType" in node for node in nodes)


def _unwrap_part(part: Part) -> list[object]:
    with suppress(ValidationError):
        return [each for value in iterate_values(part, "") for each in unwrap(value)]
    return []


def _read_part(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    shape = read_shape(part)
    has_lists = shape.has("entities") or shape.has("relations")
    if not (PartStart(part).lines.kinds or has_lists or any(map(_has_nodes, (shape, shape.at(ITEMS))))):
        for value in _unwrap_part(part):
            yield from read_graph(value, context)
        return
    tags = collect_tags(_iterate_nodes(part)) if has_own_memories(PartStart(part)) else None
    for node in _iterate_nodes(part):
        own = None if tags is None else read_own_node(node, tags, context)
        if isinstance(node, ValueError):
            yield SkippedEntry("not_json")
        else:
            yield from read_node(node, context) if own is None else own


def _iterate_nodes(part: Part) -> Iterator[object]:
    """Yield the entities and relations of a file; ValueError for a line that is not valid JSON."""
    shape = read_shape(part)
    if PartStart(part).lines.kinds:
        yield from iterate_lines(part)
    elif shape.has("entities") or shape.has("relations"):
        for path in ("entities.item", "relations.item"):
            yield from iterate_values(part, path)
    else:
        yield from iterate_values(part, "item" if shape.is_list else "")


KNOWLEDGE_GRAPH = Format(
    "mcp_memory", gettext_lazy("Knowledge graph (MCP memory server)"), _is_graph, _read_part
)
