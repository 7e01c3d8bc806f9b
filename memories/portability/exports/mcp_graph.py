"""memory.jsonl of the MCP reference server for memory (@modelcontextprotocol/server-memory): entities and relations.

Each memory is an entity of its own with its text as the only observation: a search of that server returns whole
entities. Tags are entities, to which relations lead. What the server does not know is in `picard`; it ignores the key,
and drops it when it next saves the file.
"""

from collections.abc import Iterator
from datetime import datetime

import orjson

from accounts.actor import Actor
from memories.portability.exports.pages import format_utc, iterate_texts
from memories.portability.readers.memory_tools.picard_graph import (
    ENTITY_NAME,
    MEMORY_TYPE,
    OWN_KEY,
    SUPERSEDES,
    TAG_TYPE,
    TAGGED,
)
from memories.services.representation import represent_memory

FIELDS = ("id", "tags", "visibility", "created_at", "updated_at", "expires_at", "supersedes")


def write_mcp_graph(actor: Actor) -> Iterator[bytes]:
    known_tags: set[str] = set()
    for memory, text in iterate_texts(actor):
        fields = represent_memory(memory, FIELDS)
        tags = [str(name) for name in fields["tags"]]
        name = ENTITY_NAME.format(fields["id"])
        lines: list[dict[str, object]] = [
            _build_entity(tag, TAG_TYPE) for tag in tags if tag not in known_tags
        ]
        known_tags.update(tags)
        lines.append(_build_entity(name, MEMORY_TYPE, [text]) | {OWN_KEY: _build_own_fields(fields)})
        lines += [_build_relation(name, tag, TAGGED) for tag in tags]
        if fields["supersedes"] is not None:
            lines.append(_build_relation(name, ENTITY_NAME.format(fields["supersedes"]), SUPERSEDES))
        yield b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def _build_own_fields(fields: dict[str, object]) -> dict[str, object]:
    return {
        name: format_utc(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value not in (None, [])
    }


def _build_entity(name: str, kind: str, observations: list[str] | None = None) -> dict[str, object]:
    return {"type": "entity", "name": name, "entityType": kind, "observations": observations or []}


def _build_relation(newer: str, older: str, kind: str) -> dict[str, object]:
    return {"type": "relation", "from": newer, "to": older, "relationType": kind}
