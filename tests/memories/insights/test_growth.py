"""Growth: memories by day, month and year of the user's time zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.actor import InsufficientScope
from accounts.models import User
from memories.insights.app_days import list_app_activity
from memories.insights.growth import count_growth, get_first_time
from memories.insights.periods import Period, Range, Unit, build_period
from memories.insights.tag_trends import count_tags
from memories.insights.unsettled_pairs import find_unsettled
from memories.models import IndexState, Memory
from memories.services import writes
from tests.factories import app, remember, session

NOW = datetime(2026, 3, 15, 12, tzinfo=ZoneInfo("Asia/Tokyo"))


def remember_at(user: User, text: str, moment: datetime, **fields: object) -> Memory:
    memory = remember(user, text, **fields)
    Memory.objects.filter(pk=memory.pk).update(created_at=moment)
    return memory


def test_memory_counts_on_the_day_of_the_users_time_zone(ada: User) -> None:
    period = build_period(Range.DAYS, NOW, None)
    remember_at(ada, "Late.", datetime(2026, 3, 13, 14, 59, tzinfo=UTC))  # 23:59 in Tokyo
    remember_at(ada, "Early.", datetime(2026, 3, 13, 15, 0, tzinfo=UTC))  # midnight of the next day
    saved = dict(zip(period.days, count_growth(session(ada), period).saved, strict=True))
    assert {day.isoformat(): count for day, count in saved.items() if count} == {
        "2026-03-13": 1,
        "2026-03-14": 1,
    }


def test_growth_counts_what_the_list_shows(ada: User, bob: User) -> None:
    """Superseded memories stay; those in the trash, expired ones and other users' do not count."""
    older = remember(ada, "I live in Oslo.")
    remember(ada, "I live in Bergen.", supersedes=older.pk)
    writes.trash_memory(session(ada), remember(ada, "Trashed.").pk)
    expired = remember(ada, "Expired.", expires_at=timezone.now() + timedelta(days=1))
    Memory.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    remember(bob, "Public.", visibility="public")
    growth = count_growth(session(ada), build_period(Range.MONTHS, timezone.now(), None))
    assert (growth.total, growth.saved[-1], growth.before) == (2, 2, 0)


def test_totals_begin_with_what_was_there_before(ada: User) -> None:
    remember_at(ada, "Old.", NOW - timedelta(days=400))
    remember_at(ada, "New.", NOW - timedelta(days=20))
    growth = count_growth(session(ada), build_period(Range.MONTHS, NOW, None))
    assert (growth.before, growth.totals) == (1, [1] * 10 + [2, 2])


def test_growth_tells_how_many_are_indexed(ada: User) -> None:
    memories = [remember(ada, f"{n}.") for n in range(4)]
    Memory.objects.filter(pk=memories[0].pk).update(index_state=IndexState.FAILED)
    Memory.objects.filter(pk=memories[1].pk).update(index_state=IndexState.READY)
    growth = count_growth(session(ada), build_period(Range.DAYS, timezone.now(), None))
    assert (growth.indexed, growth.pending, growth.failed) == (1, 2, 1)


@pytest.mark.parametrize(
    ("age_days", "unit", "count"), [(0, Unit.MONTH, 12), (700, Unit.MONTH, 24), (3000, Unit.YEAR, 10)]
)
def test_all_time_is_shown_by_month_and_a_long_time_by_year(age_days: int, unit: Unit, count: int) -> None:
    period = build_period(Range.ALL, NOW, NOW - timedelta(days=age_days))
    assert (period.unit, len(period.starts)) == (unit, count)
    assert period.starts[-1] <= NOW


def test_days_begin_at_midnight_when_clocks_change() -> None:
    now = datetime(2026, 4, 10, 12, tzinfo=ZoneInfo("Europe/Stockholm"))
    starts = build_period(Range.DAYS, now, None).starts
    assert {start.hour for start in starts} == {0}
    assert {start.utcoffset() for start in starts} == {timedelta(hours=1), timedelta(hours=2)}


def test_first_time_is_that_of_the_oldest_memory(ada: User) -> None:
    assert get_first_time(session(ada)) is None
    remember(ada, "New.")
    old = remember_at(ada, "Old.", NOW - timedelta(days=5_000))
    old.refresh_from_db()
    assert get_first_time(session(ada)) == old.created_at


def test_tags_are_counted_for_each_memory_with_them(ada: User) -> None:
    period = build_period(Range.MONTHS, timezone.now(), None)
    remember(ada, "One.", tags=["home", "food"])
    remember(ada, "Two.", tags=["home"])
    remember_at(ada, "Before.", timezone.now() - timedelta(days=500), tags=["old"])
    writes.trash_memory(session(ada), remember(ada, "Trashed.", tags=["food"]).pk)
    for number in range(3):
        remember(ada, f"Another {number}.", tags=["a", "b"])
    trends = count_tags(session(ada), period).trends
    assert [(each.tag and each.tag.name, each.counts[-1]) for each in trends] == [
        ("a", 3), ("b", 3), ("home", 2), ("food", 1)
    ]  # fmt: skip


def test_tags_beyond_the_most_frequent_are_counted_together(ada: User) -> None:
    for number in range(7):
        remember(ada, f"{number}.", tags=[f"tag {each}" for each in range(number, 7)])
    trends = count_tags(session(ada), build_period(Range.DAYS, timezone.now(), None)).trends
    assert [each.tag and each.tag.name for each in trends] == ["tag 6", "tag 5", "tag 4", "tag 3", None]
    assert trends[-1].counts[-1] == 3 + 2 + 1


def test_an_app_cannot_read_insights(ada: User) -> None:
    period = Period(Unit.DAY, [NOW])
    calls: list[Callable[[], object]] = [
        lambda: get_first_time(app(ada)),
        lambda: count_growth(app(ada), period),
        lambda: count_tags(app(ada), period),
        lambda: list_app_activity(app(ada), period),
        lambda: find_unsettled(app(ada)),
    ]
    for call in calls:
        with pytest.raises(InsufficientScope):
            call()
