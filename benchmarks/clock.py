"""Times of what is called many times, taken in turns, so that a busy moment of the machine meets them all."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

CPU = time.process_time  # a clock of this process's own work, which waits for nobody
CALLS = 10  # of one kind in a row: each is measured with its own things at hand
FEW_CALLS = 2  # to see whether it runs


@dataclass(frozen=True)
class Times:
    """Sorted, in milliseconds."""

    ms: Sequence[float]

    @property
    def p50(self) -> float:
        return self.compute_quantile(0.5)

    @property
    def p99(self) -> float:
        return self.compute_quantile(0.99)

    def compute_quantile(self, share: float) -> float:
        """NaN of nothing."""
        return self.ms[min(int(share * len(self.ms)), len(self.ms) - 1)] if self.ms else math.nan


def build_times(ms: Sequence[float]) -> Times:
    return Times(sorted(ms))


def measure_in_turns(
    acts: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    calls: int = CALLS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """How long each act took, `calls` of it a round after one round to warm up. An act gets the number of its call."""
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(rounds + 1):
        for name, act in acts.items():
            for call in range(calls):
                begun = clock()
                act(turn * calls + call)
                if turn:
                    taken[name].append((clock() - begun) * 1000)
    return {name: build_times(ms) for name, ms in taken.items()}
