"""The list, the search in it, and the trash."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from memories.models import Memory
from memories.services import reads, writes
from tests.factories import remember, session
from tests.providers import Failing

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}


def page(client: Client, address: str = "/memories/", **how: Any) -> str:
    response = client.get(address, **how)
    assert response.status_code == 200
    return response.content.decode()


def tag_id(user: User, name: str) -> str:
    return str(next(tag.pk for tag in reads.list_tags(session(user)) if tag.name == name))


def test_the_first_page_says_what_to_write(ada_client: Client) -> None:
    assert "No memories yet" in page(ada_client)


def test_memories_stand_newest_first_and_only_ones_own(ada: User, bob: User, ada_client: Client) -> None:
    remember(ada, "The first thing.")
    remember(ada, "The second thing.")
    remember(bob, "Not for Ada.", visibility="public")
    html = page(ada_client)
    assert html.index("The second thing.") < html.index("The first thing.")
    assert "Not for Ada." not in html


def test_of_a_long_text_a_list_has_the_beginning(ada: User, ada_client: Client) -> None:
    remember(ada, "tide " * 1_000)
    [text] = shown(page(ada_client))
    assert (len(text), text[-1]) == (400, "…")


def test_text_is_text_never_markup(ada: User, ada_client: Client) -> None:
    remember(ada, "<script>alert(1)</script>", tags=["<b>"])
    html = page(ada_client)
    assert escape("<script>alert(1)</script>") in html
    assert "<script>alert" not in html
    assert "<b>" not in html


def test_filters_restrict_by_visibility_and_tag(ada: User, ada_client: Client) -> None:
    remember(ada, "A public one.", visibility="public", tags=["work"])
    remember(ada, "A private one.", tags=["work"])
    remember(ada, "An untagged one.")
    assert shown(page(ada_client, "/memories/?visibility=public")) == ["A public one."]
    both = shown(page(ada_client, f"/memories/?tag={tag_id(ada, 'work')}"))
    assert both == ["A private one.", "A public one."]


@pytest.mark.parametrize(
    "query", ["tag=nonsense", "visibility=all", "before=1", "q=%00", "tag=&visibility=&q="]
)
def test_an_address_that_makes_no_sense_shows_everything(ada: User, ada_client: Client, query: str) -> None:
    remember(ada, "Something.")
    assert shown(page(ada_client, f"/memories/?{query}")) == ["Something."]


def test_load_more_goes_on_where_the_page_ended(ada: User, ada_client: Client) -> None:
    for number in range(30):
        remember(ada, f"Thing {number}.")
    first = page(ada_client)
    more = first.split('hx-get="/memories/?before=')[1].split('"')[0]
    assert len(shown(first)) == 25
    assert shown(page(ada_client, f"/memories/?before={more}")) == [f"Thing {n}." for n in (4, 3, 2, 1, 0)]
    assert len(shown(page(ada_client, f"/memories/?before={more}", **HTMX))) == 5


def test_a_search_says_why_each_was_found(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    remember(ada, "My puppy is called Rex.")
    remember(ada, "Rex eats shoes.")
    remember(ada, "Nothing to do with it.")
    index()
    html = page(ada_client, "/memories/?q=hound+shoes")
    assert sorted(shown(html)) == ["My puppy is called Rex.", "Rex eats shoes."]
    assert "contains “shoes”" in html
    assert "similar meaning" in html


def test_a_search_while_typing_answers_the_results_and_keeps_the_address(
    ada: User, ada_client: Client
) -> None:
    remember(ada, "The zebra lives next door.")
    response = ada_client.get("/memories/?q=zebra&visibility=&tag=", **HTMX)
    html = response.content.decode()
    assert "<html" not in html
    assert shown(html) == ["The zebra lives next door."]
    assert response["HX-Replace-Url"] == "/memories/?q=zebra"


def test_nothing_found_helps_on(ada: User, ada_client: Client) -> None:
    remember(ada, "The zebra lives next door.")
    assert "No memories found" in page(ada_client, "/memories/?q=quartz")


def test_a_search_says_when_only_words_were_compared(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, "The zebra lives next door.")
    monkeypatch.setattr("memories.search.query.get_provider", Failing)
    html = page(ada_client, "/memories/?q=zebra")
    assert "Keyword search only" in html
    assert shown(html) == ["The zebra lives next door."]


@pytest.mark.parametrize("address", ["/memories/", "/memories/?q=thing", "/memories/trash/"])
def test_a_longer_list_needs_no_more_queries(
    ada: User, ada_client: Client, django_assert_max_num_queries: Any, address: str
) -> None:
    remember_many(ada, 1)
    with django_assert_max_num_queries(14) as few:
        page(ada_client, address)
    remember_many(ada, 24)
    with django_assert_max_num_queries(len(few)):
        page(ada_client, address)


def test_no_cache_keeps_a_page_of_memories(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Something.")
    for address in ("/memories/", f"/memories/{memory.pk}/", "/memories/trash/", "/memories/new/"):
        assert ada_client.get(address)["Cache-Control"] == "no-store"


def test_the_trash_says_until_when_and_gives_back(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Thrown away.")
    writes.trash_memory(session(ada), memory.pk)
    html = page(ada_client, "/memories/trash/")
    assert shown(html) == ["Thrown away."]
    assert f"stay here for {settings.TRASH_DAYS} days" in html
    assert "deleted permanently on" in html
    ada_client.post(f"/memories/{memory.pk}/restore/")
    assert shown(page(ada_client)) == ["Thrown away."]
    assert "The trash is empty" in page(ada_client, "/memories/trash/")


def test_the_trash_is_emptied_for_ever(ada: User, ada_client: Client) -> None:
    for text in ("One.", "Two."):
        writes.trash_memory(session(ada), remember(ada, text).pk)
    response = ada_client.post("/memories/trash/empty/", follow=True)
    assert "2 memories deleted permanently." in response.content.decode()
    assert Memory.objects.count() == 0


def remember_many(user: User, count: int) -> None:
    """Half of them in the trash."""
    for number in range(count):
        remember(user, f"A thing {number}.", tags=[f"tag {number}", "things"])
        writes.trash_memory(session(user), remember(user, f"Gone {number}.", tags=["gone"]).pk)


def shown(html: str) -> list[str]:
    """The texts of the rows, in their order."""
    rows = html.split('<div class="memory-text')[1:]
    return [row.split(">", 1)[1].split("</div>", 1)[0] for row in rows]


PAGE_BYTES = 60_000  # what a page may weigh before it is compressed
ROWS_BYTES = 55_000  # less, for collected files have longer names, and words of other languages are longer


def test_a_page_of_25_typical_memories_is_light(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    for number in range(30):
        text = f"{number}. The plumber comes on Thursdays, and the key is with the neighbour above. " * 3
        remember(ada, text, tags=["home", "people", f"week {number % 5}"])
    waiting = page(ada_client)
    assert waiting.count('hx-trigger="load delay:3s"') == len(shown(waiting)) == 25
    index()
    indexed = page(ada_client)
    assert len(indexed.encode()) < len(waiting.encode()) < ROWS_BYTES < PAGE_BYTES


def test_the_buttons_of_all_rows_send_one_form(ada: User, ada_client: Client) -> None:
    memories = [remember(ada, text) for text in ("Tea.", "Coffee.")]
    html = page(ada_client, "/memories/?visibility=private")
    [form] = re.findall(r'<form id="act" .*?</form>', html, re.DOTALL)
    assert "csrfmiddlewaretoken" in form
    assert 'name="next" value="/memories/?visibility=private"' in form
    for memory in memories:
        assert f'form="act" formaction="/memories/{memory.pk}/delete/"' in html
        assert f'form="act" formaction="/memories/{memory.pk}/visibility/?version=1"' in html
