"""Pages to merge similar memories, change many at once and manage tags."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from memories.models import Memory
from memories.services import reads, writes
from tests.factories import app, remember, session

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}
TWINS = ("My dog drinks coffee.", "My puppy drinks espresso.")


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"


def get_page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def list_texts(user: User) -> list[str]:
    return [memory.text for memory in reads.list_memories(session(user)).memories]


def get_tag_id(user: User, name: str) -> str:
    return str(next(tag.pk for tag in reads.list_tags(session(user)).tags if tag.name == name))


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["page", "htmx"])
def test_duplicate_text_shows_warning_and_can_be_saved_anyway(
    ada: User, ada_client: Client, extra: dict[str, Any]
) -> None:
    existing = remember(ada, "Tea.")
    response = ada_client.post("/memories/new/", {"text": " Tea. "}, **extra)
    assert response.status_code == 422
    assert str(existing.pk) in response.content.decode()
    assert list_texts(ada) == ["Tea."]
    ada_client.post("/memories/new/", {"text": "Tea.", "keep_both": "1"}, **extra)
    assert list_texts(ada) == ["Tea.", "Tea."]


def test_likely_duplicate_is_shown_and_can_be_replaced(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    older, newer = (remember(ada, text) for text in TWINS)
    index()
    assert "View likely duplicate" in get_page(ada_client, f"/memories/{newer.pk}/state/")
    html = get_page(ada_client, f"/memories/{newer.pk}/")
    assert "Likely duplicate" in html
    assert escape(TWINS[0]) in html
    response = ada_client.post(f"/memories/{newer.pk}/unite/", {"other": older.pk, "act": "replace"})
    assert response["Location"] == f"/memories/{older.pk}/"
    assert list_texts(ada) == [TWINS[1]]


def test_keep_both_dismisses_duplicate(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    older, newer = (remember(ada, text) for text in TWINS)
    index()
    ada_client.post(f"/memories/{newer.pk}/unite/", {"other": older.pk, "act": "keep"})
    assert "Likely duplicate" not in get_page(ada_client, f"/memories/{older.pk}/")
    assert len(list_texts(ada)) == 2


@pytest.mark.parametrize("act", ["replace", "merge", "keep"])
def test_memory_cannot_be_merged_with_itself(ada: User, ada_client: Client, act: str) -> None:
    memory = remember(ada, "One.")
    response = ada_client.post(f"/memories/{memory.pk}/unite/", {"other": memory.pk, "act": act})
    assert response.status_code == 404
    assert list_texts(ada) == ["One."]


def test_merging_another_users_memories_returns_404(ada: User, bob: User, bob_client: Client) -> None:
    one, two = remember(ada, "One."), remember(ada, "Two.")
    own = remember(bob, "Mine.")
    for memory, other in ((one, two), (own, one), (own, "nonsense")):
        response = bob_client.post(
            f"/memories/{memory.pk}/unite/", {"other": getattr(other, "pk", other), "act": "merge"}
        )
        assert response.status_code == 404
    assert len(list_texts(ada)) == 2


def test_selected_memories_are_trashed_and_undo_restores_them(ada: User, ada_client: Client) -> None:
    memory_ids = [remember(ada, f"Old {n}.").pk for n in range(2)]
    remember(ada, "New.")
    response = ada_client.post("/memories/many/", {"act": "trash", "ids": memory_ids})
    assert list_texts(ada) == ["New."]
    html = get_page(ada_client, response["Location"])
    at = html.split('name="at" value="')[1].split('"')[0]
    ada_client.post("/memories/many/restore/", {"at": at})
    assert len(list_texts(ada)) == 3


def test_bulk_publish_rejects_memories_edited_since_shown(ada: User, ada_client: Client) -> None:
    one, other = remember(ada, "One."), remember(ada, "Other.")
    ids = re.findall(r'name="ids" value="([^"]+)"', get_page(ada_client, "/memories/"))
    writes.update_memory(app(ada), other.pk, text="Ada's door code is 4711.")
    for act, public_count in (("publish", 0), ("unpublish", 0)):
        response = ada_client.post("/memories/many/", {"act": act, "ids": ids}, follow=True)
        assert Memory.objects.filter(visibility="public").count() == public_count
        assert ("changed in the meantime" in response.content.decode()) is (act == "publish")
    ids = re.findall(r'name="ids" value="([^"]+)"', get_page(ada_client, "/memories/"))
    ada_client.post("/memories/many/", {"act": "publish", "ids": ids})
    assert set(Memory.objects.filter(visibility="public").values_list("pk", flat=True)) == {one.pk, other.pk}


def test_select_all_matching_includes_memories_on_other_pages(ada: User, ada_client: Client) -> None:
    for n in range(30):
        remember(ada, f"Work {n}.", tags=["work"])
    remember(ada, "Home.")
    tag = get_tag_id(ada, "work")
    assert "Select all 30 matching memories" in get_page(ada_client, f"/memories/?tag={tag}")
    data = {"act": "tag", "tag_name": "office", "everything": "1", "tag": tag}
    ada_client.post("/memories/many/", data)
    assert Memory.objects.filter(tags__pk=get_tag_id(ada, "office")).count() == 30


def test_publish_all_matching_requires_confirmation(ada: User, ada_client: Client) -> None:
    """The user has not seen all of them, and an app may add more at any time."""
    for n in range(30):
        remember(ada, f"Number {n}.")
    data = {"act": "publish", "everything": "1"}
    confirmation = ada_client.post("/memories/many/", data).content.decode()
    assert "Make 30 memories public?" in confirmation
    assert "Number 29." in confirmation
    assert not Memory.objects.filter(visibility="public").exists()
    remember(ada, "Written by an app in the meantime.")
    data = dict(re.findall(r'name="(act|everything|shown|next)" value="([^"]*)"', confirmation))
    html = ada_client.post("/memories/many/", data, follow=True).content.decode()
    assert "added or changed in the meantime" in html
    assert not Memory.objects.filter(visibility="public").exists()
    confirmation = ada_client.post("/memories/many/", {"act": "publish", "everything": "1"}).content.decode()
    data = dict(re.findall(r'name="(act|everything|shown|next)" value="([^"]*)"', confirmation))
    assert ada_client.post("/memories/many/", data)["Location"] == "/memories/"
    assert Memory.objects.filter(visibility="public").count() == 31


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"act": "trash"}, "Select at least one memory."),
        ({"act": "burn", "everything": "1"}, "Choose an action."),
        ({"act": "tag", "tag_name": "", "everything": "1"}, "Enter one tag."),
    ],
)
def test_invalid_bulk_action_shows_error_and_changes_nothing(
    ada: User, ada_client: Client, data: dict[str, str], message: str
) -> None:
    memory = remember(ada, "One.")
    response = ada_client.post("/memories/many/", data, follow=True)
    assert message in response.content.decode()
    assert Memory.objects.get(pk=memory.pk).version == 1


@pytest.mark.parametrize(
    "at",
    ["", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_invalid_undo_time_returns_404(ada_client: Client, at: str) -> None:
    assert ada_client.post("/memories/many/restore/", {"at": at}).status_code == 404


def test_tags_can_be_renamed_merged_and_removed(ada: User, ada_client: Client) -> None:
    remember(ada, "One.", tags=["job"])
    remember(ada, "Two.", tags=["work"])
    assert "No tags yet" not in get_page(ada_client, "/memories/tags/")
    ada_client.post(f"/memories/tags/{get_tag_id(ada, 'job')}/rename/", {"name": "work"})
    html = get_page(ada_client, "/memories/tags/")
    assert "2 memories" in html
    assert ">job<" not in html
    ada_client.post(f"/memories/tags/{get_tag_id(ada, 'work')}/remove/")
    assert "No tags yet" in get_page(ada_client, "/memories/tags/")


def test_another_users_tag_returns_404(ada: User, bob_client: Client) -> None:
    remember(ada, "One.", tags=["x"])
    for act in ("rename", "remove"):
        response = bob_client.post(f"/memories/tags/{get_tag_id(ada, 'x')}/{act}/", {"name": "y"})
        assert response.status_code == 404
    assert bob_client.get(f"/memories/tags/{get_tag_id(ada, 'x')}/").status_code == 404


def test_tag_page_shows_error_for_invalid_name(ada: User, ada_client: Client) -> None:
    remember(ada, "One.", tags=["job"])
    address = f"/memories/tags/{get_tag_id(ada, 'job')}/"
    assert f'href="{address}"' in get_page(ada_client, "/memories/tags/")
    assert "1 memory" in get_page(ada_client, address)
    response = ada_client.post(f"{address}rename/", {"name": "x" * 51})
    assert response["Location"] == address
    assert "A tag has at most 50 characters" in get_page(ada_client, address)


def test_side_list_offers_most_used_and_selected_tags(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memories.web.views.list.MAX_SIDE_TAGS", 2)
    for tags in (["a", "b", "c"], ["b", "c"], ["c"], ["d"]):
        remember(ada, "One.", tags=tags)
    selected = get_tag_id(ada, "d")
    assert parse_side_tags(get_page(ada_client, "/memories/")) == [("c", "3"), ("b", "2")]
    with_selected = parse_side_tags(get_page(ada_client, f"/memories/?tag={selected}"))
    assert with_selected == [("c", "3"), ("b", "2"), ("d", "1")]


def parse_side_tags(html: str) -> list[tuple[str, str]]:
    """Return the tags beside the list with their numbers."""
    return re.findall(r'<span dir="auto">(\w+)</span>\s*<span class="side-count">(\d*)</span>', html)


def test_tags_page_is_paginated(ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memories.web.views.bulk.TAGS_PER_PAGE", 2)
    remember(ada, "One.", tags=["one", "three", "two"])
    first = get_page(ada_client, "/memories/tags/")
    assert ("“two”" in first, 'href="?page=2"' in first) == (False, True)
    assert "“two”" in get_page(ada_client, "/memories/tags/?page=2")


def test_query_count_of_tags_page_is_constant(
    ada: User, ada_client: Client, django_assert_max_num_queries: Any
) -> None:
    remember(ada, "One.", tags=[f"t{n}" for n in range(20)])
    with django_assert_max_num_queries(8):
        get_page(ada_client, "/memories/tags/")


def test_query_count_of_memory_page_is_constant_with_many_similar_memories(
    ada: User, ada_client: Client, index: Callable[[], int], django_assert_max_num_queries: Any
) -> None:
    memory = remember(ada, TWINS[0])
    for _ in range(5):
        remember(ada, TWINS[1], tags=["a", "b"])
    index()
    with django_assert_max_num_queries(20):
        get_page(ada_client, f"/memories/{memory.pk}/")
