"""The page of a memory, and every action on it."""

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
ACTIONS = ["edit", "visibility", "delete", "restore", "destroy", "retry", "history/1/restore"]


def build_edit(memory: Memory, **changes: Any) -> dict[str, Any]:
    return {"text": memory.text, "visibility": memory.visibility, "version": memory.version, **changes}


def get_stored(user: User, memory: Memory) -> Memory:
    return reads.get_memory(session(user), memory.pk)


def test_memory_page_shows_text_and_history(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "The first text.", tags=["tea"])
    writes.update_memory(session(ada), memory.pk, text="The second text.")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert "The second text." in html
    assert "1 earlier version" in html
    assert "The first text." in html


def test_long_history_is_paginated(ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_pages_show_app_name_and_link_connected_app(ada: User, ada_client: Client) -> None:
    notes = make_app("Notes & co")
    actor = authenticate_token(access_token(ada, notes), Channel.API)
    memory = writes.create_memory(actor, text="The first text.")
    writes.update_memory(actor, memory.pk, text="The second text.")
    reads.get_memory(actor, memory.pk)
    source = "by the app Notes &amp; co"
    for address in ("/memories/", "/memories/?q=text"):
        assert source in ada_client.get(address).content.decode()
    assert ada_client.get(f"/memories/{memory.pk}/").content.decode().count(source) == 2
    [grant] = AppGrant.objects.filter(user=ada)
    link = f'<a href="/accounts/apps/{grant.pk}/"'
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert html.count(link) == 3  # source of the memory, source of the earlier version, reader
    grants.revoke_grant(grant, by=session(ada))
    assert link not in ada_client.get(f"/memories/{memory.pk}/").content.decode()
    notes.application.delete()
    assert f"by the app {notes.application.client_id}" in ada_client.get("/memories/").content.decode()


def test_edit_is_saved(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Before.", tags=["old"])
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", build_edit(memory, text="After.", tags="new", visibility="public")
    )
    assert response["Location"] == f"/memories/{memory.pk}/"
    now = get_stored(ada, memory)
    assert (now.text, now.visibility, [tag.name for tag in now.tags.all()]) == ("After.", "public", ["new"])


def test_edit_preserves_expiry_unless_changed(ada: User, ada_client: Client) -> None:
    ada_client.post("/memories/new/", {"text": "Soon gone.", "expires": "week"})
    memory = reads.list_memories(session(ada)).memories[0]
    ada_client.post(f"/memories/{memory.pk}/edit/", build_edit(memory, text="Soon gone!", expires="keep"))
    assert get_stored(ada, memory).expires_at == memory.expires_at
    ada_client.post(f"/memories/{memory.pk}/edit/", build_edit(memory, version=2, expires="never"))
    assert get_stored(ada, memory).expires_at is None


def test_edit_of_deleted_memory_offers_to_save_as_new(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "one")
    writes.trash_memory(session(ada), memory.pk)
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", build_edit(memory, text="Typed for long.", expires="keep")
    )
    html = response.content.decode()
    assert response.status_code == 404
    assert "Typed for long.</textarea>" in html
    assert 'action="/memories/new/"' in html


def test_conflicting_edit_shows_both_texts(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Seen by both.")
    writes.update_memory(session(ada), memory.pk, text="Stored by the other.")
    response = ada_client.post(f"/memories/{memory.pk}/edit/", build_edit(memory, text="Typed by me."))
    html = response.content.decode()
    assert response.status_code == 409
    assert "Stored by the other." in html
    assert "Typed by me." in html
    assert get_stored(ada, memory).text == "Stored by the other."
    assert 'name="version" value="2"' in html  # so "Save mine anyway" replaces the version shown
    ada_client.post(f"/memories/{memory.pk}/edit/", build_edit(memory, text="Typed by me.", version=2))
    assert get_stored(ada, memory).text == "Typed by me."


def test_invalid_edit_preserves_input(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Before.")
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", build_edit(memory, text="After.", tags="t" * 51)
    )
    html = response.content.decode()
    assert response.status_code == 422
    assert "A tag has at most 50 characters" in html
    assert "After.</textarea>" in html
    assert get_stored(ada, memory).text == "Before."


@pytest.mark.parametrize("version", ["", "x", "0", "-1"])
def test_edit_without_valid_version_is_rejected(ada: User, ada_client: Client, version: str) -> None:
    memory = remember(ada, "Before.")
    response = ada_client.post(
        f"/memories/{memory.pk}/edit/", build_edit(memory, text="After.", version=version)
    )
    assert response.status_code == 422
    assert "Open the memory again" in response.content.decode()


def test_earlier_version_can_be_restored(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "The first text.")
    writes.update_memory(session(ada), memory.pk, text="The second text.")
    ada_client.post(f"/memories/{memory.pk}/history/1/restore/")
    assert get_stored(ada, memory).text == "The first text."


def test_visibility_switch_publishes_and_unpublishes(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "public"}, **HTMX)
    assert 'class="public pic-globe"' in response.content.decode()
    assert "Now public" in response["HX-Trigger"]
    response = ada_client.post(
        f"/memories/{memory.pk}/visibility/", {"visibility": "private", "next": "/memories/?q=tea"}
    )
    assert response["Location"] == "/memories/?q=tea"
    assert not get_stored(ada, memory).is_public


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["page", "htmx"])
def test_publish_rejects_memory_edited_since_shown(extra: Any, ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    [switch] = re.findall(rf'action="(/memories/{memory.pk}/visibility/[^"]*)"', html)
    writes.update_memory(app(ada), memory.pk, text="Ada's door code is 4711.")
    response = ada_client.post(switch, {"visibility": "public"}, **extra)
    assert "changed in the meantime" in str(response.headers) + str(list(get_messages(response.wsgi_request)))
    assert not get_stored(ada, memory).is_public
    ada_client.post(switch, {"visibility": "private"})  # needs no current version
    ada_client.post(switch.replace("version=1", "version=2"), {"visibility": "public"}, **extra)
    assert get_stored(ada, memory).is_public


def test_visibility_switch_does_not_redirect_to_another_site(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    data = {"visibility": "public", "next": "https://evil.example/"}
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", data)
    assert response["Location"] == f"/memories/{memory.pk}/"


def test_invalid_visibility_is_rejected(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "everybody"})
    assert response.status_code == 422


def test_deletion_offers_undo(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    response = ada_client.post(f"/memories/{memory.pk}/delete/", follow=True)
    html = response.content.decode()
    assert "Moved to trash." in html
    assert f'action="/memories/{memory.pk}/restore/"' in html
    ada_client.post(f"/memories/{memory.pk}/restore/")
    assert get_stored(ada, memory).text == "Tea."


def test_deletion_in_list_returns_replacement_row(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    html = ada_client.post(f"/memories/{memory.pk}/delete/", **HTMX).content.decode()
    assert "Undo" in html
    assert "Tea." not in html
    assert "Tea." in ada_client.post(f"/memories/{memory.pk}/restore/", **HTMX).content.decode()


def test_only_trashed_memory_can_be_deleted_permanently(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    assert ada_client.post(f"/memories/{memory.pk}/destroy/").status_code == 404
    ada_client.post(f"/memories/{memory.pk}/delete/")
    ada_client.post(f"/memories/{memory.pk}/destroy/")
    assert not Memory.objects.filter(pk=memory.pk).exists()


def test_index_state_is_polled_until_indexed(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    memory = remember(ada, "Tea.")
    assert f'hx-get="/memories/{memory.pk}/state/?try=2"' in get_state(ada_client, memory, "1")
    last = get_state(ada_client, memory, "12")
    assert "indexing" in last
    assert "hx-get" not in last
    index()
    assert "indexed" in get_state(ada_client, memory, "2")


def get_state(client: Client, memory: Memory, attempt: str) -> str:
    return client.get(f"/memories/{memory.pk}/state/?try={attempt}", **HTMX).content.decode()


def test_failed_indexing_can_be_retried(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    Memory.objects.filter(pk=memory.pk).update(index_state=IndexState.FAILED, index_error="unreachable")
    assert "Try again" in ada_client.get(f"/memories/{memory.pk}/").content.decode()
    ada_client.post(f"/memories/{memory.pk}/retry/")
    assert get_stored(ada, memory).index_state == IndexState.PENDING


def test_foreign_missing_and_malformed_ids_return_same_404(ada: User, bob_client: Client) -> None:
    memory = remember(ada, "Tea.", visibility="public")
    responses = [bob_client.get(f"/memories/{name}/") for name in (memory.pk, uuid4(), "malformed")]
    assert [response.status_code for response in responses] == [404, 404, 404]
    pages = [(response.content.decode(), response.headers["X-Request-ID"]) for response in responses]
    assert len({remove_page_specifics(html).replace(request_id, "") for html, request_id in pages}) == 1


def remove_page_specifics(html: str) -> str:
    """Remove what differs between any two pages: CSRF tokens, the page's URL, and its section in the header."""
    html = re.sub(r"\s+", " ", re.sub(r'\s+aria-current="\w+"', "", html)).replace(" >", ">")
    return re.sub(r'(name="(?:csrfmiddlewaretoken|next)"\s+value=)"[^"]*"', r"\1", html)


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_on_another_users_memory_return_404(ada: User, bob_client: Client, action: str) -> None:
    memory = remember(ada, "Tea.", visibility="public")
    writes.update_memory(session(ada), memory.pk, text="Green tea.")
    data = {"visibility": "private", "text": "Mine.", "version": 2}
    assert bob_client.post(f"/memories/{memory.pk}/{action}/", data).status_code == 404
    now = get_stored(ada, memory)
    assert (now.text, now.visibility, now.version) == ("Green tea.", "public", 2)


@pytest.mark.parametrize("action", ACTIONS)
def test_get_request_changes_nothing(ada: User, ada_client: Client, action: str) -> None:
    memory = remember(ada, "Tea.")
    assert ada_client.get(f"/memories/{memory.pk}/{action}/").status_code == (
        200 if action == "edit" else 405
    )
    assert get_stored(ada, memory).version == 1


def test_undecryptable_memory_is_shown_as_unreadable_and_can_be_deleted(
    ada: User, ada_client: Client
) -> None:
    damaged, intact = remember(ada, "The damaged zebra."), remember(ada, "The intact zebra.")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'damaged' where id = %s", [damaged.pk])
    for address in ("/memories/", "/memories/?q=zebra", "/memories/?q=the+zebra", f"/memories/{damaged.pk}/"):
        html = ada_client.get(address).content.decode()
        assert "This memory cannot be read" in html
    assert intact.text in ada_client.get("/memories/").content.decode()
    assert ada_client.post(f"/memories/{damaged.pk}/delete/").status_code == 302
    assert "This memory cannot be read" in ada_client.get("/memories/trash/").content.decode()


def test_action_on_undecryptable_text_shows_error(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "one")
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'damaged' where id = %s", [memory.pk])
    response = ada_client.post(f"/memories/{memory.pk}/visibility/", {"visibility": "public"})
    assert response.status_code == 500
    assert "This memory cannot be read" in response.content.decode()
