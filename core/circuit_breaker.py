"""Circuit breaker: after a failure, callers skip a service for a while instead of each waiting for the same failure."""

import time

OPEN_S = 3.0  # unless the service's Retry-After is longer
LONGEST_OPEN_S = 10.0


class CircuitBreaker:
    """Open for some seconds after a failure. Thread-safe: threads write a single number, and the last write wins."""

    def __init__(self) -> None:
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether callers must skip the service now."""
        return time.monotonic() < self._open_until

    def record_failure(self, retry_after_s: float | None = None) -> None:
        """Open the breaker. retry_after_s: the Retry-After of the service, capped at LONGEST_OPEN_S."""
        wait_s = min(max(retry_after_s or 0.0, OPEN_S), LONGEST_OPEN_S)
        self._open_until = time.monotonic() + wait_s

    def reset(self) -> None:
        """Close the breaker."""
        self._open_until = 0.0
