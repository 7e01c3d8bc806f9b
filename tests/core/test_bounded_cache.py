"""What a process remembers of many keys is bounded in number and in time."""

import threading
import time

import pytest

from core.bounded_cache import BoundedCache


def test_the_entry_that_was_stored_longest_ago_is_forgotten() -> None:
    cache = BoundedCache[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.store(key, value)
    assert [cache.get(key) for key in "abc"] == [3, None, 4]
    assert (len(cache), cache.values()) == (2, [3, 4])
    cache.clear()
    assert (len(cache), cache.get("a")) == (0, None)


def test_an_entry_ends_after_its_time_and_storing_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cache = BoundedCache[str, str](9, valid_s=60)
    cache.store("a", "x")
    cache.store("b", "x")
    now = 150.0
    cache.store("b", "y")
    assert (cache.get("a"), cache.get("b")) == ("x", "y")
    now = 161.0
    assert (cache.get("a"), cache.get("b")) == (None, "y")


def test_threads_do_not_lose_changes() -> None:
    cache = BoundedCache[int, list[int]](8)

    def add() -> None:
        for number in range(2_000):
            with cache.lock:
                cache.store(number % 8, [*(cache.get(number % 8) or []), number])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, cache.values())) == 8_000
