"""portable-ai-memory 1.0: a memory store that is valid by its schema (https://portable-ai-memory.org/spec/v1.0).

What the format has no place for is in the `picard` object of the metadata: names of tags that are not of its form,
pins, positions in conversations, and earlier texts.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from uuid import uuid4

import orjson
from django.utils import timezone

from accounts.actor import Actor
from core.version import VERSION
from memories.models import Memory
from memories.portability.exports.pages import History, format_utc, iterate_own_pages, load_histories
from memories.portability.readers.memory_tools.pam import PAM_METADATA, format_tags
from memories.services.reads import decrypt_or_none
from memories.services.representation import represent_memory

SCHEMA_VERSION = "1.0"
PLATFORM = "picard"
FIELDS = ("id", "tags", "visibility", "created_at", "updated_at", "expires_at", "supersedes", "superseded_by")
RELEASE = re.compile(r"\d+\.\d+\.\d+")  # of a version: the schema allows no more


class _Checksum:
    """The SHA-256 of the memories in canonical JSON (RFC 8785), which orders them by id.

    `value` is None if they did not come in this order: the block is optional, and sorting would take all in memory.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"[")
        self._last = ""
        self._in_order = True
        self.count = 0

    def add(self, memory_id: str, canonical: bytes) -> None:
        self._in_order = self._in_order and memory_id > self._last
        self._last = memory_id
        self._hash.update((b"," if self.count else b"") + canonical)
        self.count += 1

    @property
    def value(self) -> str | None:
        whole = self._hash.copy()
        whole.update(b"]")
        return f"sha256:{whole.hexdigest()}" if self._in_order else None


def write_pam(actor: Actor) -> Iterator[bytes]:
    head = {
        "schema": "portable-ai-memory",
        "schema_version": SCHEMA_VERSION,
        "spec_uri": f"https://portable-ai-memory.org/spec/v{SCHEMA_VERSION}",
        "export_id": str(uuid4()),
        "export_type": "full",
        "export_date": format_utc(timezone.now()),
        "exported_by": _get_program(),
        "owner": {"id": str(actor.person.pk)},
    }
    yield orjson.dumps(head)[:-1] + b',"memories":['
    relations: list[bytes] = []
    checksum = _Checksum()
    for page in iterate_own_pages(actor):
        histories = load_histories(actor, page)
        lines: list[bytes] = []
        for memory in page:
            if (text := decrypt_or_none(memory)) is None:
                continue  # only JSON Lines can represent it
            fields = represent_memory(memory, FIELDS)
            line = dump_canonical(_build_memory(memory, text, fields, histories.get(memory.pk, [])))
            lines.append((b",\n" if checksum.count else b"") + line)
            checksum.add(str(fields["id"]), line)
            if fields["supersedes"] is not None:
                relations.append(_dump_relation(fields))
        yield b"".join(lines)
    yield b'],"relations":[' + b",".join(relations) + b"]"
    if checksum.value is not None:
        integrity = {
            "canonicalization": "RFC8785",
            "checksum": checksum.value,
            "total_memories": checksum.count,
        }
        yield b',"integrity":' + orjson.dumps(integrity)
    yield b"}\n"


def dump_canonical(value: object) -> bytes:
    """Return RFC 8785 JSON of a value without fractions, and with keys in ASCII."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def hash_content(text: str) -> str:
    """Return the hash of a text, normalized as the format defines it for the comparison of texts."""
    normalized = " ".join(unicodedata.normalize("NFC", text.strip().lower()).split())
    return f"sha256:{hashlib.sha256(normalized.encode()).hexdigest()}"


def _build_memory(
    memory: Memory, text: str, fields: dict[str, object], history: History
) -> dict[str, object]:
    """Return all members that are not null, with those at their default value: readers hash them in this form."""
    tags = [str(name) for name in fields["tags"]]  # type: ignore[attr-defined]
    newer = fields["superseded_by"]
    temporal = {
        "created_at": format_utc(memory.created_at),
        "updated_at": format_utc(max(memory.updated_at, memory.created_at)),
    }
    if memory.expires_at:
        temporal["valid_until"] = format_utc(memory.expires_at)
    if newer is not None:
        temporal["superseded_by"] = str(newer)
    provenance = {"platform": PLATFORM}
    if memory.conversation:
        provenance["conversation_ref"] = str(memory.conversation)
    value: dict[str, object] = {
        "id": str(fields["id"]),
        "type": "context",
        "status": "active" if newer is None else "superseded",
        "content": text,
        "content_hash": hash_content(text),
        "tags": format_tags(tags),
        "temporal": temporal,
        "provenance": provenance,
        "access": {"visibility": memory.visibility, "exportable": True, "shared_with": []},
    }
    if own := _build_own_metadata(memory, tags, history):
        value["metadata"] = {PAM_METADATA: own}
    return value


def _build_own_metadata(memory: Memory, tags: list[str], history: History) -> dict[str, object]:
    own: dict[str, object] = {}
    if tags != format_tags(tags):
        own["tags"] = tags
    if memory.pinned:
        own["pinned"] = True
    if memory.position is not None:
        own["position"] = memory.position
    if memory.written_at != memory.updated_at:
        own["written_at"] = format_utc(memory.written_at)
    if memory.version > 1:
        own["version"] = memory.version
        own["history"] = [
            {"version": version, "text": text, "written_at": format_utc(written_at)}
            for version, text, written_at in history
            if text is not None
        ]
    return own


def _dump_relation(fields: dict[str, object]) -> bytes:
    relation = {
        "id": f"supersedes-{fields['id']}",
        "from": str(fields["id"]),
        "to": str(fields["supersedes"]),
        "type": "supersedes",
        "created_at": format_utc(fields["created_at"]),  # type: ignore[arg-type]
    }
    return orjson.dumps(relation)


def _get_program() -> str:
    release = RELEASE.match(VERSION)
    return f"{PLATFORM}/{release[0] if release else '0.0.0'}"
