"""Adding a memory by the quick-add box and the full form, with and without JavaScript."""

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


def list_saved(user: User) -> list[Memory]:
    return reads.list_memories(session(user)).memories


def test_submitted_memory_is_saved_as_private(ada: User, ada_client: Client) -> None:
    response = ada_client.post(
        NEW, {"text": "Tea, not coffee.", "tags": "food, Drinks", "visibility": "private"}
    )
    assert response["Location"] == "/memories/"
    [memory] = list_saved(ada)
    assert (memory.text, memory.visibility, memory.expires_at) == ("Tea, not coffee.", "private", None)
    assert sorted(tag.name for tag in memory.tags.all()) == ["Drinks", "food"]


@pytest.mark.parametrize("separator", ["，", "、", "،", ", "])
def test_commas_of_every_script_separate_tags(ada: User, ada_client: Client, separator: str) -> None:
    ada_client.post(NEW, {"text": "Tea.", "tags": f"food{separator}drinks"})
    assert sorted(tag.name for tag in Memory.objects.get().tags.all()) == ["drinks", "food"]


def test_text_is_only_required_field(ada: User, ada_client: Client) -> None:
    ada_client.post(NEW, {"text": "Tea."})
    assert [memory.visibility for memory in list_saved(ada)] == ["private"]


def test_quick_add_returns_new_row_and_leaves_the_box_alone(ada: User, ada_client: Client) -> None:
    html = ada_client.post(NEW, {"text": "Tea."}, **HTMX).content.decode()
    assert "<textarea" not in html
    assert 'hx-swap-oob="afterbegin:#rows"' in html
    assert html.count("Tea.") == 1
    assert "1 memory" in html


@pytest.mark.parametrize(
    ("before", "message"), [("", "Saved 1 memory."), ("2", "Saved 3 memories."), ("x", "1")]
)
def test_quick_add_says_how_many_were_saved(ada_client: Client, before: str, message: str) -> None:
    response = ada_client.post(NEW, {"text": "Tea.", "saved_before": before}, **HTMX)
    assert message in response["HX-Trigger"]


def test_text_sent_again_after_a_lost_answer_is_saved_once(ada: User, ada_client: Client) -> None:
    ada_client.post(NEW, {"text": "Tea."}, **HTMX)
    response = ada_client.post(NEW, {"text": "Tea.", "tags": "drinks", "retry": "1"}, **HTMX)
    assert "Saved 1 memory." in response["HX-Trigger"]
    [memory] = list_saved(ada)
    assert [tag.name for tag in memory.tags.all()] == ["drinks"]


def test_new_memory_page_has_all_fields(ada_client: Client) -> None:
    html = ada_client.get(NEW).content.decode()
    assert all(f'name="{name}"' in html for name in ("text", "tags", "visibility", "expires", "expires_on"))


@pytest.mark.parametrize(("choice", "days"), [("day", 1), ("week", 7), ("month", 30), ("year", 365)])
def test_expiry_can_be_selected_as_lifetime(ada: User, ada_client: Client, choice: str, days: int) -> None:
    ada_client.post(NEW, {"text": "Tea.", "expires": choice})
    [memory] = list_saved(ada)
    assert memory.expires_at is not None
    assert abs(memory.expires_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_expiry_date_is_in_users_time_zone(ada: User, ada_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    year = timezone.now().year + 1
    ada_client.post(NEW, {"text": "Tea.", "expires": "custom", "expires_on": f"{year}-06-01T09:00"})
    [memory] = list_saved(ada)
    assert memory.expires_at is not None
    assert memory.expires_at.isoformat() == f"{year}-06-01T00:00:00+00:00"


def test_hidden_invalid_date_is_ignored(ada: User, ada_client: Client) -> None:
    """The date field and its errors are hidden for other choices."""
    data = {"text": "Tea.", "expires": "week", "expires_on": "2027-03-28T02:30:99"}
    assert ada_client.post(NEW, data).status_code == 302
    [memory] = list_saved(ada)
    assert memory.expires_at is not None


INVALID = [
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
    ("expires_on", {"expires": "custom", "expires_on": ""}, "Choose an expiry date."),
    ("expires_on", {"expires": "custom", "expires_on": "tomorrow"}, "Enter a valid date/time."),
]


@pytest.mark.parametrize(("field", "data", "message"), INVALID)
def test_error_is_shown_at_its_field_and_input_is_preserved(
    ada: User, ada_client: Client, field: str, data: dict[str, str], message: str
) -> None:
    response = ada_client.post(NEW, {"text": "A text of mine.", "tags": "my tag", **data})
    html = response.content.decode()
    assert response.status_code == 422
    assert message in html.split(f'id="id_{field}_error"', 1)[1].split("</ul>", 1)[0]
    assert data.get("text", "A text of mine.").strip() in html
    assert data.get("tags", "my tag") in html
    assert list_saved(ada) == []


def test_quick_add_returns_the_reason_for_the_row_of_the_text(ada_client: Client) -> None:
    response = ada_client.post(NEW, {"text": "A text of mine.", "tags": "t" * 51}, **HTMX)
    assert response.status_code == 422
    assert "A tag has at most 50 characters" in response.content.decode()


def test_crlf_line_endings_count_as_one_character(ada: User, ada_client: Client) -> None:
    ada_client.post(NEW, {"text": "a\r\n" * (TEXT_CHARACTERS // 2)})
    assert [len(memory.text) for memory in list_saved(ada)] == [TEXT_CHARACTERS - 1]


def test_anonymous_user_is_redirected_to_login(client: Client, db: None) -> None:
    assert client.get(NEW)["Location"] == f"/accounts/login/?next={NEW}"
    assert client.post(NEW)["Location"] == "/accounts/login/?next=/memories/"


def test_text_of_an_ended_session_waits_for_the_log_in(ada: User, client: Client) -> None:
    html = client.post(NEW, {"text": "Tea <b>."}).content.decode()
    assert "Log in to save this text" in html
    assert "\nTea &lt;b&gt;.</textarea>" in html
    client.force_login(ada)
    assert "Tea &lt;b&gt;." in client.post("/memories/share/", {"text": "Tea <b>."}).content.decode()


def test_quick_add_after_logout_returns_401(client: Client, db: None) -> None:
    response = client.post(NEW, {"text": "Tea."}, **HTMX)
    assert response.status_code == 401


def test_post_without_csrf_token_is_rejected(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    response = strict.post(NEW, {"text": "Tea."})
    assert response.status_code == 403
    assert "This page has expired" in response.content.decode()
    assert "\nTea.</textarea>" in response.content.decode()
    assert list_saved(ada) == []
