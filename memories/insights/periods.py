"""Periods of the charts on Insights: the starts of days, months or years in the user's time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db.models import DateTimeField, F, Func, IntegerField, Value

DAYS, MONTHS = 30, 12
MAX_MONTHS = 36  # of all memories; a longer time is shown by year
MAX_YEARS = 60


class Range(StrEnum):
    """How far back the charts go."""

    DAYS = "30d"
    MONTHS = "12m"
    ALL = "all"


class Unit(StrEnum):
    """What one bar of a chart covers."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Period:
    """Consecutive days, months or years, the present one last. starts: midnights in the user's time zone."""

    unit: Unit
    starts: Sequence[datetime]

    @property
    def days(self) -> list[date]:
        """Return the first day of each."""
        return [start.date() for start in self.starts]

    def place(self, field: str) -> Func:
        """Return the number of the start that a time follows, beginning with 1; 0 before the first."""
        starts = Value(list(self.starts), output_field=ArrayField(DateTimeField()))
        return Func(F(field), starts, function="width_bucket", output_field=IntegerField())


def build_period(wanted: Range, now: datetime, first: datetime | None) -> Period:
    """Return the period of a range.

    now: in the user's time zone. first: when the user's oldest memory was created, None without memories.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if wanted == Range.DAYS:
        return Period(Unit.DAY, [today - timedelta(days=days) for days in reversed(range(DAYS))])
    if wanted == Range.MONTHS or first is None:
        return Period(Unit.MONTH, list_months(today, MONTHS))
    since = min(first.astimezone(now.tzinfo), now)
    months = (now.year - since.year) * 12 + now.month - since.month + 1
    if months <= MAX_MONTHS:
        return Period(Unit.MONTH, list_months(today, max(months, MONTHS)))
    years = min(now.year - since.year + 1, MAX_YEARS)
    first_day = today.replace(month=1, day=1)
    return Period(Unit.YEAR, [first_day.replace(year=now.year - back) for back in reversed(range(years))])


def list_months(today: datetime, count: int) -> list[datetime]:
    """Return the first days of this many months, that of `today` last, at the time of `today`."""
    present = today.year * 12 + today.month - 1
    months = range(present - count + 1, present + 1)
    return [today.replace(year=month // 12, month=month % 12 + 1, day=1) for month in months]
