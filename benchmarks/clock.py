"""Timing of repeated operations in turns, so that other load affects all of them alike."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

CPU = time.process_time  # CPU time of this process
CALLS = 10  # per operation in a row, so that its caches are warm
FEW_CALLS = 2  # for quick runs


@dataclass(frozen=True)
class Times:
    """Sorted times in milliseconds."""

    ms: Sequence[float]

    @property
    def p50(self) -> float:
        return self.compute_quantile(0.5)

    @property
    def p99(self) -> float:
        return self.compute_quantile(0.99)

    def compute_quantile(self, share: float) -> float:
        """Return a quantile, or NaN without times."""
        return self.ms[min(int(share * len(self.ms)), len(self.ms) - 1)] if self.ms else math.nan


def build_times(ms: Sequence[float]) -> Times:
    return Times(sorted(ms))


def measure_in_turns(
    operations: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    calls: int = CALLS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Time each operation, `calls` per round after a warm-up round. An operation receives the number of the call."""
    times: dict[str, list[float]] = {name: [] for name in operations}
    for turn in range(rounds + 1):
        for name, operation in operations.items():
            for call in range(calls):
                started_at = clock()
                operation(turn * calls + call)
                if turn:
                    times[name].append((clock() - started_at) * 1000)
    return {name: build_times(ms) for name, ms in times.items()}
