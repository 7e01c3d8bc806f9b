"""An optional part that fails: memories wait and heal, one line is logged, and the worker goes on."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import DataError
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from memories.index import work_queue
from memories.jobs import indexer, recovery
from memories.models import IndexState, Memory
from memories.providers import embeddings
from memories.providers.embeddings import ProviderRejected, ProviderUnavailable, reset_provider
from memories.search.query import search_memories
from tests.factories import remember, session
from tests.memories.api.callers import session_of
from tests.memories.mcp.callers import app_of as connect_app
from tests.providers import DIMENSIONS, WordHashes

pytestmark = pytest.mark.django_db


class Panic(BaseException):
    """As libraries in Rust raise it: not an Exception."""


class Broken(WordHashes):
    """A provider that raises `error` for texts with `word`, and for queries."""

    error: BaseException | None = None
    word = ""

    def embed_query(self, text: str) -> list[float]:
        self._fail_for([text])
        return super().embed_query(text)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self._fail_for(texts)
        return [WordHashes.embed_query(self, text) for text in texts]

    def _fail_for(self, texts: Sequence[str]) -> None:
        if self.error is not None and any(self.word in text for text in texts):
            raise self.error


class BrokenAtStart(WordHashes):
    def __init__(self) -> None:
        raise FileNotFoundError("weights")


class NotFinite(WordHashes):
    """A provider whose vector of a text with "odd" is not finite."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [
            [math.nan] * DIMENSIONS if "odd" in text else WordHashes.embed_query(self, text) for text in texts
        ]


@pytest.fixture(autouse=True)
def _fresh_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_logged_errors", set())
    for name, value in (("_next_try", 0.0), ("_interval_s", recovery.INTERVAL_S), ("_outage", "")):
        monkeypatch.setattr(recovery, name, value)
    monkeypatch.setattr(recovery, "_is_requeued", True)


@pytest.fixture
def broken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Broken]]:
    use_class(settings, Broken)
    monkeypatch.setattr(Broken, "error", None)
    monkeypatch.setattr(Broken, "word", "")
    yield Broken
    reset_provider()


def use_class(settings: Settings, provider: type) -> None:
    settings.EMBEDDING_PROVIDER = f"{provider.__module__}.{provider.__name__}"
    reset_provider()


def get_states() -> dict[str, tuple[str, str]]:
    return {row.text: (row.index_state, row.index_error) for row in Memory.objects.all()}


def make_due() -> None:
    Memory.objects.filter(index_state=IndexState.PENDING).update(index_due_at="2020-01-01T00:00Z")


def exhaust_attempts(index: Callable[[], int], settings: Settings) -> None:
    for _ in range(settings.INDEXING_MAX_ATTEMPTS):
        make_due()
        index()


@pytest.mark.parametrize(
    "error",
    [ImportError("socksio"), ValueError(), RuntimeError(), MemoryError(), OSError(), Panic()],
    ids=repr,
)
def test_unexpected_error_of_a_provider_degrades_search_and_delays_memories(
    ada: User, index: Callable[[], int], broken: type[Broken], caplog: Any, error: BaseException
) -> None:
    broken.error = error
    remember(ada, "My puppy is called Rex.")
    remember(ada, "The car is red.")
    assert index() == 2
    assert set(get_states().values()) == {("pending", "misconfigured")}
    for _ in range(2):
        results = search_memories(session(ada), "puppy")
        assert results.degraded
        assert [hit.memory.text for hit in results.hits] == ["My puppy is called Rex."]
    lines = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in lines] == ["the embedding provider failed unexpectedly"]
    broken.error = None
    make_due()
    index()
    assert set(get_states().values()) == {("ready", "")}


@pytest.mark.parametrize("provider", [Broken, BrokenAtStart])
def test_every_channel_answers_by_keyword_while_a_provider_is_broken(
    ada: User, ada_client: Client, settings: Settings, broken: type[Broken], provider: type
) -> None:
    use_class(settings, provider)
    broken.error = FileNotFoundError("/nonexistent")
    text = "My puppy is called Rex."
    remember(ada, text)
    page = ada_client.get("/memories/", {"q": "puppy"})
    assert page.status_code == 200
    assert "Keyword search only" in page.content.decode()
    found = session_of(ada)("post", "/memories/search/", {"query": "puppy"})
    assert (found.status, found.json["degraded"]) == (200, True)
    assert [row["memory"]["text"] for row in found.json["results"]] == [text]
    answer = session_of(ada)("post", "/personas/me/ask/", {"question": "What is my puppy called?"})
    assert (answer.status, answer.json["degraded"]) == (200, True)
    assert connect_app(ada).call("search", query="puppy").texts == [text]
    assert ada_client.get("/accounts/profile/").status_code == 200


def test_provider_that_cannot_be_created_degrades_search_and_delays_memories(
    ada: User, index: Callable[[], int], settings: Settings
) -> None:
    use_class(settings, BrokenAtStart)
    remember(ada, "My puppy is called Rex.")
    index()
    assert set(get_states().values()) == {("pending", "misconfigured")}
    results = search_memories(session(ada), "puppy")
    assert (results.degraded, len(results.hits)) == (True, 1)


@pytest.mark.parametrize("odd", [1, 3])
def test_one_text_that_breaks_a_provider_does_not_delay_the_others(
    ada: User, index: Callable[[], int], broken: type[Broken], odd: int
) -> None:
    broken.error, broken.word = ValueError(), "odd"
    texts = [f"text {number}" for number in range(20)] + [f"odd {number}" for number in range(odd)]
    for text in texts:
        remember(ada, text)
    for _ in range(6):
        make_due()
        index()
    expected = {text: ("pending", "misconfigured") if "odd" in text else ("ready", "") for text in texts}
    assert get_states() == expected


def test_text_without_a_finite_vector_does_not_delay_the_others(
    ada: User, index: Callable[[], int], settings: Settings
) -> None:
    use_class(settings, NotFinite)
    for text in ("one", "odd", "two"):
        remember(ada, text)
    index()
    assert get_states() == {"one": ("ready", ""), "odd": ("pending", "bad_answer"), "two": ("ready", "")}


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("server_error"), ProviderRejected("unauthorized"), ValueError()], ids=repr
)
def test_failed_memories_heal_when_the_provider_answers_again(
    ada: User,
    index: Callable[[], int],
    broken: type[Broken],
    settings: Settings,
    error: Exception,
    caplog: Any,
) -> None:
    caplog.set_level(logging.INFO)
    settings.INDEXING_MAX_ATTEMPTS = 3
    broken.error = error
    remember(ada, "one")
    exhaust_attempts(index, settings)
    assert get_states()["one"][0] == IndexState.FAILED
    recovery.retry_if_due()
    assert index() == 0  # it still fails: nothing is due
    broken.error = None
    recovery._next_try = 0.0  # a minute later
    recovery.retry_if_due()
    assert index() == 1
    assert get_states() == {"one": ("ready", "")}
    said = [record.getMessage() for record in caplog.records if record.name == recovery.__name__]
    assert said[0].startswith("the embedding provider fails with ")
    assert said[-1] == "the embedding provider answers again"
    assert len(said) == 3


def test_failed_memories_heal_as_soon_as_another_one_is_indexed(
    ada: User, index: Callable[[], int], broken: type[Broken], settings: Settings
) -> None:
    settings.INDEXING_MAX_ATTEMPTS = 2
    broken.error = ProviderUnavailable("unreachable")
    remember(ada, "one")
    exhaust_attempts(index, settings)
    recovery.retry_if_due()
    broken.error = None
    remember(ada, "two")
    index()
    recovery.retry_if_due()  # at once, without waiting for its interval
    index()
    assert set(get_states().values()) == {("ready", "")}


def test_memory_that_fails_alone_is_tried_ever_more_rarely(
    ada: User, index: Callable[[], int], broken: type[Broken], settings: Settings
) -> None:
    settings.INDEXING_MAX_ATTEMPTS = 2
    broken.error, broken.word = ValueError(), "odd"
    remember(ada, "odd")
    exhaust_attempts(index, settings)
    waits = []
    for _ in range(10):
        recovery._next_try = 0.0
        recovery.retry_if_due()
        waits.append(recovery._interval_s)
        assert index() == 1
        assert get_states() == {"odd": ("failed", "misconfigured")}
    assert waits[:3] == [2 * recovery.INTERVAL_S, 4 * recovery.INTERVAL_S, 8 * recovery.INTERVAL_S]
    assert waits[-1] == recovery.MAX_INTERVAL_S


def test_rejected_texts_do_not_heal_on_their_own(ada: User) -> None:
    remember(ada, "one")
    for code in ("rejected", work_queue.UNREADABLE):
        Memory.objects.update(index_state=IndexState.FAILED, index_error=code)
        assert recovery.requeue_failed_memories() == 0


def test_batch_that_cannot_be_stored_is_tried_again_later(
    ada: User, index: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = work_queue.store_vectors

    def fail_for_odd(memories: Sequence[Memory], *arguments: Any) -> None:
        if any("odd" in memory.text for memory in memories):
            raise DataError
        store(memories, *arguments)

    monkeypatch.setattr(work_queue, "store_vectors", fail_for_odd)
    for text in ("one", "odd", "two"):
        remember(ada, text)
    assert index() == 3
    assert get_states() == {"one": ("ready", ""), "odd": ("pending", "internal_error"), "two": ("ready", "")}


def test_worker_survives_whatever_its_steps_raise(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    steps: list[Exception] = [ValueError("text"), RuntimeError()]
    pauses: list[float] = []

    def work(_should_stop: Callable[[], bool]) -> None:
        raise steps.pop(0)

    monkeypatch.setattr(indexer, "_work_with_lease", work)
    monkeypatch.setattr(indexer, "pause", lambda seconds, _should_stop: pauses.append(seconds))
    monkeypatch.setattr("memories.jobs.indexer.connection.close", lambda: None)
    indexer.run_worker(lambda: not steps)
    assert pauses == [2, 4]
    assert [record.getMessage() for record in caplog.records] == ["the worker failed; it goes on"] * 2
