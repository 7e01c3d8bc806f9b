"""The results of a comparison: measured by comparison.py, reported by report.py."""

import math
from dataclasses import dataclass, field

from benchmarks.clock import Times

HYBRID = "hybrid"  # method that is queried with words of the memories; all others are semantic only
Variant = tuple[str, str]  # a system and one of its search methods


@dataclass
class ComparisonResults:
    """Measurements by system, and of searches by variant and number of the owner's memories."""

    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    filled_s: dict[str, float] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    first: dict[Variant, Times] = field(default_factory=dict)
    recall: dict[tuple[Variant, int], float] = field(default_factory=dict)
    searched: dict[tuple[Variant, int], Times] = field(default_factory=dict)
    added: dict[str, Times] = field(default_factory=dict)
    many: dict[str, Times] = field(default_factory=dict)  # ms per memory
    embedded: dict[str, float] = field(default_factory=dict)  # ms per memory, in addition
    indexing_delay: dict[str, Times] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    load_timed: float = math.nan
