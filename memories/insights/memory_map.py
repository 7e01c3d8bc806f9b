"""A map of the user's memories by meaning, for their own session."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.actor import Actor
from core.db.standby import prefer_standby
from memories.insights.comparable_vectors import load_newest_vectors, stack_vectors
from memories.insights.sessions import require_session
from memories.models import Memory
from memories.services.tags import attach_prefetched_tags, get_tag_names, with_tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_POINTS = 360  # newest memories; more points overlap and make the page heavy
MAX_COLOURS = 6  # for the most frequent tags


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


@prefer_standby
def build_map(actor: Actor, *, limit: int = MAX_POINTS) -> MemoryMap:
    """Return a map of the user's newest embedded memories by their two principal components."""
    require_session(actor)
    rows = [row for row in load_newest_vectors(actor, limit) if row.passage == 0]
    if len(rows) < 3:
        return MemoryMap([], [])
    visible = Memory.objects.visible_to(actor, owner=actor.person)
    memories = with_tags(visible, actor.person.pk).in_bulk(row.memory_id for row in rows)
    attach_prefetched_tags(actor, memories.values())
    rows = [row for row in rows if row.memory_id in memories]
    common = Counter(name for memory in memories.values() for name in get_tag_names(memory))
    tags = [name for name, _ in common.most_common(MAX_COLOURS)]
    return MemoryMap(
        [
            MapPoint(memories[row.memory_id], x, y, _get_colour(memories[row.memory_id], tags))
            for row, (x, y) in zip(rows, _project_to_plane(stack_vectors(rows, actor)), strict=True)
        ],
        tags,
    )


def _get_colour(memory: Memory, tags: list[str]) -> int | None:
    own = set(get_tag_names(memory))
    return next((place for place, name in enumerate(tags) if name in own), None)


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
