"""A process that caches whoever is searched, at the first search."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from memories.search.cache import store
from memories.search.cache.registration import Registration

IS_EFFECTIVE = Registration.is_effective


@pytest.fixture
def caching(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.MEMORY_VECTORS_MB = 100
    monkeypatch.setattr(store, "MIN_ROWS", 0)
    monkeypatch.setattr(store, "MIN_SEARCHES", 1)
    # Loading waits for all transactions of the server, also for those of other tests in other databases.
    monkeypatch.setattr(Registration, "is_effective", lambda _: True)
    store.clear()
    yield
    store.clear()
