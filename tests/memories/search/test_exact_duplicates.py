"""The same text twice: recognized whatever it consists of, and merged into the existing memory."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from memories.errors import ApprovalRequired
from memories.models import Memory, Proposal
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate, find_exact_duplicate
from memories.services import writes
from memories.services.tags import get_tag_names
from memories.validation.drafts import UNSET
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db

SOON = timezone.now() + timedelta(days=1)
LATER = timezone.now() + timedelta(days=9)


def add_again(user: User, text: str, **values: Any) -> Memory:
    memory, is_new = create_unless_duplicate(
        session(user), text=text, on_duplicate=OnDuplicate.RETURN, **values
    )
    assert not is_new
    return memory


def test_memory_is_looked_up_by_its_owner_in_every_table(ada: User) -> None:
    memory = remember(ada, "To be or not to be", tags=["play"])
    with CaptureQueriesContext(connection) as queries:
        assert find_exact_duplicate(session(ada), "To be or not to be") == memory
    [statement] = [each["sql"] for each in queries if "same as materialized" in each["sql"]]
    assert "tagged.owner_id = " in statement


@pytest.mark.parametrize(
    "text",
    [
        "To be or not to be",
        "🎂",
        "...",
        "?",
        "To be. " * 100,
        "Ada likes tea.",
        "お茶が好き。",
        "C++",
        "x" * 8_000,
    ],
)
@pytest.mark.parametrize("visibility", ["private", "public"])
def test_any_text_is_recognized_among_similar_ones(text: str, visibility: str, ada: User) -> None:
    memory = remember(ada, text, visibility=visibility)
    for other in ("🎁", "Not to be or to be", "Ada likes tea!", f"{text[:7_998]} a"):
        remember(ada, other)
    found = find_exact_duplicate(session(ada), f" {text}\r\n")
    assert found is not None
    assert found.pk == memory.pk


def test_composition_of_characters_does_not_matter(ada: User) -> None:
    memory = remember(ada, "Cafe\u0301 de\u0301ja\u0300")
    assert find_exact_duplicate(session(ada), "Café déjà") == memory
    assert find_exact_duplicate(session(ada), "Cafe deja") is None


def test_memory_is_recognized_among_many_with_the_same_beginning(ada: User) -> None:
    beginning = "The weather in the old town was fine and everybody came. " * 25
    items = [writes.NewMemory(f"{beginning}Day {number}.") for number in range(60)]
    writes.create_memories(session(ada), items)
    assert find_exact_duplicate(session(ada), f"{beginning}Day 3.") is not None


def test_memory_in_trash_is_no_duplicate(ada: User) -> None:
    memory = remember(ada, "🎂")
    writes.trash_memory(session(ada), memory.pk)
    assert find_exact_duplicate(session(ada), "🎂") is None


def test_tags_are_added(ada: User) -> None:
    memory = remember(ada, "Ada likes tea.", tags=["Drinks"])
    merged = add_again(ada, "Ada likes tea.", tags=["drinks", "habits"])
    assert (merged.pk, merged.version) == (memory.pk, 2)
    assert get_tag_names(merged) == ["Drinks", "habits"]
    assert add_again(ada, "Ada likes tea.", tags=["habits"]).version == 2  # nothing new


@pytest.mark.parametrize(
    ("stored", "given", "expected"),
    [
        (SOON, LATER, LATER), (LATER, SOON, LATER), (None, SOON, None), (SOON, None, None), (SOON, UNSET, SOON),
        (None, UNSET, None),
    ],
)  # fmt: skip
def test_expiry_is_extended_but_never_shortened(
    stored: datetime | None, given: Any, expected: datetime | None, ada: User
) -> None:
    remember(ada, "Ada likes tea.", expires_at=stored)
    assert add_again(ada, "Ada likes tea.", expires_at=given).expires_at == expected


def test_invalid_details_are_rejected_for_duplicates_too(ada: User) -> None:
    memory = remember(ada, "Ada likes tea.", tags=[f"tag {number}" for number in range(20)])
    for values in ({"tags": ["x" * 51]}, {"tags": ["one more"]}, {"expires_at": timezone.now()}):
        with pytest.raises(ValidationError):
            add_again(ada, "Ada likes tea.", **values)
    memory.refresh_from_db()
    assert memory.version == 1


def test_app_that_needs_approval_proposes_the_merge(ada: User) -> None:
    from dataclasses import replace

    remember(ada, "Ada likes tea.")
    asking = replace(app(ada, "memories:read", "memories:write"), asks_first=True)
    with pytest.raises(ApprovalRequired):
        create_unless_duplicate(
            asking, text="Ada likes tea.", on_duplicate=OnDuplicate.RETURN, tags=["drinks"]
        )
    assert Proposal.objects.count() == 1


def test_page_offers_to_update_the_existing_memory(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "🎂", tags=["sweet"])
    data = {"text": "🎂", "tags": "party", "visibility": "private", "expires": "never"}
    warned = ada_client.post("/memories/new/", data)
    assert warned.status_code == 422
    assert b'name="merge"' in warned.content
    assert b'value="party"' in warned.content
    response = ada_client.post("/memories/new/", {**data, "merge": "1"})
    assert response["Location"] == f"/memories/{memory.pk}/"
    assert get_tag_names(Memory.objects.get()) == ["party", "sweet"]


def test_a_superseded_text_can_be_saved_again(ada: User) -> None:
    berlin = remember(ada, "I live in Berlin.")
    hamburg = remember(ada, "I live in Hamburg.", supersedes=berlin.pk)
    back, is_new = create_unless_duplicate(
        session(ada), text="I live in Berlin.", on_duplicate=OnDuplicate.RETURN, supersedes=hamburg.pk
    )
    assert (is_new, back.superseded and back.superseded.id) == (True, hamburg.pk)


def test_a_link_is_added_to_an_existing_memory(ada: User) -> None:
    older, newer = remember(ada, "I live in Berlin."), remember(ada, "I live in Hamburg.")
    same, is_new = create_unless_duplicate(
        session(ada), text=newer.text, on_duplicate=OnDuplicate.RETURN, supersedes=older.pk
    )
    assert (same.pk, is_new, same.superseded and same.superseded.id) == (newer.pk, False, older.pk)
