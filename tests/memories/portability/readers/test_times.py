"""Times are understood in all forms that products and people write, and never guessed."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memories.portability.readers import foreign_dates
from memories.portability.readers.times import parse_expiry, parse_time, pick_time

BRUSSELS = ZoneInfo("Europe/Brussels")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())

MOMENTS = (
    "2024-05-06T07:08:09Z", "2024-05-06T09:08:09+02:00", "2024-05-06T09:08:09+0200", "2024-05-06 09:08:09 +0200",
    "2024-05-06T07:08:09", "2024-05-06 07:08:09 UTC", "2024-05-06 07:08:09.000000000 +0000", "20240506T070809Z",
    "20240506070809", "2024-05-06T09:08:09+02:00[Europe/Berlin]", "2024/05/06 07:08:09", "2024:05:06 07:08:09",
    SECONDS, float(SECONDS), SECONDS * 1_000, SECONDS * 1_000_000, SECONDS * 10**9, str(SECONDS), f"{SECONDS}000",
    f"{SECONDS}.0", {"$date": "2024-05-06T07:08:09Z"}, {"$date": {"$numberLong": f"{SECONDS}000"}},
    "Mon, 06 May 2024 09:08:09 +0200", "Mon, 06 May 2024 07:08:09 GMT", "Mon May  6 07:08:09 2024",
    "Mon May 06 2024 09:08:09 GMT+0200 (Central European Summer Time)", "May 6, 2024, 12:08:09 AM PDT",
    "6. Mai 2024, 09:08:09 MESZ", "6 mai 2024 à 09:08:09 CEST", "6 мая 2024 г., 10:08:09 MSK",
)  # fmt: skip
DAYS = (
    "2024-05-06", "20240506", "2024/05/06", "May 6, 2024", "6 May 2024", "06-May-2024", "6.5.2024", "06.05.2024",
    "6 de mayo de 2024", "6 mei 2024", "2024年5月6日", "6 मई 2024", "٦ مايو ٢٠٢٤",
)  # fmt: skip
NOT_UNDERSTOOD: tuple[Any, ...] = (
    None, "", "unknown", "now", "yesterday", "2024", "12", 12, True, [], {}, {"$date": None}, float("nan"),
    "2999-01-01", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2024-13-45", "chapter 2024 verse", "x" * 1_000,
    10**400, "9" * 5_000,
)  # fmt: skip


@pytest.mark.parametrize("value", MOMENTS, ids=str)
def test_moment_is_understood_in_any_form(value: Any) -> None:
    assert parse_time(value, BRUSSELS) == MOMENT


@pytest.mark.parametrize("value", DAYS, ids=str)
def test_day_alone_is_that_day_where_the_owner_lives(value: str) -> None:
    for zone in (BRUSSELS, LOS_ANGELES):
        moment = parse_time(value, zone)
        assert moment is not None
        assert moment.astimezone(zone).date().isoformat() == "2024-05-06"
        assert moment.astimezone(zone).hour == 0


@pytest.mark.parametrize("value", NOT_UNDERSTOOD, ids=lambda value: repr(value)[:20])
def test_what_is_not_understood_is_not_guessed(value: Any) -> None:
    assert parse_time(value, BRUSSELS) is None


def test_month_alone_is_its_first_day() -> None:
    assert parse_time("2024-05") == parse_time("May 2024") == datetime(2024, 5, 1, tzinfo=UTC)


def test_years_before_1970_are_understood() -> None:
    assert parse_time("1965-05-04") == datetime(1965, 5, 4, tzinfo=UTC)


def test_time_without_zone_is_local_where_people_write_it() -> None:
    local = datetime(2024, 5, 6, 7, 8, tzinfo=BRUSSELS)
    assert parse_time("May 6, 2024 7:08 AM", BRUSSELS, local=True) == local
    assert parse_time("2024-05-06T07:08Z", BRUSSELS, local=True) == local + timedelta(hours=2)


def test_order_of_day_and_month_follows_the_zone_or_the_numbers() -> None:
    assert parse_time("05/06/2024", LOS_ANGELES) == datetime(2024, 5, 6, tzinfo=LOS_ANGELES)
    assert parse_time("05/06/2024", BRUSSELS) == datetime(2024, 6, 5, tzinfo=BRUSSELS)
    assert parse_time("05/06/2024", UTC) is None
    assert parse_time("13/06/2024", LOS_ANGELES) == datetime(2024, 6, 13, tzinfo=LOS_ANGELES)
    assert parse_time("06/13/2024", BRUSSELS) == datetime(2024, 6, 13, tzinfo=BRUSSELS)


def test_clock_that_is_a_little_fast_is_now() -> None:
    ahead = datetime.now(timezone(timedelta(hours=9))) + timedelta(hours=1)
    moment = parse_time(ahead.isoformat())
    assert moment is not None
    assert moment < ahead


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("2027-12-31", datetime(2027, 12, 31, 23, 59, 59, tzinfo=LOS_ANGELES)),
        ("Dec 31, 2027", datetime(2027, 12, 31, 23, 59, 59, tzinfo=LOS_ANGELES)),
        ("2027-02", datetime(2027, 2, 28, 23, 59, 59, tzinfo=LOS_ANGELES)),
        ("2027-12-31T10:00:00+01:00", datetime(2027, 12, 31, 9, tzinfo=UTC)),
        ("2027-12-31T10:00:00", datetime(2027, 12, 31, 10, tzinfo=UTC)),
        (None, None),
        ("", None),
        ("never", None),
    ],
)
def test_expiry_of_a_day_is_its_end(value: Any, end: datetime | None) -> None:
    assert parse_expiry(value, LOS_ANGELES) == end


@pytest.mark.parametrize("value", ["soon", "05/06/2027", "next week", [], {"a": 1}, "9999-99-99", True])
def test_expiry_that_is_not_understood_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="expiry"):
        parse_expiry(value)


def test_first_of_several_times_that_is_understood_is_taken() -> None:
    assert pick_time([None, "", "soon", "2024-05-06T07:08:09Z"]) == (MOMENT, ())
    assert pick_time(["soon"]) == (None, ("undated",))
    assert pick_time([None, ""]) == (None, ())


def test_words_that_are_no_date_are_refused_by_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of remarks must not be looked up in all languages."""
    monkeypatch.delattr(foreign_dates, "_get_parser")
    assert {parse_time(f"remark {number} of 2024") for number in range(1_000)} == {None}
