"""The list by day and month, in the user's own time zone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.ids import get_creation_time, get_first_id, new_id_at
from accounts.models import User
from memories.models import Memory
from memories.services import reads, writes
from memories.services.writes import NewMemory
from memories.web.list_form import get_month_after
from memories.web.presenters import MemoryRow, group_by_day
from tests.factories import session


def remember_at(user: User, text: str, moment: datetime) -> Memory:
    """Create a memory as if at that time, as imports do."""
    [memory] = writes.create_memories(session(user), [NewMemory(text, id=new_id_at(moment))])
    Memory.objects.filter(pk=memory.pk).update(created_at=moment)
    memory.refresh_from_db()
    return memory


def get_page(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_rows_are_grouped_by_day(ada: User, ada_client: Client) -> None:
    now = timezone.now()
    for text, age in (("Old.", timedelta(days=400)), ("Before.", timedelta(days=1)), ("Now.", timedelta())):
        remember_at(ada, text, now - age)
    html = get_page(ada_client, "/memories/")
    places = [html.index(part) for part in (">Today<", "Now.", ">Yesterday<", "Before.", "Old.")]
    assert places == sorted(places)
    assert html.count('class="day"') == 3


def test_next_page_repeats_no_heading(ada: User) -> None:
    first, second = (remember_at(ada, text, timezone.now()) for text in ("One.", "Two."))
    [group] = group_by_day([MemoryRow(first)], after=second.pk)
    assert (group.label, len(group.rows)) == ("", 1)


def test_months_link_into_the_list_and_keep_filters(ada: User, ada_client: Client) -> None:
    for text, moment in (
        ("March.", datetime(2026, 3, 31, 23, 30, tzinfo=UTC)),
        ("April.", datetime(2026, 4, 30, tzinfo=UTC)),
        ("June.", datetime(2026, 6, 2, tzinfo=UTC)),
    ):
        remember_at(ada, text, moment)
    User.objects.filter(pk=ada.pk).update(time_zone="Europe/Berlin")
    html = get_page(ada_client, "/memories/?visibility=private")
    assert 'href="?visibility=private&amp;month=2026-04">April 2026 <span class="side-count">2</span>' in html
    assert "month=2026-03" not in html  # 31 March in UTC, 1 April in Berlin
    april = get_page(ada_client, "/memories/?visibility=private&month=2026-04")
    assert "April." in april
    assert "March." in april
    assert "June." not in april


def test_counts_between_moments_are_exact(ada: User) -> None:
    for day in (1, 2, 2, 5):
        remember_at(ada, f"{day}", datetime(2026, 3, day, 12, tzinfo=UTC))
    bounds = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3, 6)]
    assert reads.count_memories_between(session(ada), bounds) == [1, 2, 1, 0]


@pytest.mark.parametrize("value", ["2026-13", "x", "0001-01", "9999-12"])
def test_impossible_month_is_harmless(ada: User, ada_client: Client, value: str) -> None:
    assert ada_client.get(f"/memories/?month={value}").status_code == 200


def test_ids_tell_their_time() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert abs(get_creation_time(new_id_at(moment)) - moment) < timedelta(seconds=1)
    assert get_first_id(moment) <= new_id_at(moment)
    assert get_month_after(moment).month == 4
