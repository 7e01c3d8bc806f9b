"""Rate limits hold exactly, however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit, purge_rate_limits

THREADS = 16


def passes(limit: RateLimit, who: str) -> bool:
    try:
        enforce_rate_limit(limit, who)
    except RateLimitExceeded:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_the_limit_passes() -> None:
    limit, who = RateLimit("test", 20, window_s=3_600.0), uuid4().hex  # the table outlives the test

    def ask(_number: int) -> int:
        try:
            return sum(passes(limit, who) for _ in range(10))
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(ask, range(THREADS))) == 20


@pytest.mark.django_db
def test_each_has_a_share_of_their_own() -> None:
    limit = RateLimit("test", 2)
    assert [passes(limit, who) for who in ("eve", "eve", "eve", "bob")] == [True, True, False, True]
    assert passes(RateLimit("other", 2), "eve")


@pytest.mark.django_db
def test_one_who_waits_earns_again_and_is_told_how_long() -> None:
    limit = RateLimit("test", 2, window_s=60.0)
    assert [passes(limit, "eve") for _ in range(3)] == [True, True, False]
    with pytest.raises(RateLimitExceeded) as reached:
        enforce_rate_limit(limit, "eve")
    assert reached.value.retry_after_s == 30
    with connection.cursor() as cursor:
        cursor.execute("update accounts_rate_limit set earned_at = earned_at - interval '30 seconds'")
    assert [passes(limit, "eve") for _ in range(2)] == [True, False]


@pytest.mark.django_db
def test_who_has_earned_all_back_is_forgotten() -> None:
    enforce_rate_limit(RateLimit("test", 2), "eve")
    enforce_rate_limit(RateLimit("test", 2, window_s=0.000_001), "bob")
    assert purge_rate_limits() >= 1  # other tests have left some
    assert purge_rate_limits() == 0
