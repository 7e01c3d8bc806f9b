"""One memory: its page, and every act on it."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories.models import IndexState, Memory
from memories.services import reads, writes
from oauth.access import grants
from oauth.models import AppGrant
from oauth.tokens.bearer import authenticate_token
from tests.factories import app, remember, session
from tests.oauth.flows import access_token, make_app

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}
ACTS = ["edit", "visibility", "delete", "restore", "destroy", "retry", "history/1/restore"]


def edited(memory: Memory, **changes: Any) -> dict[str, Any]:
    return {"text": memory.text, "visibility": memory.visibility, "version": memory.version, **changes}


def stored(user: User, memory: Memory) -> Memory:
    return reads.get_memory(session(user), memory.pk)


def test_the_page_shows_all_of_it_and_its_history(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "The first text.", tags=["tea"])
    writes.update_memory(session(ada), memory.pk, text="The second text.")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert "The second text." in html
    assert "1 earlier version" in html
    assert "The first text." in html


def test_a_long_history_comes_in_parts(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memories.web.provenance.HISTORY_LIMIT", 2)
    memory = remember(ada, "Text 1.")
    for number in range(2, 6):
        writes.update_memory(session(ada), memory.pk, text=f"Text {number}.")
    address = f"/memories/{memory.pk}/"
    parts = [ada_client.get(f"{address}{query}").content.decode() for query in ("", "?before=3", "?before=x")]
    assert all("4 earlier versions" in part for part in parts)
    shown = [re.findall(r'history-text" dir="auto">Text (\d)', part) for part in parts]
    assert shown == [["4", "3"], ["2", "1"], ["4", "3"]]
    assert ['href="?before=3#history"' in part for part in parts] == [True, False, True]


def test_the_pages_call_an_app_by_its_name(ada: User, ada_client: Client) -> None:
    notes = make_app("Notes & co")
    actor = authenticate_token(access_token(ada, notes), Channel.API)
    memory = writes.create_memory(actor, text="The first text.")
    writes.update_memory(actor, memory.pk, text="The second text.")
    reads.get_memory(actor, memory.pk)
    said = "by the app Notes &amp; co"
    for address in ("/memories/", "/memories/?q=text"):
        assert said in ada_client.get(address).content.decode()
    assert ada_client.get(f"/memories/{memory.pk}/").content.decode().count(said) == 2
    [grant] = AppGrant.objects.filter(user=ada)
    leading = f'<a href="/accounts/apps/{grant.pk}/"'
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert html.count(leading) == 3  # who wrote it, and its earlier text, and who read it
    grants.revoke_grant(grant, by=session(ada))
    assert leading not in ada_client.get(f"/memories/{memory.pk}/").content.decode()
    notes.application.delete()
    assert f"by the app {notes.application.client_id}" in ada_client.get("/memories/").content.decode()


def test_an_edit_is_saved(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Before.", tags=["old"])
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", edited(memory, text="After.", tags="new", visibility="public")
    )
    assert response["Location"] == f"/memories/{memory.pk}/"
    now = stored(ada, memory)
    assert (now.text, now.visibility, [tag.name for tag in now.tags.all()]) == ("After.", "public", ["new"])


def test_an_expiry_stays_until_it_is_changed(ada: User, ada_client: Client) -> None:
    ada_client.post("/memories/new/", {"text": "Soon gone.", "expires": "week"})
    memory = reads.list_memories(session(ada)).memories[0]
    ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, text="Soon gone!", expires="keep"))
    assert stored(ada, memory).expires_at == memory.expires_at
    ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, version=2, expires="never"))
    assert stored(ada, memory).expires_at is None


def test_what_was_typed_outlives_a_memory_that_was_deleted_meanwhile(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "one")
    writes.trash_memory(session(ada), memory.pk)
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", edited(memory, text="Typed for long.", expires="keep")
    )
    html = response.content.decode()
    assert response.status_code == 404
    assert "Typed for long.</textarea>" in html
    assert 'action="/memories/new/"' in html


def test_a_stale_edit_shows_both_texts_and_loses_neither(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Seen by both.")
    writes.update_memory(session(ada), memory.pk, text="Stored by the other.")
    response = ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, text="Typed by me."))
    html = response.content.decode()
    assert response.status_code == 409
    assert "Stored by the other." in html
    assert "Typed by me." in html
    assert stored(ada, memory).text == "Stored by the other."
    assert 'name="version" value="2"' in html  # so "Save mine anyway" says which version it replaces
    ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, text="Typed by me.", version=2))
    assert stored(ada, memory).text == "Typed by me."


def test_a_refused_edit_keeps_what_was_typed(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Before.")
    response = ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, text="After.", tags="t" * 51))
    html = response.content.decode()
    assert response.status_code == 422
    assert "A tag has at most 50 characters" in html
    assert "After.</textarea>" in html
    assert stored(ada, memory).text == "Before."


@pytest.mark.parametrize("version", ["", "x", "0", "-1"])
def test_an_edit_without_its_version_is_refused_with_a_reason(
    ada: User, ada_client: Client, version: str
) -> None:
    memory = remember(ada, "Before.")
    response = ada_client.post(f"/memories/{memory.pk}/edit/", edited(memory, text="After.", version=version))
    assert response.status_code == 422
    assert "Open the memory again" in response.content.decode()


def test_an_earlier_text_comes_back(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "The first text.")
    writes.update_memory(session(ada), memory.pk, text="The second text.")
    ada_client.post(f"/memories/{memory.pk}/history/1/restore/")
    assert stored(ada, memory).text == "The first text."


def test_the_switch_makes_public_and_private(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "public"}, **HTMX)
    assert 'class="memory memory-public"' in response.content.decode()
    assert "Now public" in response["HX-Trigger"]
    response = ada_client.post(
        f"/memories/{memory.pk}/visibility/", {"visibility": "private", "next": "/memories/?q=tea"}
    )
    assert response["Location"] == "/memories/?q=tea"
    assert not stored(ada, memory).is_public


@pytest.mark.parametrize("by", [{}, HTMX])
def test_what_an_app_wrote_since_is_not_made_public_unseen(by: Any, ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    shown = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    [switch] = re.findall(rf'action="(/memories/{memory.pk}/visibility/[^"]*)"', shown)
    writes.update_memory(app(ada), memory.pk, text="Ada's door code is 4711.")
    said = ada_client.post(switch, {"visibility": "public"}, **by)
    assert "changed in the meantime" in str(said.headers) + str(list(get_messages(said.wsgi_request)))
    assert not stored(ada, memory).is_public
    ada_client.post(switch, {"visibility": "private"})  # takes nobody's look
    ada_client.post(switch.replace("version=1", "version=2"), {"visibility": "public"}, **by)
    assert stored(ada, memory).is_public


def test_a_switch_leads_nowhere_else(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    given = {"visibility": "public", "next": "https://evil.example/"}
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", given)
    assert response["Location"] == f"/memories/{memory.pk}/"


def test_a_switch_to_nowhere_is_refused(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "everybody"})
    assert response.status_code == 422


def test_deleting_offers_to_undo(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/delete/", follow=True)
    html = response.content.decode()
    assert "Moved to trash." in html
    assert f'action="/memories/{memory.pk}/restore/"' in html
    ada_client.post(f"/memories/{memory.pk}/restore/")
    assert stored(ada, memory).text == "Tea."


def test_deleting_in_the_list_answers_the_rows_replacement(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    gone = ada_client.post(f"/memories/{memory.pk}/delete/", **HTMX).content.decode()
    assert "Undo" in gone
    assert "Tea." not in gone
    assert "Tea." in ada_client.post(f"/memories/{memory.pk}/restore/", **HTMX).content.decode()


def test_deleting_for_ever_is_for_the_trash_alone(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    assert ada_client.post(f"/memories/{memory.pk}/destroy/").status_code == 404
    ada_client.post(f"/memories/{memory.pk}/delete/")
    ada_client.post(f"/memories/{memory.pk}/destroy/")
    assert not Memory.objects.filter(pk=memory.pk).exists()


def test_a_waiting_memory_asks_until_it_is_searchable(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    memory = remember(ada, "Tea.")
    assert f'hx-get="/memories/{memory.pk}/state/?try=2"' in state(ada_client, memory, "1")
    last = state(ada_client, memory, "12")
    assert "indexing" in last
    assert "hx-get" not in last
    index()
    assert "indexed" in state(ada_client, memory, "2")


def state(client: Client, memory: Memory, tried: str) -> str:
    return client.get(f"/memories/{memory.pk}/state/?try={tried}", **HTMX).content.decode()


def test_a_failed_indexing_can_be_tried_again(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    Memory.objects.filter(pk=memory.pk).update(index_state=IndexState.FAILED, index_error="unreachable")
    assert "Try again" in ada_client.get(f"/memories/{memory.pk}/").content.decode()
    ada_client.post(f"/memories/{memory.pk}/retry/")
    assert stored(ada, memory).index_state == IndexState.PENDING


def test_a_strangers_absent_and_malformed_ids_are_one_answer(ada: User, bob_client: Client) -> None:
    memory = remember(ada, "Tea.", visibility="public")
    pages = [bob_client.get(f"/memories/{name}/") for name in (memory.pk, uuid4(), "malformed")]
    assert [page.status_code for page in pages] == [404, 404, 404]
    numbered = [(page.content.decode(), page.headers["X-Request-ID"]) for page in pages]
    assert len({without_token(html).replace(number, "") for html, number in numbered}) == 1


def without_token(html: str) -> str:
    """The page without what differs between any two: tokens, and its own address."""
    return re.sub(r'(name="(?:csrfmiddlewaretoken|next)"\s+value=)"[^"]*"', r"\1", html)


@pytest.mark.parametrize("act", ACTS)
def test_nobody_acts_on_anothers_memory(ada: User, bob_client: Client, act: str) -> None:
    memory = remember(ada, "Tea.", visibility="public")
    writes.update_memory(session(ada), memory.pk, text="Green tea.")
    given = {"visibility": "private", "text": "Mine.", "version": 2}
    assert bob_client.post(f"/memories/{memory.pk}/{act}/", given).status_code == 404
    now = stored(ada, memory)
    assert (now.text, now.visibility, now.version) == ("Green tea.", "public", 2)


@pytest.mark.parametrize("act", ACTS)
def test_a_look_changes_nothing(ada: User, ada_client: Client, act: str) -> None:
    memory = remember(ada, "Tea.")
    assert ada_client.get(f"/memories/{memory.pk}/{act}/").status_code == 405
    assert stored(ada, memory).version == 1


def test_a_text_that_does_not_open_hides_no_other_and_can_be_deleted(ada: User, ada_client: Client) -> None:
    damaged, fine = remember(ada, "The damaged zebra."), remember(ada, "The fine zebra.")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'damaged' where id = %s", [damaged.pk])
    for address in ("/memories/", "/memories/?q=zebra", "/memories/?q=the+zebra", f"/memories/{damaged.pk}/"):
        html = ada_client.get(address).content.decode()
        assert "This memory cannot be read" in html
    assert fine.text in ada_client.get("/memories/").content.decode()
    assert ada_client.post(f"/memories/{damaged.pk}/delete/").status_code == 302
    assert "This memory cannot be read" in ada_client.get("/memories/trash/").content.decode()


def test_an_act_that_needs_an_unreadable_text_says_so(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "one")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'damaged' where id = %s", [memory.pk])
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "public"})
    assert response.status_code == 500
    assert "This memory cannot be read" in response.content.decode()
