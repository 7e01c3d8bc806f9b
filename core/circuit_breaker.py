"""A service that failed is not asked for a while, so that not every caller waits for the same failure."""

import time

OPEN_S = 3.0  # unless the service asks for a longer time
LONGEST_OPEN_S = 10.0


class CircuitBreaker:
    """Open after a failure, until the wait is over. Threads may share it: they write one number, and the last wins."""

    def __init__(self) -> None:
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the service is not to be asked now."""
        return time.monotonic() < self._open_until

    def record_failure(self, retry_after_s: float | None = None) -> None:
        """Open it from now on. retry_after_s: the wait that the service asked for, of which LONGEST_OPEN_S at most."""
        wait_s = min(max(retry_after_s or 0.0, OPEN_S), LONGEST_OPEN_S)
        self._open_until = time.monotonic() + wait_s

    def reset(self) -> None:
        """Close it at once."""
        self._open_until = 0.0
