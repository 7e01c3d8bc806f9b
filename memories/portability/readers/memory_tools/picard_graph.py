"""Memories in a knowledge graph that Picard exported for the MCP reference server (exports/mcp_graph.py).

An entity is a memory with its text as the observation, and `picard` has its other fields. The server drops `picard`
when it saves the file: then the id is left in the name, the time in the id, and the tags in the relations.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from memories.models import Visibility
from memories.portability.readers.formats import PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.picard_jsonl import MAX_TAGS_READ
from memories.portability.readers.times import EPOCH, parse_expiry, parse_time, pick_time

ENTITY_NAME = "memory {}"
MEMORY_TYPE, TAG_TYPE = "memory", "tag"
TAGGED, SUPERSEDES = "tagged", "supersedes"
OWN_KEY = "picard"
NAME = re.compile(r"memory ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
TIME_VERSION = 7  # of UUIDs that begin with the time
DROPPED_FIELDS = ("expires_at", "visibility")  # with `picard`; all others can be told without it

TagNames = Mapping[str, list[str]]


def has_own_memories(start: PartStart) -> bool:
    return NAME.search(start.text) is not None


def collect_tags(nodes: Iterable[object]) -> dict[str, list[str]]:
    """Return the names of the tags to which relations lead, by the names of entities."""
    tags: dict[str, list[str]] = {}
    for node in nodes:
        if isinstance(node, dict) and node.get("relationType") == TAGGED:
            name, tag = node.get("from"), node.get("to")
            if isinstance(name, str) and NAME.fullmatch(name) and isinstance(tag, str):
                tags.setdefault(name, []).append(tag)
    return tags


def read_own_node(node: object, tags: TagNames, context: ReadContext) -> list[ReadResult] | None:
    """Return what an entity or a relation of Picard gives; None for one of somebody else."""
    if not isinstance(node, dict):
        return None
    if "relationType" in node:
        return _read_relation(node)
    name, observations = node.get("name"), node.get("observations")
    if node.get("entityType") == TAG_TYPE and observations == []:
        return []
    match = NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or node.get("entityType") != MEMORY_TYPE or not isinstance(observations, list):
        return None
    return list(_read_memory(UUID(match[1]), observations, node, tags.get(match[0], []), context))


def _read_relation(relation: dict[str, object]) -> list[ReadResult] | None:
    newer, older = (NAME.fullmatch(str(relation.get(key))) for key in ("from", "to"))
    if newer and relation["relationType"] == TAGGED:
        return []
    if newer and older and relation["relationType"] == SUPERSEDES:
        return [ImportLink(newer[1], older[1])]
    return None


def _read_memory(
    memory_id: UUID,
    observations: list[object],
    entity: dict[str, object],
    tags: list[str],
    context: ReadContext,
) -> Iterator[ReadResult]:
    """Yield the memory, which is the first observation, and those that were added to the entity since."""
    texts = [text for text in observations if isinstance(text, str)]
    own = entity.get(OWN_KEY)
    item = _parse_memory(memory_id, texts[0], own, tags, context) if texts else SkippedEntry("blank")
    yield item
    for text in texts[1:]:
        yield ImportItem(text, item.tags if isinstance(item, ImportItem) else tuple(tags))
    if len(texts) < len(observations):
        yield SkippedEntry("not_a_memory", len(observations) - len(texts))


def _parse_memory(
    memory_id: UUID, text: str, own: object, tags: list[str], context: ReadContext
) -> ImportItem | SkippedEntry:
    if not isinstance(own, dict):
        created_at = _get_time(memory_id)
        return ImportItem(
            text,
            tuple(tags[:MAX_TAGS_READ]),
            created_at,
            id=memory_id,
            file_id=str(memory_id),
            keeps=DROPPED_FIELDS,
        )
    try:
        expires_at = parse_expiry(own.get("expires_at"), context.zone)
    except ValueError:
        return SkippedEntry("unread_expiry")
    created_at, notes = pick_time((own.get("created_at"), _get_time(memory_id)), context.zone)
    return ImportItem(
        text,
        _list_texts(own.get("tags")),
        created_at,
        id=memory_id,
        visibility=own["visibility"]
        if own.get("visibility") in Visibility.values
        else Visibility.PRIVATE.value,
        expires_at=expires_at,
        updated_at=parse_time(own.get("updated_at"), context.zone),
        written_at=parse_time(own.get("updated_at"), context.zone),
        file_id=str(memory_id),
        notes=notes,
    )


def _list_texts(value: object) -> tuple[str, ...]:
    texts = value[:MAX_TAGS_READ] if isinstance(value, list) else []
    return tuple(text for text in texts if isinstance(text, str))


def _get_time(memory_id: UUID) -> datetime | None:
    """Return the time with which the id begins."""
    if memory_id.version != TIME_VERSION:
        return None
    try:
        return parse_time(EPOCH + timedelta(milliseconds=int.from_bytes(memory_id.bytes[:6])))
    except OverflowError:
        return None
