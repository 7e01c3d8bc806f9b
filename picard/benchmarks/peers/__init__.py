"""Picard beside what one would pick instead: the same memories, vectors and questions, one machine, one run."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picard.benchmarks.report import Report


def run(*, quick: bool, say: Callable[[str], None], size: int, systems: Sequence[str]) -> "Report":
    """Of so many memories; of these systems, or of all where none is named."""
    # Here, because the peers' own environment, which has no Django, imports this package too.
    from picard.benchmarks.peers.comparison import run as compare

    return compare(quick=quick, say=say, size=size, systems=systems)
