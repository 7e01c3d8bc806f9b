"""Readers of a memory, and the map of memories."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.actor import InsufficientScope
from accounts.models import User
from memories.errors import MemoryNotFound
from memories.insights import memory_map
from memories.insights.readers import list_readers
from memories.search.query import search_memories
from memories.services import reads, writes
from memories.validation.drafts import NewMemory
from tests.factories import app, remember, session


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"


def get_page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_memory_page_shows_apps_and_users_that_read_it(ada: User, bob: User, ada_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    memory = remember(ada, "My dog drinks coffee.", visibility="public")
    assert "Nobody but you." in get_page(ada_client, f"/memories/{memory.pk}/")
    for _ in range(2):
        reads.get_memory(app(ada), memory.pk)
    ada.refresh_from_db()
    search_memories(session(bob), "dog", owner=ada)
    readers = list_readers(session(ada), memory.pk)
    assert [(reader.app, reader.handle, reader.times) for reader in readers] == [
        ("", bob.handle, 1),
        ("notes", "", 2),
    ]
    assert f"@{bob.handle}" in get_page(ada_client, f"/memories/{memory.pk}/")


def test_only_owners_session_can_list_readers(ada: User, bob: User) -> None:
    memory = remember(ada, "One.")
    with pytest.raises(MemoryNotFound):
        list_readers(session(bob), memory.pk)
    with pytest.raises(InsufficientScope):
        list_readers(app(ada), memory.pk)
    with pytest.raises(InsufficientScope):
        memory_map.build_map(app(ada))


def test_map_places_private_and_public_memories_alike(ada: User, index: Callable[[], int]) -> None:
    """Similar texts are close on the map, although private embeddings are rotated by a secret matrix."""
    remember(ada, "My dog runs.", tags=["pets"])
    remember(ada, "My puppy runs.", visibility="public")
    remember(ada, "The train leaves at nine.")
    remember(ada, "Espresso from the bicycle shop.")
    index()
    built = memory_map.build_map(session(ada))
    positions = {point.memory.text: (point.x, point.y) for point in built.points}
    assert positions["My dog runs."] == pytest.approx(positions["My puppy runs."], abs=0.01)
    assert positions["My dog runs."] != pytest.approx(positions["The train leaves at nine."], abs=0.2)
    assert built.tags == ["pets"]


def test_map_page_shows_memories_with_a_table(
    ada: User, bob: User, ada_client: Client, index: Callable[[], int], django_assert_max_num_queries: Any
) -> None:
    assert "The map appears once three memories" in get_page(ada_client, "/memories/insights/map/")
    for number in range(30):
        remember(ada, f"Thing {number} is <b>.", tags=["pets"])
    remember(bob, "Bob's own.", visibility="public")
    index()
    with django_assert_max_num_queries(8):
        html = get_page(ada_client, "/memories/insights/map/")
    assert html.count("<title>Thing") == 30
    assert "Bob" not in html
    assert "<b>" not in html
    assert "style=" not in html


def test_page_size_with_full_map_is_limited(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    texts = [
        f"{n}. The plumber comes on Thursdays, and the key is with the neighbour above." for n in range(60)
    ]
    writes.create_memories(session(ada), [NewMemory(text, tags=["home"]) for text in texts])
    index()
    html = get_page(ada_client, "/memories/insights/map/")
    svg = html.split('<svg class="map"')[1].split("</svg>")[0]
    assert svg.count("<circle") == 60
    assert len(html) - len(svg) + len(svg) * memory_map.MAX_POINTS / 60 < 60_000
