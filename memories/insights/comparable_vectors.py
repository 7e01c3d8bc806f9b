"""Stored vectors of one user in a form in which they can be compared."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import F

from accounts.actor import Actor
from accounts.keys import get_person_key
from memories.index import vectors
from memories.models import Memory, MemoryVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def load_newest_vectors(actor: Actor, limit: int) -> list[MemoryVector]:
    """Return the vectors of the user's newest memories, the newest first.

    Only vectors of one encoder are comparable: while the memories move to another, those of most of them.
    """
    seen = Memory.objects.visible_to(actor, owner=actor.person)
    ids = list(seen.order_by("-pk").values_list("pk", flat=True)[:limit])
    rows = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(memory_id__in=ids)
    embedded = rows.filter(embedding__isnull=False).annotate(encoder=F("space__encoder"))
    found = list(embedded.defer("tokens").order_by("-memory_id", "passage"))
    encoders = Counter(row.encoder for row in found)
    return [row for row in found if row.encoder == encoders.most_common(1)[0][0]]


def stack_vectors(rows: Sequence[MemoryVector], actor: Actor) -> "NDArray[np.float32]":
    """Return comparable vectors as rows: public ones are rotated by the user's matrix, as private ones are."""
    import numpy as np

    points = np.asarray([row.embedding for row in rows], np.float32)
    public = [place for place, row in enumerate(rows) if row.is_public]
    if public:
        key = get_person_key(actor.person.pk).vector_rotation_key
        points[public] = vectors.rotate_vectors(points[public].tolist(), key)
    return points
