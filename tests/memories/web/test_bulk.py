"""The pages of alike memories, of many at once, and of tags."""

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


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def texts(user: User) -> list[str]:
    return [memory.text for memory in reads.list_memories(session(user)).memories]


def tag_id(user: User, name: str) -> str:
    return str(next(tag.pk for tag in reads.list_tags(session(user)) if tag.name == name))


@pytest.mark.parametrize("how", [{}, HTMX])
def test_the_same_text_again_is_said_at_once_and_can_be_kept(
    ada: User, ada_client: Client, how: dict[str, Any]
) -> None:
    same = remember(ada, "Tea.")
    response = ada_client.post("/memories/new/", {"text": " Tea. "}, **how)
    assert response.status_code == 422
    assert str(same.pk) in response.content.decode()
    assert texts(ada) == ["Tea."]
    ada_client.post("/memories/new/", {"text": "Tea.", "keep_both": "1"}, **how)
    assert texts(ada) == ["Tea.", "Tea."]


def test_a_memory_shows_what_means_the_same_and_replaces_it(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    older, newer = (remember(ada, text) for text in TWINS)
    index()
    assert "View likely duplicate" in page(ada_client, f"/memories/{newer.pk}/state/")
    html = page(ada_client, f"/memories/{newer.pk}/")
    assert "Likely duplicate" in html
    assert escape(TWINS[0]) in html
    response = ada_client.post(f"/memories/{newer.pk}/unite/", {"other": older.pk, "act": "replace"})
    assert response["Location"] == f"/memories/{older.pk}/"
    assert texts(ada) == [TWINS[1]]


def test_both_can_be_kept(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    older, newer = (remember(ada, text) for text in TWINS)
    index()
    ada_client.post(f"/memories/{newer.pk}/unite/", {"other": older.pk, "act": "keep"})
    assert "Likely duplicate" not in page(ada_client, f"/memories/{older.pk}/")
    assert len(texts(ada)) == 2


@pytest.mark.parametrize("act", ["replace", "merge", "keep"])
def test_a_memory_is_no_other_one_beside_itself(ada: User, ada_client: Client, act: str) -> None:
    own = remember(ada, "One.")
    answer = ada_client.post(f"/memories/{own.pk}/unite/", {"other": own.pk, "act": act})
    assert answer.status_code == 404
    assert texts(ada) == ["One."]


def test_a_strangers_memories_are_not_there(ada: User, bob: User, bob_client: Client) -> None:
    one, two = remember(ada, "One."), remember(ada, "Two.")
    own = remember(bob, "Mine.")
    for memory, other in ((one, two), (own, one), (own, "nonsense")):
        answer = bob_client.post(
            f"/memories/{memory.pk}/unite/", {"other": getattr(other, "pk", other), "act": "merge"}
        )
        assert answer.status_code == 404
    assert len(texts(ada)) == 2


def test_ticked_memories_go_to_the_trash_and_one_press_brings_them_back(
    ada: User, ada_client: Client
) -> None:
    gone = [remember(ada, f"Old {n}.").pk for n in range(2)]
    remember(ada, "New.")
    response = ada_client.post("/memories/many/", {"act": "trash", "ids": gone})
    assert texts(ada) == ["New."]
    html = page(ada_client, response["Location"])
    at = html.split('name="at" value="')[1].split('"')[0]
    ada_client.post("/memories/many/restore/", {"at": at})
    assert len(texts(ada)) == 3


def test_what_an_app_wrote_since_is_not_made_public_with_the_others(ada: User, ada_client: Client) -> None:
    one, other = remember(ada, "One."), remember(ada, "Other.")
    ticks = re.findall(r'name="ids" value="([^"]+)"', page(ada_client, "/memories/"))
    writes.update_memory(app(ada), other.pk, text="Ada's door code is 4711.")
    for act, are_public in (("publish", 0), ("unpublish", 0)):
        said = ada_client.post("/memories/many/", {"act": act, "ids": ticks}, follow=True)
        assert Memory.objects.filter(visibility="public").count() == are_public
        assert ("changed meanwhile" in said.content.decode()) is (act == "publish")
    ticks = re.findall(r'name="ids" value="([^"]+)"', page(ada_client, "/memories/"))
    ada_client.post("/memories/many/", {"act": "publish", "ids": ticks})
    assert {each.pk for each in Memory.objects.filter(visibility="public")} == {one.pk, other.pk}


def test_all_that_match_the_filters_are_changed_also_those_not_shown(ada: User, ada_client: Client) -> None:
    for n in range(30):
        remember(ada, f"Work {n}.", tags=["work"])
    remember(ada, "Home.")
    tag = tag_id(ada, "work")
    assert "Select all 30 matching" in page(ada_client, f"/memories/?tag={tag}")
    given = {"act": "tag", "tag_name": "office", "everything": "1", "tag": tag}
    ada_client.post("/memories/many/", given)
    assert Memory.objects.filter(tags__pk=tag_id(ada, "office")).count() == 30


def test_all_that_match_become_public_only_after_a_look_at_them(ada: User, ada_client: Client) -> None:
    """Nobody has seen all of them, and an app may write more at any moment."""
    for n in range(30):
        remember(ada, f"Number {n}.")
    given = {"act": "publish", "everything": "1"}
    asked = ada_client.post("/memories/many/", given).content.decode()
    assert "Make 30 memories public?" in asked
    assert "Number 29." in asked
    assert not Memory.objects.filter(visibility="public").exists()
    remember(ada, "What an app wrote meanwhile.")
    given = dict(re.findall(r'name="(act|everything|shown|next)" value="([^"]*)"', asked))
    said = ada_client.post("/memories/many/", given, follow=True).content.decode()
    assert "came or were changed meanwhile" in said
    assert not Memory.objects.filter(visibility="public").exists()
    asked = ada_client.post("/memories/many/", {"act": "publish", "everything": "1"}).content.decode()
    given = dict(re.findall(r'name="(act|everything|shown|next)" value="([^"]*)"', asked))
    assert ada_client.post("/memories/many/", given)["Location"] == "/memories/"
    assert Memory.objects.filter(visibility="public").count() == 31


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"act": "trash"}, "Tick at least one memory."),
        ({"act": "burn", "everything": "1"}, "Choose what to do."),
        ({"act": "tag", "tag_name": "", "everything": "1"}, "Enter one tag."),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(
    ada: User, ada_client: Client, given: dict[str, str], said: str
) -> None:
    own = remember(ada, "One.")
    response = ada_client.post("/memories/many/", given, follow=True)
    assert said in response.content.decode()
    assert Memory.objects.get(pk=own.pk).version == 1


@pytest.mark.parametrize(
    "at",
    ["", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_moment_that_is_none_restores_nothing(ada_client: Client, at: str) -> None:
    assert ada_client.post("/memories/many/restore/", {"at": at}).status_code == 404


def test_the_tags_page_renames_merges_and_removes(ada: User, ada_client: Client) -> None:
    remember(ada, "One.", tags=["job"])
    remember(ada, "Two.", tags=["work"])
    assert "No tags yet" not in page(ada_client, "/memories/tags/")
    ada_client.post(f"/memories/tags/{tag_id(ada, 'job')}/rename/", {"name": "work"})
    html = page(ada_client, "/memories/tags/")
    assert "2 memories" in html
    assert "job" not in html.replace("Both tags", "")
    ada_client.post(f"/memories/tags/{tag_id(ada, 'work')}/remove/")
    assert "No tags yet" in page(ada_client, "/memories/tags/")


def test_a_strangers_tag_is_not_there(ada: User, bob_client: Client) -> None:
    remember(ada, "One.", tags=["x"])
    for act in ("rename", "remove"):
        answer = bob_client.post(f"/memories/tags/{tag_id(ada, 'x')}/{act}/", {"name": "y"})
        assert answer.status_code == 404
    assert bob_client.get(f"/memories/tags/{tag_id(ada, 'x')}/").status_code == 404


def test_a_tag_has_a_page_that_says_what_is_wrong_with_a_name(ada: User, ada_client: Client) -> None:
    remember(ada, "One.", tags=["job"])
    address = f"/memories/tags/{tag_id(ada, 'job')}/"
    assert f'href="{address}"' in page(ada_client, "/memories/tags/")
    assert "1 memory" in page(ada_client, address)
    response = ada_client.post(f"{address}rename/", {"name": "x" * 51})
    assert response["Location"] == address
    assert "A tag has at most 50 characters" in page(ada_client, address)


def test_of_very_many_tags_the_list_offers_those_on_most_memories_and_the_chosen_one(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memories.web.views.list.MAX_TAG_CHOICES", 2)
    for tags in (["a", "b", "c"], ["b", "c"], ["c"], ["d"]):
        remember(ada, "One.", tags=tags)
    chosen = tag_id(ada, "d")
    offered = re.findall(r"<option dir=.auto.[^>]*>(\w)</option>", page(ada_client, "/memories/"))
    assert offered == ["b", "c"]
    with_chosen = re.findall(
        r"<option dir=.auto.[^>]*>(\w)</option>", page(ada_client, f"/memories/?tag={chosen}")
    )
    assert with_chosen == ["b", "c", "d"]


def test_very_many_tags_stand_on_several_pages(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memories.web.views.bulk.TAGS_PER_PAGE", 2)
    remember(ada, "One.", tags=["one", "three", "two"])
    first = page(ada_client, "/memories/tags/")
    assert ("“two”" in first, 'href="?page=2"' in first) == (False, True)
    assert "“two”" in page(ada_client, "/memories/tags/?page=2")


def test_the_tags_page_takes_as_many_queries_for_many_as_for_one(
    ada: User, ada_client: Client, django_assert_max_num_queries: Any
) -> None:
    remember(ada, "One.", tags=[f"t{n}" for n in range(20)])
    with django_assert_max_num_queries(8):
        page(ada_client, "/memories/tags/")


def test_the_memory_page_takes_as_many_queries_beside_many_alike(
    ada: User, ada_client: Client, index: Callable[[], int], django_assert_max_num_queries: Any
) -> None:
    own = remember(ada, TWINS[0])
    for _ in range(5):
        remember(ada, TWINS[1], tags=["a", "b"])
    index()
    with django_assert_max_num_queries(20):
        page(ada_client, f"/memories/{own.pk}/")
