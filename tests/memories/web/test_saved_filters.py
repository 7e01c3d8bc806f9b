"""Saved filters: private to their user, encrypted and deletable."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from accounts.actor import InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import SavedFilterNotFound
from memories.models import SavedFilter
from memories.services import saved_filters
from memories.services.saved_filters import MAX_FILTERS, save_filter
from tests.factories import app, remember, session

PUBLIC = {"visibility": "public"}


def list_names(user: User) -> list[str]:
    return [saved.name for saved in saved_filters.list_saved_filters(session(user))]


def save_in_browser(client: Client, **data: Any) -> str:
    response = client.post("/memories/filters/save/", {"next": "/memories/", **data}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_saved_filter_is_linked_beside_search(ada: User, ada_client: Client) -> None:
    tag = remember(ada, "Tea.", tags=["kitchen"]).tags.get()
    assert "Save filter" not in ada_client.get("/memories/").content.decode()
    assert "Save filter" in ada_client.get("/memories/?q=tea").content.decode()
    html = save_in_browser(
        ada_client, name=" Green  tea ", q="tea & milk", visibility="private", tag=str(tag.pk)
    )
    assert f'href="/memories/?q=tea+%26+milk&amp;visibility=private&amp;tag={tag.pk}"' in html
    assert list_names(ada) == ["Green tea"]


def test_saving_same_name_replaces_filter(ada: User) -> None:
    save_filter(session(ada), name="Shown", parts={"visibility": "private"})
    save_filter(session(ada), name="SHOWN", parts=PUBLIC)
    [saved] = saved_filters.list_saved_filters(session(ada))
    assert (saved.name, saved.parts) == ("SHOWN", PUBLIC)


@pytest.mark.parametrize(
    ("name", "parts"), [(" ", PUBLIC), ("x" * 51, PUBLIC), ("Nothing", {}), ("Odd", {"before": "1"})]
)
def test_invalid_filter_is_rejected(ada: User, name: str, parts: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        save_filter(session(ada), name=name, parts=parts)


def test_filter_limit_is_reported(ada: User, ada_client: Client) -> None:
    for number in range(MAX_FILTERS):
        save_filter(session(ada), name=f"Filter {number}", parts=PUBLIC)
    assert "at most 20 saved filters" in save_in_browser(ada_client, name="One more", **PUBLIC)
    assert len(list_names(ada)) == MAX_FILTERS


def test_deleting_filter_leaves_memories(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.", visibility="public")
    save_in_browser(ada_client, name="Shown", **PUBLIC)
    [saved] = saved_filters.list_saved_filters(session(ada))
    ada_client.post(f"/memories/filters/{saved.id}/delete/")
    assert list_names(ada) == []
    memory.refresh_from_db()
    assert memory.deleted_at is None


@pytest.mark.parametrize("more", ["", "&q=tea", "&visibility=private"])
def test_filter_with_deleted_tag_shows_no_memories(ada: User, ada_client: Client, more: str) -> None:
    remember(ada, "Tea.")
    html = ada_client.get(f"/memories/?tag={uuid4()}{more}").content.decode()
    assert "Tag not found" in html
    assert "Tea." not in html
    assert "Save filter" not in html


def test_bulk_action_with_deleted_tag_changes_nothing(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Tea.")
    ada_client.post("/memories/many/", {"act": "trash", "everything": "1", "tag": str(uuid4())})
    memory.refresh_from_db()
    assert memory.deleted_at is None


def test_another_users_filter_returns_404(ada: User, bob: User, ada_client: Client) -> None:
    save_filter(session(bob), name="Of Bob", parts=PUBLIC)
    [saved] = saved_filters.list_saved_filters(session(bob))
    for filter_id in (saved.id, uuid4()):
        assert ada_client.post(f"/memories/filters/{filter_id}/delete/").status_code == 404
    with pytest.raises(SavedFilterNotFound):
        saved_filters.delete_filter(session(ada), saved.id)
    assert "Of Bob" not in ada_client.get("/memories/").content.decode()
    assert list_names(bob) == ["Of Bob"]


def test_filter_is_encrypted(ada: User) -> None:
    save_filter(session(ada), name="Walrus plans", parts={"q": "walrus"})
    with connection.cursor() as cursor:
        cursor.execute("select content from memories_savedfilter")
        assert b"alrus" not in bytes(cursor.fetchone()[0])


def test_undecryptable_filter_does_not_hide_others(ada: User, ada_client: Client) -> None:
    for name in ("Broken", "Whole"):
        save_filter(session(ada), name=name, parts=PUBLIC)
    broken = SavedFilter.objects.get(pk=saved_filters.list_saved_filters(session(ada))[0].id)
    with connection.cursor() as cursor:
        cursor.execute(
            "update memories_savedfilter set content = %s where id = %s", [b"\x01" * 60, broken.pk]
        )
    assert list_names(ada) == ["Whole"]
    assert ada_client.get("/memories/").status_code == 200


def test_filters_require_scopes(ada: User) -> None:
    reader, writer = app(ada, scopes.READ), app(ada, scopes.WRITE)
    with pytest.raises(InsufficientScope):
        save_filter(reader, name="Shown", parts=PUBLIC)
    with pytest.raises(InsufficientScope):
        saved_filters.delete_filter(reader, uuid4())
    with pytest.raises(InsufficientScope):
        saved_filters.list_saved_filters(writer)


@pytest.mark.django_db
def test_anonymous_user_cannot_save_filter(client: Client) -> None:
    response = client.post("/memories/filters/save/", {"name": "Shown", **PUBLIC})
    assert response.status_code == 302
    assert not SavedFilter.objects.exists()
