"""Stored vectors of one user in a form in which they can be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import BinaryField, F, Func

from accounts.actor import Actor
from accounts.keys import get_person_key
from memories.index import vectors
from memories.models import Memory, MemoryVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER_BYTES = 4  # of halfvec_send (pgvector): the number of dimensions, and two unused bytes


@dataclass(frozen=True)
class StoredPassage:
    """A passage with its vector as PostgreSQL sends it: a header, then half-precision floats."""

    memory_id: UUID
    passage: int
    is_public: bool
    encoder: str
    binary: bytes


def load_newest_vectors(actor: Actor, limit: int) -> list[StoredPassage]:
    """Return the vectors of the user's newest memories, the newest first.

    Only vectors of one encoder are comparable: while the memories move to another, those of most of them. Binary, since
    reading hundreds of vectors as text takes longer than the rest of a page.
    """
    seen = Memory.objects.visible_to(actor, owner=actor.person)
    ids = list(seen.order_by("-pk").values_list("pk", flat=True)[:limit])
    rows = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(memory_id__in=ids)
    binary = Func(F("embedding"), function="halfvec_send", output_field=BinaryField())
    embedded = rows.filter(embedding__isnull=False).order_by("-memory_id", "passage").annotate(binary=binary)
    columns = ("memory_id", "passage", "is_public", "space__encoder", "binary")
    found = [StoredPassage(*row) for row in embedded.values_list(*columns)]
    encoders = Counter(row.encoder for row in found)
    return [row for row in found if row.encoder == encoders.most_common(1)[0][0]]


def stack_vectors(rows: Sequence[StoredPassage], actor: Actor) -> "NDArray[np.float32]":
    """Return comparable vectors as rows: public ones are rotated by the user's matrix, as private ones are."""
    import numpy as np

    stored = np.stack([np.frombuffer(row.binary, ">f2", offset=HEADER_BYTES) for row in rows])
    points = stored.astype(np.float32)
    public = [place for place, row in enumerate(rows) if row.is_public]
    if public:
        key = get_person_key(actor.person.pk).vector_rotation_key
        points[public] = vectors.rotate_vectors(points[public].tolist(), key)
    return points
