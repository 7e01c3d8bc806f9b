"""Print every memory as JSON: text, history, state, and whether its vectors match its text.

A separate program (`python -m tests.chaos.stored`), because it decrypts the texts with the product's keys.
"""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from memories.models import Memory

TOLERANCE = 2e-3  # of half-precision floats


def read_memories() -> list[dict[str, Any]]:
    from memories.models import Memory

    rows = Memory.objects.order_by("pk").prefetch_related("revisions", "vectors")
    return [describe_memory(memory) for memory in rows]


def describe_memory(memory: "Memory") -> dict[str, Any]:
    return {
        "id": str(memory.pk),
        "text": memory.text,
        "earlier": [revision.text for revision in memory.revisions.all()],
        "is_trashed": memory.deleted_at is not None,
        "state": memory.index_state,
        "has_fresh_vectors": has_fresh_vectors(memory),
    }


def has_fresh_vectors(memory: "Memory") -> bool:
    """Return whether each passage has the vector of the provider, rotated if the memory is private."""
    from accounts.keys import get_person_key
    from memories.index import vectors
    from memories.index.languages import get_owner_language
    from memories.index.passages import split_passages
    from memories.providers.embeddings import get_provider

    rows = sorted(memory.vectors.all(), key=lambda row: row.passage)
    expected: Any = get_provider().embed_documents(
        split_passages(memory.text, get_owner_language(memory.owner))
    )
    if not memory.is_public:
        expected = vectors.rotate_vectors(expected, get_person_key(memory.owner_id).vector_rotation_key)
    return len(rows) == len(expected) and all(map(is_near, rows, expected))


def is_near(row: Any, expected: Any) -> bool:
    if row.embedding is None:
        return False
    return all(abs(a - b) < TOLERANCE for a, b in zip(row.embedding, expected, strict=True))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    django.setup()
    from core.db.roles import act_as_operator

    act_as_operator()
    json.dump(read_memories(), sys.stdout)
