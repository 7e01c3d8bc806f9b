"""Adding a memory: by the quick box and by the whole form, with and without JavaScript."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from memories.models import Memory
from memories.services import reads
from memories.validation.limits import TAG_CHARACTERS, TAGS, TEXT_CHARACTERS
from tests.factories import session

NEW = "/memories/new/"
HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}


def kept(user: User) -> list[Memory]:
    return reads.list_memories(session(user)).memories


def test_a_posted_text_is_kept_and_private(ada: User, ada_client: Client) -> None:
    response = ada_client.post(
        NEW, {"text": "Tea, not coffee.", "tags": "food, Drinks", "visibility": "private"}
    )
    assert response["Location"] == "/memories/"
    [memory] = kept(ada)
    assert (memory.text, memory.visibility, memory.expires_at) == ("Tea, not coffee.", "private", None)
    assert sorted(tag.name for tag in memory.tags.all()) == ["Drinks", "food"]


def test_a_text_alone_is_enough(ada: User, ada_client: Client) -> None:
    ada_client.post(NEW, {"text": "Tea."})
    assert [memory.visibility for memory in kept(ada)] == ["private"]


def test_the_quick_box_answers_an_empty_box_and_the_new_row(ada: User, ada_client: Client) -> None:
    html = ada_client.post(NEW, {"text": "Tea."}, **HTMX).content.decode()
    assert '<form class="add"' in html
    assert 'hx-swap-oob="afterbegin:#rows"' in html
    assert html.count("Tea.") == 1
    assert "1 memory" in html


def test_the_whole_form_stands_at_its_own_address(ada_client: Client) -> None:
    html = ada_client.get(NEW).content.decode()
    assert all(f'name="{name}"' in html for name in ("text", "tags", "visibility", "expires", "expires_on"))


@pytest.mark.parametrize(("choice", "days"), [("day", 1), ("week", 7), ("month", 30), ("year", 365)])
def test_an_expiry_can_be_chosen_in_a_word(ada: User, ada_client: Client, choice: str, days: int) -> None:
    ada_client.post(NEW, {"text": "Tea.", "expires": choice})
    [memory] = kept(ada)
    assert memory.expires_at is not None
    assert abs(memory.expires_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_an_expiry_on_a_date_is_meant_in_the_persons_time_zone(ada: User, ada_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    year = timezone.now().year + 1
    ada_client.post(NEW, {"text": "Tea.", "expires": "custom", "expires_on": f"{year}-06-01T09:00"})
    [memory] = kept(ada)
    assert memory.expires_at is not None
    assert memory.expires_at.isoformat() == f"{year}-06-01T00:00:00+00:00"


def test_a_date_that_was_typed_before_another_choice_is_not_asked_about(
    ada: User, ada_client: Client
) -> None:
    """Its field is not seen any more, nor would be what is wrong with it."""
    given = {"text": "Tea.", "expires": "week", "expires_on": "2027-03-28T02:30:99"}
    assert ada_client.post(NEW, given).status_code == 302
    [memory] = kept(ada)
    assert memory.expires_at is not None


BAD = [
    ("text", {"text": ""}, "Enter a text."),
    ("text", {"text": " \n\t "}, "Enter a text."),
    ("text", {"text": "ö" * (TEXT_CHARACTERS + 1)}, "The text has 8,001 characters"),
    ("text", {"text": "a\0b"}, "null character"),
    ("tags", {"tags": ",".join(f"tag{n}" for n in range(TAGS + 1))}, "at most 20 tags"),
    ("tags", {"tags": "t" * (TAG_CHARACTERS + 1)}, "A tag has at most 50 characters"),
    ("visibility", {"visibility": "everybody"}, "Choose private or public."),
    ("expires", {"expires": "sometimes"}, "Select a valid choice"),
    (
        "expires_on",
        {"expires": "custom", "expires_on": "2001-01-01T10:00"},
        "The expiry date is in the past.",
    ),
    ("expires_on", {"expires": "custom", "expires_on": ""}, "Say when it shall be forgotten."),
    ("expires_on", {"expires": "custom", "expires_on": "tomorrow"}, "Enter a valid date/time."),
]


@pytest.mark.parametrize(("field", "given", "words"), BAD)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    ada: User, ada_client: Client, field: str, given: dict[str, str], words: str
) -> None:
    response = ada_client.post(NEW, {"text": "A text of mine.", "tags": "my tag", **given})
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html.split(f'id="id_{field}_error"', 1)[1].split("</ul>", 1)[0]
    assert given.get("text", "A text of mine.").strip() in html
    assert given.get("tags", "my tag") in html
    assert kept(ada) == []


def test_the_quick_box_keeps_what_was_typed_too(ada_client: Client) -> None:
    response = ada_client.post(NEW, {"text": "A text of mine.", "tags": "t" * 51}, **HTMX)
    html = response.content.decode()
    assert response.status_code == 422
    assert '<form class="add"' in html
    assert "A text of mine.</textarea>" in html


def test_eight_thousand_characters_with_a_browsers_line_ends_fit(ada: User, ada_client: Client) -> None:
    ada_client.post(NEW, {"text": "a\r\n" * (TEXT_CHARACTERS // 2)})
    assert [len(memory.text) for memory in kept(ada)] == [TEXT_CHARACTERS - 1]


def test_a_visitor_is_asked_to_log_in(client: Client, db: None) -> None:
    response = client.post(NEW, {"text": "Tea."})
    assert response["Location"] == "/accounts/login/?next=/memories/"


def test_a_box_that_outlived_its_session_keeps_its_text(client: Client, db: None) -> None:
    response = client.post(NEW, {"text": "Tea."}, **HTMX)
    assert response.status_code == 401
    assert "logged out" in response["HX-Trigger"]


def test_nothing_is_written_without_the_forms_own_token(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    response = strict.post(NEW, {"text": "Tea."})
    assert response.status_code == 403
    assert "This page has expired" in response.content.decode()
    assert kept(ada) == []
