"""The list of memories, its search, and the trash."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from memories.models import Memory
from memories.services import reads, writes
from tests.factories import app, remember, session
from tests.providers import Failing

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}


def get_page(client: Client, address: str = "/memories/", **extra: Any) -> str:
    response = client.get(address, **extra)
    assert response.status_code == 200
    return response.content.decode()


def get_tag_id(user: User, name: str) -> str:
    return str(next(tag.pk for tag in reads.list_tags(session(user)).tags if tag.name == name))


def test_empty_list_shows_get_started(ada_client: Client) -> None:
    assert "No memories yet" in get_page(ada_client)


def test_list_shows_own_memories_newest_first(ada: User, bob: User, ada_client: Client) -> None:
    remember(ada, "The first thing.")
    remember(ada, "The second thing.")
    remember(bob, "Not for Ada.", visibility="public")
    html = get_page(ada_client)
    assert html.index("The second thing.") < html.index("The first thing.")
    assert "Not for Ada." not in html


def test_list_truncates_long_text(ada: User, ada_client: Client) -> None:
    remember(ada, "tide " * 1_000)
    [text] = parse_row_texts(get_page(ada_client))
    assert (len(text), text[-1]) == (240, "…")


@pytest.mark.parametrize("query", ["", "?q=alert", "?q=<b>+alert"])
def test_texts_tags_and_names_of_apps_are_escaped(ada: User, ada_client: Client, query: str) -> None:
    hostile = replace(app(ada), client_id="<i>")
    writes.create_memory(hostile, text='<script>alert(1)</script> " onclick=alert(2)', tags=["<b>"])
    html = get_page(ada_client, f"/memories/{query}")
    assert escape('<script>alert(1)</script> " onclick=alert(2)') in html
    assert escape("<i>") in html
    assert [tag for tag in ("<script>alert", "<b>", "<i>", '" onclick') if tag in html] == []


def test_filters_restrict_by_visibility_and_tag(ada: User, ada_client: Client) -> None:
    remember(ada, "A public one.", visibility="public", tags=["work"])
    remember(ada, "A private one.", tags=["work"])
    remember(ada, "An untagged one.")
    assert parse_row_texts(get_page(ada_client, "/memories/?visibility=public")) == ["A public one."]
    both = parse_row_texts(get_page(ada_client, f"/memories/?tag={get_tag_id(ada, 'work')}"))
    assert both == ["A private one.", "A public one."]


@pytest.mark.parametrize(
    "query", ["tag=nonsense", "visibility=all", "before=1", "q=%00", "tag=&visibility=&q="]
)
def test_invalid_parameters_are_ignored(ada: User, ada_client: Client, query: str) -> None:
    remember(ada, "Something.")
    assert parse_row_texts(get_page(ada_client, f"/memories/?{query}")) == ["Something."]


def test_load_more_continues_after_last_memory(ada: User, ada_client: Client) -> None:
    for number in range(30):
        remember(ada, f"Thing {number}.")
    first = get_page(ada_client)
    more = first.split('hx-get="/memories/?before=')[1].split('"')[0]
    assert len(parse_row_texts(first)) == 25
    assert parse_row_texts(get_page(ada_client, f"/memories/?before={more}")) == [
        f"Thing {n}." for n in (4, 3, 2, 1, 0)
    ]
    assert len(parse_row_texts(get_page(ada_client, f"/memories/?before={more}", **HTMX))) == 5


def test_search_explains_each_match(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    remember(ada, "My puppy is called Rex.")
    remember(ada, "Rex eats shoes.")
    remember(ada, "Nothing to do with it.")
    index()
    html = get_page(ada_client, "/memories/?q=hound+shoes")
    assert sorted(parse_row_texts(html)) == ["My puppy is called Rex.", "Rex eats shoes."]
    assert "contains “shoes”" in html
    assert "similar meaning" in html


def test_search_while_typing_returns_results_and_replaces_url(ada: User, ada_client: Client) -> None:
    remember(ada, "The zebra lives next door.")
    response = ada_client.get("/memories/?q=zebra&visibility=&tag=", **HTMX)
    html = response.content.decode()
    assert "<html" not in html
    assert parse_row_texts(html) == ["The zebra lives next door."]
    assert response["HX-Replace-Url"] == "/memories/?q=zebra"


def test_search_without_results_shows_message(ada: User, ada_client: Client) -> None:
    remember(ada, "The zebra lives next door.")
    assert "No memories found" in get_page(ada_client, "/memories/?q=quartz")


def test_search_reports_keyword_only_results(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, "The zebra lives next door.")
    monkeypatch.setattr("memories.search.question.get_provider", lambda _code: Failing())
    html = get_page(ada_client, "/memories/?q=zebra")
    assert "Keyword search only" in html
    assert parse_row_texts(html) == ["The zebra lives next door."]


@pytest.mark.parametrize("address", ["/memories/", "/memories/?q=thing", "/memories/trash/"])
def test_query_count_of_lists_is_constant(
    ada: User, ada_client: Client, django_assert_max_num_queries: Any, address: str
) -> None:
    create_memories(ada, 1)
    with django_assert_max_num_queries(14) as few:
        get_page(ada_client, address)
    create_memories(ada, 24)
    with django_assert_max_num_queries(len(few)):
        get_page(ada_client, address)


def test_pages_with_memories_are_not_cached(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Something.")
    for address in ("/memories/", f"/memories/{memory.pk}/", "/memories/trash/", "/memories/new/"):
        assert ada_client.get(address)["Cache-Control"] == "no-store"


def test_trash_shows_deletion_date_and_restores(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Thrown away.")
    writes.trash_memory(session(ada), memory.pk)
    html = get_page(ada_client, "/memories/trash/")
    assert parse_row_texts(html) == ["Thrown away."]
    assert f"stay here for {settings.TRASH_DAYS} days" in html
    assert "will be deleted permanently on" in html
    ada_client.post(f"/memories/{memory.pk}/restore/")
    assert parse_row_texts(get_page(ada_client)) == ["Thrown away."]
    assert "The trash is empty" in get_page(ada_client, "/memories/trash/")


def test_empty_trash_deletes_permanently(ada: User, ada_client: Client) -> None:
    for text in ("One.", "Two."):
        writes.trash_memory(session(ada), remember(ada, text).pk)
    response = ada_client.post("/memories/trash/empty/", follow=True)
    assert "2 memories deleted permanently." in response.content.decode()
    assert Memory.objects.count() == 0


def create_memories(user: User, count: int) -> None:
    """Create `count` memories and as many in the trash."""
    for number in range(count):
        remember(user, f"A thing {number}.", tags=[f"tag {number}", "things"])
        writes.trash_memory(session(user), remember(user, f"Gone {number}.", tags=["gone"]).pk)


def parse_row_texts(html: str) -> list[str]:
    """Return the texts of the rows in order."""
    return re.findall(r'<(?:a|div) class="memory-text[^>]*>(.*?)</(?:a|div)>', html, re.DOTALL)


PAGE_BYTES = 60_000  # limit of an uncompressed page
ROWS_BYTES = 48_000  # lower: collected static files have longer names, and translations are longer


def test_page_size_with_25_typical_memories_is_limited(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    for number in range(30):
        text = f"{number}. The plumber comes on Thursdays, and the key is with the neighbour above. " * 3
        remember(ada, text, tags=["home", "people", f"week {number % 5}"])
    pending = get_page(ada_client)
    assert pending.count('hx-trigger="load delay:1s"') == len(parse_row_texts(pending)) == 25
    index()
    indexed = get_page(ada_client)
    assert len(indexed.encode()) < len(pending.encode()) < ROWS_BYTES < PAGE_BYTES


def test_rows_share_one_form_and_their_tools(ada: User, ada_client: Client) -> None:
    for text in ("Tea.", "Coffee."):
        remember(ada, text)
    html = get_page(ada_client, "/memories/?visibility=private")
    [form] = re.findall(r'<form id="act" .*?</form>', html, re.DOTALL)
    assert "csrfmiddlewaretoken" in form
    assert 'name="next" value="/memories/?visibility=private"' in form
    assert html.count("data-delete") == 1


def test_search_says_what_it_corrected(ada: User, ada_client: Client) -> None:
    remember(ada, "My birthday is on 2 May.")
    page = ada_client.get("/memories/?q=brithday").content.decode()
    assert "1 match for “birthday”" in page
    assert "contains “birthday”" in page
