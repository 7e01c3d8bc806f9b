"""Prints every memory as JSON: its text, history and state, and whether its vectors are those of its text.

A program of its own (`python -m tests.chaos.stored`), because it opens the texts with the product's keys.
"""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from memories.models import Memory

TOLERANCE = 2e-3  # of half floats


def read_all() -> list[dict[str, Any]]:
    from memories.models import Memory

    rows = Memory.objects.order_by("pk").prefetch_related("revisions", "vectors")
    return [read(memory) for memory in rows]


def read(memory: "Memory") -> dict[str, Any]:
    return {
        "id": str(memory.pk),
        "text": memory.text,
        "earlier": [revision.text for revision in memory.revisions.all()],
        "is_trashed": memory.deleted_at is not None,
        "state": memory.index_state,
        "has_fresh_vectors": has_fresh_vectors(memory),
    }


def has_fresh_vectors(memory: "Memory") -> bool:
    """Whether each passage of the text has the vector that the provider gives it, turned as it must lie."""
    from accounts.keys import get_person_key
    from memories.index import vectors
    from memories.index.passages import split_passages
    from memories.providers.embeddings import get_provider

    rows = sorted(memory.vectors.all(), key=lambda row: row.passage)
    wanted: Any = get_provider().embed_documents(split_passages(memory.text))
    if not memory.is_public:
        wanted = vectors.rotate_vectors(wanted, get_person_key(memory.owner_id).vector_rotation_key)
    return len(rows) == len(wanted) and all(map(is_near, rows, wanted))


def is_near(row: Any, wanted: Any) -> bool:
    if row.embedding is None:
        return False
    return all(abs(a - b) < TOLERANCE for a, b in zip(row.embedding, wanted, strict=True))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    django.setup()
    json.dump(read_all(), sys.stdout)
