"""mem0: a JSON list of memories, as its API returns them (https://docs.mem0.ai) and its `add` takes them.

`metadata` has what mem0 keeps without a field of its own, so that it comes back: exact ends, visibility and links.
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo

import orjson

from accounts.actor import Actor
from memories.portability.exports.pages import format_utc, iterate_texts
from memories.services.representation import represent_memory

FIELDS = ("id", "tags", "visibility", "created_at", "updated_at", "expires_at", "supersedes", "superseded_by")
METADATA_FIELDS = ("visibility", "expires_at", "supersedes", "superseded_by")


def write_mem0(actor: Actor) -> Iterator[bytes]:
    user_id, zone = str(actor.person.pk), actor.person.zone
    separator = b"["
    for memory, text in iterate_texts(actor):
        yield separator + orjson.dumps(_build_memory(text, user_id, zone, represent_memory(memory, FIELDS)))
        separator = b",\n"
    yield b"]\n" if separator == b",\n" else b"[]\n"


def _build_memory(text: str, user_id: str, zone: tzinfo, fields: dict[str, object]) -> dict[str, object]:
    tags, expires_at = fields["tags"], fields["expires_at"]
    metadata = {"categories": tags} if tags else {}
    metadata |= {
        name: format_utc(value) if isinstance(value, datetime) else str(value)
        for name in METADATA_FIELDS
        if (value := fields[name]) is not None
    }
    return {
        "id": str(fields["id"]),
        "memory": text,
        "user_id": user_id,
        "categories": tags,
        "metadata": metadata,
        "created_at": format_utc(fields["created_at"]),  # type: ignore[arg-type]
        "updated_at": format_utc(fields["updated_at"]),  # type: ignore[arg-type]
        "expiration_date": f"{expires_at.astimezone(zone):%Y-%m-%d}"
        if isinstance(expires_at, datetime)
        else None,
    }
