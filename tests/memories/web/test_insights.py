"""Who read a memory, and the page that shows memories from afar."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.actor import InsufficientScope
from accounts.models import User
from memories.clients import insights
from memories.errors import MemoryNotFound
from memories.search.query import search_memories
from memories.services import reads, writes
from memories.validation.drafts import NewMemory
from tests.factories import app, remember, session


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_memory_says_which_app_and_person_read_it(ada: User, bob: User, ada_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    own = remember(ada, "My dog drinks coffee.", visibility="public")
    assert "Nobody but you." in page(ada_client, f"/memories/{own.pk}/")
    for _ in range(2):
        reads.get_memory(app(ada), own.pk)
    ada.refresh_from_db()
    search_memories(session(bob), "dog", owner=ada)
    readers = insights.list_readers(session(ada), own.pk)
    assert [(each.app, each.handle, each.times) for each in readers] == [
        ("", bob.handle, 1),
        ("notes", "", 2),
    ]
    assert f"@{bob.handle}" in page(ada_client, f"/memories/{own.pk}/")


def test_who_read_is_told_to_the_owners_session_alone(ada: User, bob: User) -> None:
    own = remember(ada, "One.")
    with pytest.raises(MemoryNotFound):
        insights.list_readers(session(bob), own.pk)
    with pytest.raises(InsufficientScope):
        insights.list_readers(app(ada), own.pk)
    with pytest.raises(InsufficientScope):
        insights.build_map(app(ada))


def test_private_and_public_memories_lie_in_one_space(ada: User, index: Callable[[], int]) -> None:
    """The same meaning lies at the same place, though one row is turned by a secret matrix."""
    remember(ada, "My dog runs.", tags=["pets"])
    remember(ada, "My puppy runs.", visibility="public")
    remember(ada, "The train leaves at nine.")
    remember(ada, "Espresso from the bicycle shop.")
    index()
    drawn = insights.build_map(session(ada))
    at = {point.memory.text: (point.x, point.y) for point in drawn.points}
    assert at["My dog runs."] == pytest.approx(at["My puppy runs."], abs=0.01)
    assert at["My dog runs."] != pytest.approx(at["The train leaves at nine."], abs=0.2)
    assert drawn.tags == ["pets"]


def test_the_page_draws_the_map_and_the_bars_and_says_both_in_tables(
    ada: User, bob: User, ada_client: Client, index: Callable[[], int], django_assert_max_num_queries: Any
) -> None:
    assert "The map appears once three memories" in page(ada_client, "/memories/insights/")
    own = [remember(ada, f"Thing {n} is <b>.", tags=["pets"]) for n in range(30)]
    remember(bob, "Bob's own.", visibility="public")
    index()
    reads.get_memory(app(ada), own[0].pk)
    with django_assert_max_num_queries(10):
        html = page(ada_client, "/memories/insights/")
    assert html.count("<title>Thing") == 30
    assert "Bob" not in html
    assert '<th scope="row" dir="auto">notes</th>' in html
    assert "<b>" not in html
    assert "style=" not in html


def test_a_full_map_is_a_light_page(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    texts = [
        f"{n}. The plumber comes on Thursdays, and the key is with the neighbour above." for n in range(60)
    ]
    writes.create_memories(session(ada), [NewMemory(text, tags=["home"]) for text in texts])
    index()
    html = page(ada_client, "/memories/insights/")
    drawn = html.split('<svg class="map"')[1].split("</svg>")[0]
    assert drawn.count("<circle") == 60
    assert len(html) - len(drawn) + len(drawn) * insights.MAX_POINTS / 60 < 60_000
