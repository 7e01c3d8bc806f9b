"""The results of a comparison: measured by comparison.py, written as tables by report.py."""

import math
from dataclasses import dataclass, field

from benchmarks.clock import Times

HYBRID = "hybrid"  # the way that is asked in words of the memories; all others go by meaning alone
Way = tuple[str, str]  # a system and one of its ways


@dataclass
class Found:
    """What was measured, by system, and of searches by way and number of the owner's memories."""

    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    filled_s: dict[str, float] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    first: dict[Way, Times] = field(default_factory=dict)
    recall: dict[tuple[Way, int], float] = field(default_factory=dict)
    searched: dict[tuple[Way, int], Times] = field(default_factory=dict)
    added: dict[str, Times] = field(default_factory=dict)
    many: dict[str, Times] = field(default_factory=dict)  # ms a memory
    embedded: dict[str, float] = field(default_factory=dict)  # ms a memory, beside that
    until_found: dict[str, Times] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    load_timed: float = math.nan
