"""A memory replaces an older one on the pages: offered, linked and unlinked by hand, and shown as past."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from memories.models import Memory, Proposal
from memories.services import writes
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db

OLD, NEW = "I live in Berlin.", "I moved from Berlin to Hamburg."


@pytest.fixture
def older(ada: User) -> Memory:
    return remember(ada, OLD)


@pytest.fixture
def newer(ada: User, older: Memory) -> Memory:
    return remember(ada, NEW)


def link(ada: User, newer: Memory, older: Memory) -> None:
    writes.update_memory(session(ada), newer.pk, supersedes=older.pk)


def get_html(client: Client, address: str) -> str:
    return re.sub(r"\s+", " ", client.get(address).content.decode())


def post(client: Client, address: str, **values: object) -> str:
    """Send a form and return the page that it leads to."""
    html: str = client.post(address, values, follow=True).content.decode()
    return html


def get_superseded(memory: Memory) -> object:
    return Memory.objects.get(pk=memory.pk).supersedes_id


def get_undo_url(html: str) -> str:
    [url] = re.findall(r'<form method="post" action="([^"]*)">(?:(?!</form>).)*Undo', html, re.DOTALL)
    return str(url).replace("&amp;", "&")


# --- Offered ----------------------------------------------------------------------------------------------


def test_update_is_offered_with_what_differs(
    ada: User, ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    index()
    html = get_html(ada_client, f"/memories/{newer.pk}/")
    offer = html.split('id="similar"')[1]
    assert "Does your memory replace this older one?" in offer
    assert "says that something changed" in offer
    assert OLD in offer
    assert offer.index("Replace older memory") < offer.index("Keep both") < offer.index("Keep newer text")
    html = get_html(ada_client, f"/memories/{older.pk}/")
    assert "Does this newer one replace your memory?" in html
    assert f'action="/memories/{newer.pk}/supersede/"' in html


def test_contradiction_is_no_duplicate_and_leads_with_replacing(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    remember(ada, "The code of the garage door is 4821.")
    newer = remember(ada, "The code of the garage door is 7733.")
    index()
    offer = get_html(ada_client, f"/memories/{newer.pk}/").split('id="similar"')[1]
    assert "number (4821 → 7733)" in offer
    assert "Likely duplicate" not in offer
    assert offer.index("Replace older memory") < offer.index("Keep newer text")


def test_new_memory_asks_once_it_is_indexed(
    ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    assert "replace" not in get_html(ada_client, f"/memories/{newer.pk}/state/?try=1")
    index()
    html = get_html(ada_client, f"/memories/{newer.pk}/state/?try=1")
    assert f"Does this replace “{OLD}”?" in html
    assert f'href="/memories/{newer.pk}/#similar"' in html
    assert "replace" not in get_html(ada_client, f"/memories/{older.pk}/state/?try=1")


def test_accepted_offer_links_and_can_be_undone(
    ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    index()
    html = post(ada_client, f"/memories/{newer.pk}/supersede/", older=older.pk, act="replace")
    assert get_superseded(newer) == older.pk
    assert "Replace older memory" not in html
    html = post(ada_client, get_undo_url(html))
    assert get_superseded(newer) is None
    post(ada_client, get_undo_url(html))
    assert get_superseded(newer) == older.pk


def test_declined_offer_is_not_repeated(
    ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    index()
    html = post(ada_client, f"/memories/{newer.pk}/supersede/", older=older.pk, act="keep")
    assert "ask again" in html
    assert "Replace older memory" not in html
    assert get_superseded(newer) is None


# --- By hand ----------------------------------------------------------------------------------------------


def test_older_memory_is_found_and_linked_by_hand(
    ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    index()
    html = get_html(ada_client, f"/memories/{newer.pk}/?find=live")
    found = html.split('id="links"')[1].split("</details>")[0]
    assert OLD in found
    assert NEW not in found
    assert f'name="older" value="{older.pk}"' in found


def test_newer_memory_is_written_from_the_page_of_the_older_one(
    ada: User, ada_client: Client, older: Memory
) -> None:
    address = f"/memories/new/?supersedes={older.pk}"
    assert f'href="{address}"' in get_html(ada_client, f"/memories/{older.pk}/")
    html = get_html(ada_client, address)
    assert OLD in html
    assert f'name="supersedes" value="{older.pk}"' in html
    ada_client.post("/memories/new/", {"text": NEW, "supersedes": older.pk})
    assert Memory.objects.get(supersedes=older).text == NEW


@pytest.mark.parametrize("value", ["nonsense", "", "{bob}", "{unknown}"])
def test_link_to_an_impossible_memory_is_refused(
    bob: User, ada_client: Client, newer: Memory, value: str
) -> None:
    value = value.format(bob=remember(bob, "Private canary.").pk, unknown=uuid4())
    assert "canary" not in get_html(ada_client, f"/memories/new/?supersedes={value}")
    response = ada_client.post("/memories/new/", {"text": "New.", "supersedes": value})
    assert response.status_code == (422 if value else 302)
    response = ada_client.post(f"/memories/{newer.pk}/supersede/", {"older": value}, follow=True)
    assert response.status_code in (200, 404)
    assert get_superseded(newer) is None


def test_second_memory_cannot_replace_the_same_one(
    ada: User, ada_client: Client, newer: Memory, older: Memory
) -> None:
    link(ada, newer, older)
    other = remember(ada, "I live in Bonn.")
    html = post(ada_client, f"/memories/{other.pk}/supersede/", older=older.pk)
    assert "Another memory already supersedes this one." in html


def test_link_is_removed_from_the_page_of_either(
    ada: User, ada_client: Client, newer: Memory, older: Memory
) -> None:
    for memory in (newer, older):
        link(ada, newer, older)
        html = get_html(ada_client, f"/memories/{memory.pk}/")
        assert f'action="/memories/{newer.pk}/unlink/"' in html
        post(ada_client, f"/memories/{newer.pk}/unlink/")
        assert get_superseded(newer) is None


@pytest.mark.parametrize("action", ["supersede", "unlink"])
def test_links_of_another_user_cannot_be_changed(
    ada: User, bob_client: Client, newer: Memory, older: Memory, action: str
) -> None:
    link(ada, newer, older)
    response = bob_client.post(f"/memories/{newer.pk}/{action}/", {"older": older.pk})
    assert response.status_code == 404
    assert bob_client.get(f"/memories/{newer.pk}/{action}/").status_code == 405
    assert get_superseded(newer) == older.pk


# --- Shown ------------------------------------------------------------------------------------------------


def test_past_memory_is_marked_everywhere_with_a_link_to_what_holds(
    ada: User, ada_client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    link(ada, newer, older)
    index()
    pages = [get_html(ada_client, a) for a in ("/memories/", "/memories/?q=Berlin", f"/memories/{older.pk}/")]
    answer = ada_client.post("/memories/ask/", {"question": "Where did I live in Berlin?"}).content.decode()
    for html in (*pages, re.sub(r"\s+", " ", answer)):
        [note] = re.findall(r'<p class="past pic-clock">.*?</p>', html)
        assert "Past: replaced on" in note
        assert f'href="/memories/{newer.pk}/"' in note
    assert pages[1].index(NEW) < pages[1].index(OLD)
    assert OLD in get_html(ada_client, f"/memories/{newer.pk}/").split('id="older-title"')[1]


def test_public_page_shows_what_is_past_only_if_both_are_public(
    ada: User, client: Client, newer: Memory, older: Memory, index: Callable[[], int]
) -> None:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    link(ada, newer, older)
    for is_newer_public in (False, True):
        for memory in (older, newer) if is_newer_public else (older,):
            writes.set_visibility(session(ada), memory.pk, "public")
        index()
        html = client.post(f"/@{ada.handle}", {"question": "Where did I live in Berlin?"}).content.decode()
        assert OLD in html
        assert ("Past: replaced on" in html, NEW in html) == (is_newer_public, is_newer_public)
        assert str(newer.pk) not in html


def test_review_shows_what_a_proposal_replaces(ada: User, ada_client: Client, older: Memory) -> None:
    with pytest.raises(Exception, match="approv"):
        writes.create_memory(app(ada, asks_first=True), text=NEW, supersedes=older.pk)
    html = get_html(ada_client, "/memories/review/")
    assert "Replaces, as no longer true:" in html
    assert OLD in html
    proposal = Proposal.objects.get()
    ada_client.post("/memories/review/", {"act": f"accept:{proposal.pk}"})
    [accepted] = Memory.objects.exclude(pk=older.pk)
    assert accepted.supersedes_id == older.pk


# --- Kept -------------------------------------------------------------------------------------------------


def test_edits_bulk_actions_and_undone_deletion_keep_the_link(
    ada: User, ada_client: Client, newer: Memory, older: Memory
) -> None:
    link(ada, newer, older)
    version = Memory.objects.get(pk=newer.pk).version
    ada_client.post(f"/memories/{newer.pk}/edit/", {"text": "I live in Hamburg.", "version": version})
    ids = [f"{memory.pk}.{Memory.objects.get(pk=memory.pk).version}" for memory in (newer, older)]
    ada_client.post("/memories/many/", {"act": "tag", "tag_name": "home", "ids": ids})
    assert get_superseded(newer) == older.pk
    html = post(ada_client, f"/memories/{newer.pk}/delete/")
    assert "Past: replaced on" not in get_html(ada_client, f"/memories/{older.pk}/")
    post(ada_client, get_undo_url(html))
    assert "Past: replaced on" in get_html(ada_client, f"/memories/{older.pk}/")
    ada_client.post(f"/memories/{newer.pk}/history/2/restore/")
    assert get_superseded(newer) == older.pk
