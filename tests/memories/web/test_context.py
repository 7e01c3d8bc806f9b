"""Pins and the context on the pages."""

import re

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.models import Memory
from memories.services import writes
from tests.factories import app, remember

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory(ada: User) -> Memory:
    return remember(ada, "I am allergic to <b>peanuts</b>.")


def get_html(client: Client, address: str) -> str:
    return re.sub(r"\s+", " ", client.get(address).content.decode())


def test_memory_is_pinned_and_unpinned_by_its_button(ada_client: Client, memory: Memory) -> None:
    page, action = f"/memories/{memory.pk}/", f"/memories/{memory.pk}/pin/"
    for value, said in (("true", "Pinned."), ("false", "Unpinned.")):
        assert f'name="pinned" value="{value}"' in get_html(ada_client, page)
        answer = ada_client.post(action, {"pinned": value, "next": page}, follow=True)
        assert said in answer.content.decode()
        assert Memory.objects.get(pk=memory.pk).pinned is (value == "true")
        assert ("pic-pin" in get_html(ada_client, "/memories/")) is (value == "true")
    assert ada_client.post(action, {"pinned": "maybe"}).status_code == 422
    assert ada_client.get(action).status_code == 405


def test_nobody_else_pins_it(bob_client: Client, memory: Memory) -> None:
    assert bob_client.post(f"/memories/{memory.pk}/pin/", {"pinned": "true"}).status_code == 404
    assert not Memory.objects.get(pk=memory.pk).pinned


def test_context_page_shows_what_apps_get(ada: User, ada_client: Client, memory: Memory) -> None:
    html = get_html(ada_client, "/memories/context/")
    assert "&quot;I am allergic to &lt;b&gt;peanuts&lt;/b&gt;.&quot;" in html
    assert str(memory.pk) in html
    assert "1 memory, at most" in html


def test_context_page_without_memories(ada_client: Client) -> None:
    assert "You have no memories yet." in get_html(ada_client, "/memories/context/")


def test_review_says_that_a_memory_will_be_pinned(ada: User, ada_client: Client, memory: Memory) -> None:
    with pytest.raises(ApprovalRequired):
        writes.update_memory(app(ada, scopes.READ, scopes.WRITE), memory.pk, pinned=True)
    assert "will be pinned" in get_html(ada_client, "/memories/review/")
