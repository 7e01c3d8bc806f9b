"""A provider elsewhere reads a person's private texts and searches only after their yes."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.consent import embeddings as embedding_consent
from accounts.models import User
from memories.index import work_queue
from memories.jobs import indexer
from memories.models import IndexState, Memory
from memories.providers.embeddings import reset_provider
from memories.search.query import search_memories
from memories.services import writes
from tests.factories import remember, session
from tests.model_server import ModelServer

HOST = "vectors.example"
PRIVATE, PUBLIC, ASKED = "Ada hides the key below the oak.", "Ada plants oaks.", "where is the key"

Index = Callable[[], int]


@pytest.fixture(autouse=True)
def elsewhere(model: ModelServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is a server that keeps all that it is sent, and passes for one elsewhere."""
    settings.EMBEDDING_PROVIDER = "openai"
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = model.url, "none"
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: HOST)
    reset_provider()


def say(client: Client, person: User, *, yes: bool) -> None:
    told = {"handle": person.handle, "time_zone": "UTC", **({"embeds_my_memories": "on"} if yes else {})}
    assert client.post("/accounts/profile/", told).status_code == 302
    person.refresh_from_db()


def test_without_a_yes_only_public_texts_are_sent(ada: User, index: Index, model: ModelServer) -> None:
    remember(ada, PRIVATE)
    remember(ada, PUBLIC, visibility="public")
    index()
    found = search_memories(session(ada), ASKED)
    assert model.texts == [PUBLIC]
    assert [hit.memory.text for hit in found.hits] == [PRIVATE]  # by its words
    assert (found.withheld, found.degraded) == (True, False)
    assert set(Memory.objects.values_list("index_state", flat=True)) == {IndexState.READY}


def test_a_yes_sends_what_was_withheld_and_taking_it_back_sends_no_more(
    ada: User, ada_client: Client, index: Index, model: ModelServer
) -> None:
    remember(ada, PRIVATE)
    index()
    say(ada_client, ada, yes=True)
    assert index() == 1
    assert not search_memories(session(ada), ASKED).withheld
    assert model.texts == [PRIVATE, ASKED]
    say(ada_client, ada, yes=False)
    remember(ada, "A later secret.")
    index()
    assert search_memories(session(ada), "later secret").withheld
    assert model.texts == [PRIVATE, ASKED]


def test_a_yes_while_a_worker_leaves_the_memory_to_its_words_is_not_missed(
    ada: User, ada_client: Client, index: Index, model: ModelServer
) -> None:
    remember(ada, PRIVATE)
    [taken] = indexer.claim_memories(worker=1, limit=10)
    say(ada_client, ada, yes=True)
    indexer.store_results(1, [indexer.EmbeddingResult(taken, [], is_withheld=True)])
    assert index() == 1
    assert model.texts == [PRIVATE]


def test_another_host_is_asked_for_anew(
    ada: User, ada_client: Client, index: Index, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(ada_client, ada, yes=True)
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: "other.example")
    remember(ada, PRIVATE)
    index()
    assert model.texts == []


def test_a_memory_that_becomes_public_is_embedded_then(ada: User, index: Index, model: ModelServer) -> None:
    memory = remember(ada, PRIVATE)
    index()
    writes.update_memory(session(ada), memory.pk, visibility="public")
    assert index() == 1
    assert model.texts == [PRIVATE]


def test_the_list_says_why_only_words_are_compared(ada: User, ada_client: Client, index: Index) -> None:
    remember(ada, PRIVATE)
    index()
    page = ada_client.get("/memories/", {"q": ASKED}).content.decode()
    assert f"allow sending private texts to {HOST}" in page
    assert 'href="/accounts/profile/"' in page


def test_the_profile_asks_by_name(ada_client: Client) -> None:
    page = ada_client.get("/accounts/profile/").content.decode()
    assert f"Let {HOST} read my memories" in page


def test_what_was_withheld_is_indexed_anew_where_the_provider_is_here_again(
    ada: User, index: Index, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, PRIVATE)
    index()
    assert work_queue.enqueue_other_spaces() == 0
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: "")
    assert work_queue.enqueue_other_spaces() == 1
    index()
    assert model.texts == [PRIVATE]


def test_what_is_withheld_has_the_words_of_its_language_and_of_its_day(
    ada: User, index: Index, settings: Settings
) -> None:
    """They are all that it is found by."""
    memory = remember(ada, "Ada hat drei Häuser.")
    index()
    settings.SEARCH_LANGUAGE = "german"
    Memory.objects.update(created_at=datetime(2019, 5, 4, tzinfo=UTC))
    assert not search_memories(session(ada), "Haus").hits
    assert work_queue.enqueue_other_spaces() == 1
    index()
    for asked in ("Haus", "2019"):
        assert [hit.memory for hit in search_memories(session(ada), asked).hits] == [memory]


def test_a_withheld_memory_that_does_not_open_stops_no_worker(ada: User, index: Index) -> None:
    broken, whole = remember(ada, PRIVATE), remember(ada, "Ada sails.")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'x' where id = %s", [broken.pk])
    index()
    states = dict(Memory.objects.values_list("pk", "index_state"))
    assert states == {broken.pk: IndexState.FAILED, whole.pk: IndexState.READY}
