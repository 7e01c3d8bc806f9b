"""The age of a memory: relative for a week, then a date."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from memories.web.presenters import format_age


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(0), "now"),
        (-timedelta(minutes=5), "now"),  # from a machine whose clock is ahead
        (timedelta(minutes=1, seconds=10), "a minute ago"),
        (timedelta(minutes=59, seconds=10), "59 minutes ago"),
        (timedelta(hours=3, seconds=10), "3 hours ago"),
        (timedelta(days=1, seconds=10), "1 day ago"),
        (timedelta(days=6, hours=2, seconds=10), "6 days, 2 hours ago"),
    ],
)
def test_recent_age_is_relative(age: timedelta, text: str) -> None:
    assert format_age(timezone.now() - age).replace("\xa0", " ") == text


def test_age_after_a_week_is_a_date() -> None:
    moment = timezone.now() - timedelta(days=7, seconds=1)
    assert format_age(moment) == date_format(timezone.localtime(moment), "j M Y")
