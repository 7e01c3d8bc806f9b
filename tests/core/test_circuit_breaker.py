"""How long the circuit breaker stays open."""

from threading import Thread

import pytest

from core.circuit_breaker import LONGEST_OPEN_S, OPEN_S, CircuitBreaker


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]
    monkeypatch.setattr("core.circuit_breaker.time.monotonic", lambda: moment[0])
    return moment


@pytest.mark.parametrize(
    ("retry_after_s", "open_s"),
    [(None, OPEN_S), (0.0, OPEN_S), (1.0, OPEN_S), (7.0, 7.0), (400.0, LONGEST_OPEN_S)],
)
def test_failure_opens_the_breaker_for_a_bounded_time(
    now: list[float], retry_after_s: float | None, open_s: float
) -> None:
    breaker = CircuitBreaker()
    assert not breaker.is_open
    breaker.record_failure(retry_after_s)
    now[0] += open_s - 0.01
    assert breaker.is_open
    now[0] += 0.01
    assert not breaker.is_open


def test_last_failure_counts_and_reset_closes(now: list[float]) -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(LONGEST_OPEN_S)
    breaker.record_failure()
    now[0] += OPEN_S
    assert not breaker.is_open
    breaker.record_failure()
    breaker.reset()
    assert not breaker.is_open


def test_breaker_can_be_shared_by_threads() -> None:
    breaker = CircuitBreaker()
    threads = [Thread(target=breaker.record_failure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.is_open
