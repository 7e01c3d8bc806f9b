"""Rate limits are exact, even for concurrent requests."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit, purge_rate_limits

THREADS = 16


def is_allowed(limit: RateLimit, who: str) -> bool:
    try:
        enforce_rate_limit(limit, who)
    except RateLimitExceeded:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_limited_exactly() -> None:
    limit, who = RateLimit("test", 20, window_s=3_600.0), uuid4().hex  # the table outlives the test

    def send_requests(_number: int) -> int:
        try:
            return sum(is_allowed(limit, who) for _ in range(10))
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(send_requests, range(THREADS))) == 20


@pytest.mark.django_db
def test_limits_are_separate_by_key_and_name() -> None:
    limit = RateLimit("test", 2)
    assert [is_allowed(limit, who) for who in ("eve", "eve", "eve", "bob")] == [True, True, False, True]
    assert is_allowed(RateLimit("other", 2), "eve")


@pytest.mark.django_db
def test_quota_is_replenished_and_retry_after_is_reported() -> None:
    limit = RateLimit("test", 2, window_s=60.0)
    assert [is_allowed(limit, "eve") for _ in range(3)] == [True, True, False]
    with pytest.raises(RateLimitExceeded) as reached:
        enforce_rate_limit(limit, "eve")
    assert reached.value.retry_after_s == 30
    with connection.cursor() as cursor:
        cursor.execute("update accounts_rate_limit set earned_at = earned_at - interval '30 seconds'")
    assert [is_allowed(limit, "eve") for _ in range(2)] == [True, False]


@pytest.mark.django_db
def test_replenished_rows_are_purged() -> None:
    enforce_rate_limit(RateLimit("test", 2), "eve")
    enforce_rate_limit(RateLimit("test", 2, window_s=0.000_001), "bob")
    assert purge_rate_limits() >= 1  # other tests have left some
    assert purge_rate_limits() == 0
