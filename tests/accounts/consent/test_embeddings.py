"""A remote embedding provider receives private texts and searches only with the user's consent."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.consent import embeddings as embedding_consent
from accounts.models import User
from memories.index import moves
from memories.index.languages import get_language
from memories.jobs import claims, indexer
from memories.jobs.embedder import EmbeddingResult
from memories.models import IndexState, Memory
from memories.providers.embeddings import reset_provider
from memories.search.query import search_memories
from memories.services import writes
from tests.factories import remember, session
from tests.model_server import ModelServer

HOST = "vectors.example"
PRIVATE, PUBLIC, QUERY = "Ada hides the key below the oak.", "Ada plants oaks.", "where is the key"

Index = Callable[[], int]


@pytest.fixture(autouse=True)
def remote_provider(model: ModelServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a local server that records the texts it receives, and treat it as a remote provider."""
    settings.EMBEDDING_PROVIDER = "openai"
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = model.url, "none"
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: HOST)
    reset_provider()


def set_consent(client: Client, person: User, *, yes: bool) -> None:
    form = {"handle": person.handle, "time_zone": "UTC", **({"embeds_my_memories": "on"} if yes else {})}
    assert client.post("/accounts/profile/", form).status_code == 302
    person.refresh_from_db()


def test_only_public_texts_are_sent_without_consent(ada: User, index: Index, model: ModelServer) -> None:
    remember(ada, PRIVATE)
    remember(ada, PUBLIC, visibility="public")
    index()
    results = search_memories(session(ada), QUERY)
    assert model.texts == [PUBLIC]
    assert [hit.memory.text for hit in results.hits] == [PRIVATE]  # by keyword
    assert (results.withheld, results.degraded) == (True, False)
    assert set(Memory.objects.values_list("index_state", flat=True)) == {IndexState.READY}


def test_giving_consent_sends_withheld_texts_and_withdrawing_stops(
    ada: User, ada_client: Client, index: Index, model: ModelServer
) -> None:
    remember(ada, PRIVATE)
    index()
    set_consent(ada_client, ada, yes=True)
    assert index() == 1
    assert not search_memories(session(ada), QUERY).withheld
    assert model.texts == [PRIVATE, QUERY]
    set_consent(ada_client, ada, yes=False)
    remember(ada, "A later secret.")
    index()
    assert search_memories(session(ada), "later secret").withheld
    assert model.texts == [PRIVATE, QUERY]


def test_consent_given_while_a_worker_withholds_a_text_is_applied(
    ada: User, ada_client: Client, index: Index, model: ModelServer
) -> None:
    remember(ada, PRIVATE)
    [claim] = claims.claim_memories(worker=1, limit=10)
    set_consent(ada_client, ada, yes=True)
    indexer.store_results(1, [EmbeddingResult(claim, get_language("en"), [], is_withheld=True)])
    assert index() == 1
    assert model.texts == [PRIVATE]


def test_a_new_host_needs_new_consent(
    ada: User, ada_client: Client, index: Index, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_consent(ada_client, ada, yes=True)
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: "other.example")
    remember(ada, PRIVATE)
    index()
    assert model.texts == []


def test_a_memory_made_public_is_embedded(ada: User, index: Index, model: ModelServer) -> None:
    memory = remember(ada, PRIVATE)
    index()
    writes.update_memory(session(ada), memory.pk, visibility="public")
    assert index() == 1
    assert model.texts == [PRIVATE]


def test_list_explains_keyword_only_search(ada: User, ada_client: Client, index: Index) -> None:
    remember(ada, PRIVATE)
    index()
    page = ada_client.get("/memories/", {"q": QUERY}).content.decode()
    assert f"allow sending private texts to {HOST}" in page
    assert 'href="/accounts/profile/"' in page


def test_profile_names_the_host(ada_client: Client) -> None:
    page = ada_client.get("/accounts/profile/").content.decode()
    assert f"Allow {HOST} to process my memories" in page


def test_withheld_texts_are_reindexed_when_the_provider_becomes_local(
    ada: User, index: Index, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, PRIVATE)
    index()
    assert moves.start_outdated_moves() == 0
    monkeypatch.setattr(embedding_consent, "get_provider_host", lambda: "")
    assert moves.start_outdated_moves() == 1
    index()
    assert model.texts == [PRIVATE]


def test_withheld_texts_are_indexed_by_language_and_date(ada: User, index: Index, settings: Settings) -> None:
    """Keywords are the only way to find such a memory."""
    memory = remember(ada, "Ada hat drei Häuser.")
    index()
    settings.SEARCH_LANGUAGE = "german"
    Memory.objects.update(created_at=datetime(2019, 5, 4, tzinfo=UTC))
    assert not search_memories(session(ada), "Haus").hits
    assert moves.start_outdated_moves() == 1
    index()
    for query in ("Haus", "2019"):
        assert [hit.memory for hit in search_memories(session(ada), query).hits] == [memory]


def test_an_undecryptable_withheld_memory_does_not_stop_the_worker(ada: User, index: Index) -> None:
    undecryptable, intact = remember(ada, PRIVATE), remember(ada, "Ada sails.")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'x' where id = %s", [undecryptable.pk])
    index()
    states = dict(Memory.objects.values_list("pk", "index_state"))
    assert states == {undecryptable.pk: IndexState.FAILED, intact.pk: IndexState.READY}
