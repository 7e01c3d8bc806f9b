"""Insights for the user's own session: a map of their memories, and who read one of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import F

from accounts.actor import Actor, InsufficientScope
from accounts.keys import get_person_key
from accounts.models import User
from memories import scopes
from memories.clients import names as client_names
from memories.index import vectors
from memories.models import ANONYMOUS_ID, Memory, MemoryUse, MemoryVector, UseKind
from memories.services import reads as memory_reads
from memories.services.tags import attach_prefetched_tags, get_tag_names, with_tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_POINTS = 400  # newest memories; more points overlap and make the page heavy
MAX_COLOURS = 6  # for the most frequent tags


@dataclass(frozen=True)
class MemoryReader:
    """A reader of a memory: one of the user's apps by name, another user by handle, or an anonymous user (none)."""

    app: str
    client_id: str
    handle: str
    times: int
    last_at: datetime


@dataclass(frozen=True)
class MapPoint:
    """A memory on the map. x, y: 0 to 1. colour: the index of its tag among the map's tags, None for others."""

    memory: Memory
    x: float
    y: float
    colour: int | None


@dataclass(frozen=True)
class MemoryMap:
    """A map of memories by meaning: similar ones are near each other. tags: the names of the colours, in order."""

    points: list[MapPoint]
    tags: list[str]


def list_readers(actor: Actor, memory_id: UUID) -> list[MemoryReader]:
    """Return who read one of the user's memories, most recent first, within the retention of the audit log."""
    _require_session(actor)
    memory = memory_reads.get_memory(actor, memory_id)
    reads = MemoryUse.objects.filter(owner_id=memory.owner_id, memory_id=memory.pk, kind=UseKind.READ)
    readers = list(reads.values("client_id", "actor_id", "times", "last_at").order_by("-last_at"))
    names = client_names.get_client_names(memory.owner_id, (f":{each['client_id']}" for each in readers))
    others = User.objects.in_bulk({each["actor_id"] for each in readers} - {ANONYMOUS_ID, memory.owner_id})
    handles = {pk: user.handle for pk, user in others.items()}
    return [
        MemoryReader(
            app=names.get(each["client_id"], each["client_id"]),
            client_id=each["client_id"],
            handle=handles.get(each["actor_id"], ""),
            times=each["times"],
            last_at=each["last_at"],
        )
        for each in readers
    ]


def build_map(actor: Actor, *, limit: int = MAX_POINTS) -> MemoryMap:
    """Return a map of the user's newest embedded memories by their two principal components."""
    _require_session(actor)
    seen = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(
        passage=0, embedding__isnull=False
    )
    newest = list(seen.annotate(encoder=F("space__encoder")).order_by("-memory_id")[:limit])
    # Only vectors of one encoder are comparable: while the memories move to another, that of most of them.
    encoders = Counter(row.encoder for row in newest)
    rows = [row for row in newest if row.encoder == encoders.most_common(1)[0][0]]
    if len(rows) < 3:
        return MemoryMap([], [])
    memories = with_tags(Memory.objects.visible_to(actor, owner=actor.person)).in_bulk(
        row.memory_id for row in rows
    )
    attach_prefetched_tags(actor, memories.values())
    rows = [row for row in rows if row.memory_id in memories]
    common = Counter(name for memory in memories.values() for name in get_tag_names(memory))
    tags = [name for name, _ in common.most_common(MAX_COLOURS)]
    return MemoryMap(
        [
            MapPoint(memories[row.memory_id], x, y, _get_colour(memories[row.memory_id], tags))
            for row, (x, y) in zip(rows, _project_to_plane(_unrotate_rows(rows, actor)), strict=True)
        ],
        tags,
    )


def _require_session(actor: Actor) -> None:
    actor.require_scope(scopes.READ)
    if actor.is_app:
        raise InsufficientScope(scopes.READ)


def _get_colour(memory: Memory, tags: list[str]) -> int | None:
    own = set(get_tag_names(memory))
    return next((place for place, name in enumerate(tags) if name in own), None)


def _unrotate_rows(rows: Sequence[MemoryVector], actor: Actor) -> "NDArray[np.float32]":
    """Return comparable vectors: private rows are rotated by the user's matrix, public ones are not."""
    import numpy as np

    stored = [list(row.embedding) for row in rows]
    private = [place for place, row in enumerate(rows) if not row.is_public]
    unrotated = vectors.unrotate_vectors(
        [stored[place] for place in private], get_person_key(actor.person.pk).vector_rotation_key
    )
    for place, vector in zip(private, unrotated, strict=True):
        stored[place] = vector
    return np.asarray(stored, np.float32)


def _project_to_plane(points: "NDArray[np.float32]") -> list[tuple[float, float]]:
    """Return the first two principal components, scaled to 0 to 1, with reproducible signs."""
    import numpy as np

    centered = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    axes = axes[:, -2:][:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    flat = centered @ axes
    spread = np.maximum(flat.max(axis=0) - flat.min(axis=0), 1e-6)
    return [(float(x), float(y)) for x, y in (flat - flat.min(axis=0)) / spread]
