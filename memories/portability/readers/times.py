"""Understand the times that other products and people write."""

# ruff: noqa: DTZ001, DTZ007 - a time as written may have no zone

import calendar
import math
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil import parser as dateutil_parser

from memories.portability.readers.foreign_dates import parse_foreign_date

EARLIEST_TIME = datetime(1800, 1, 1, tzinfo=UTC)  # earlier ones stand for "none", such as 0001-01-01
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_FROM = 86_400  # smaller numbers are counts, not times
# Numbers from these on are nanoseconds, microseconds and milliseconds: as seconds they would be in the year 5138.
UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
CLOCK_SKEW = timedelta(days=1)  # how far ahead another computer's clock may be
MAX_CHARACTERS = 80
NO_EXPIRY = frozenset({"", "never", "none", "null", "no", "-"})
END_OF_DAY = time(23, 59, 59)

YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
NUMERIC_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}\b")
PHOTO_DATE = re.compile(r"^(\d{4}):(\d\d):(\d\d)")  # as cameras write it
ZONE_NAME = re.compile(r" ?(?:\([^()]*\)|\[[^\[\]]*\])$")  # after an offset, as JavaScript and Java write it
OFFSET_OF_GMT = re.compile(r"\b(?:GMT|UTC) ?(?=[+-]\d)")
DOTNET_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
DIGITS = re.compile(r"\d{8,19}")
COMPACT_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
# Clock names that texts use; those that mean several zones have the meaning that most writers give them.
ZONE_HOURS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2,
    "EEST": 3, "MSK": 3, "IST": 5.5, "SGT": 8, "HKT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12,
    "NZDT": 13, "AKST": -9, "AKDT": -8, "HST": -10, "PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5,
    "EST": -5, "EDT": -4, "BRT": -3,
}  # fmt: skip
ZONE_SECONDS = {name: int(hours * 3_600) for name, hours in ZONE_HOURS.items()}
MONTH_FIRST_ZONES = re.compile(
    r"US/|America/(?:New_York|Chicago|Denver|Los_Angeles|Phoenix|Anchorage|Juneau|Sitka|Nome|Adak|Boise|Detroit|"
    r"Menominee|Indiana/|Kentucky/|North_Dakota/|Puerto_Rico)|Pacific/Honolulu|Asia/Manila"
)
# Two dates that differ in each part: a part in which the results differ is not in the text.
DEFAULTS = (datetime(1804, 1, 1), datetime(1808, 2, 2, 13, 13, 13, 13))


class Precision(IntEnum):
    """How exactly a text tells a time."""

    MONTH = 1
    DAY = 2
    TIME = 3


class ParsedTime(NamedTuple):
    """A time as written: without zone if the text has none."""

    time: datetime
    precision: Precision


def parse_time(value: object, zone: tzinfo = UTC, *, local: bool = False) -> datetime | None:
    """Return the time in UTC, or None for what cannot be understood.

    Understood are ISO 8601, seconds to nanoseconds since 1970 (also as text), RFC 5322, dates as people write them in
    many languages, and MongoDB's {"$date": ...}. A date alone is the start of that day in `zone`, a month alone that of
    its first day. A time without zone is UTC, or in `zone` if local. A date such as 05/06/2024 is understood where the
    zone tells which is the month. A time in the future is not: no memory can have been written then.
    """
    parsed = _parse(value, zone)
    if parsed is None:
        return None
    moment = _to_utc(parsed, zone if local or parsed.precision < Precision.TIME else UTC)
    now = datetime.now(UTC)
    if moment is None or moment == EPOCH or not EARLIEST_TIME <= moment <= now + CLOCK_SKEW:
        return None
    return min(moment, now)


def parse_expiry(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Return the end of a memory's validity in UTC, None for one without end.

    A date or month alone ends with it, in `zone`. Raises ValueError for what cannot be understood: the memory must not
    be taken for one without end.
    """
    if value is None or value is False or value == 0:
        return None
    if isinstance(value, str) and value.strip().lower() in NO_EXPIRY:
        return None
    parsed = _parse(value, zone)
    if parsed is None:
        raise ValueError("the expiry is not a time")
    end = parsed.time
    if parsed.precision is Precision.MONTH:
        end = end.replace(day=calendar.monthrange(end.year, end.month)[1])
    if parsed.precision < Precision.TIME:
        end = datetime.combine(end, END_OF_DAY)
    moment = _to_utc(ParsedTime(end, parsed.precision), zone if parsed.precision < Precision.TIME else UTC)
    if moment is None:
        raise ValueError("the expiry is out of range")
    return moment


def pick_time(
    values: Iterable[object], zone: tzinfo = UTC, *, local: bool = False
) -> tuple[datetime | None, tuple[str, ...]]:
    """Return the first of several values that is understood, and the notes of an item with it (`undated`)."""
    given = [value for value in values if value not in (None, "")]
    times = (parse_time(value, zone, local=local) for value in given)
    found = next((moment for moment in times if moment), None)
    return found, ("undated",) if given and found is None else ()


def _to_utc(parsed: ParsedTime, zone: tzinfo) -> datetime | None:
    moment = parsed.time if parsed.time.tzinfo else parsed.time.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _parse(value: object, zone: tzinfo) -> ParsedTime | None:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        return _parse(inner, zone) if key in ("$date", "$numberLong", "$numberDouble") else None
    try:
        if isinstance(value, datetime):
            return ParsedTime(value, Precision.TIME)
        if isinstance(value, date):
            return ParsedTime(datetime.combine(value, time()), Precision.DAY)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _parse_number(value)
        if isinstance(value, str) and len(value) <= MAX_CHARACTERS:
            return _parse_text(" ".join(value.split()), _has_month_first(zone))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _parse_number(number: float) -> ParsedTime | None:
    if not math.isfinite(number) or abs(number) < SECONDS_FROM:
        return None
    unit = next((unit for start, unit in UNITS if abs(number) >= start), 1)
    return ParsedTime(EPOCH + timedelta(seconds=number / unit), Precision.TIME)


def _has_month_first(zone: tzinfo) -> bool | None:
    """Return whether 05/06/2024 is May 6 where people live in this zone; None where that is not known."""
    name = zone.key if isinstance(zone, ZoneInfo) else ""
    if MONTH_FIRST_ZONES.match(name):
        return True
    is_known = "/" in name and not name.startswith(("America/", "Etc/", "Canada/"))
    return False if is_known else None


def _parse_text(text: str, month_first: bool | None) -> ParsedTime | None:
    if DIGITS.fullmatch(text):
        form = COMPACT_FORMATS.get(len(text))
        if form is None:
            return _parse_number(int(text))
        return ParsedTime(datetime.strptime(text, form), Precision.DAY if len(text) == 8 else Precision.TIME)
    if match := DOTNET_DATE.fullmatch(text):
        return _parse_number(int(match[1]) / 1_000)
    text = ZONE_NAME.sub("", text)
    with suppress(ValueError):
        precision = Precision.TIME if ":" in text or len(text) > 10 else Precision.DAY
        return ParsedTime(datetime.fromisoformat(text), precision)
    with suppress(ValueError):
        return _parse_number(float(text))
    return _parse_written(text, month_first)


@lru_cache(maxsize=4_096)
def _parse_written(text: str, month_first: bool | None) -> ParsedTime | None:
    if not YEAR.search(text):
        return None
    if text[:3].isalpha() and "," in text[:5]:
        with suppress(ValueError):
            return ParsedTime(parsedate_to_datetime(text), Precision.TIME)
    day_first = not YEAR.match(text)
    if match := NUMERIC_DATE.search(text):
        first, second = int(match[1]), int(match[2])
        if first <= 12 and second <= 12 and first != second and month_first is None:
            return None
        day_first = first > 12 if first > 12 or second > 12 else not month_first
    if (parsed := _parse_english(text, day_first)) is not None:
        return parsed
    foreign = parse_foreign_date(text, day_first=day_first)
    return foreign and ParsedTime(foreign[0], Precision.TIME if foreign[1] else Precision.DAY)


def _parse_english(text: str, day_first: bool) -> ParsedTime | None:
    """Parse dates with numbers or English names; refuses texts with other words."""
    text = OFFSET_OF_GMT.sub("", text)  # else the sign would be read as POSIX does
    text = PHOTO_DATE.sub(r"\1-\2-\3", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a zone that is not known
            one, other = (
                dateutil_parser.parse(text, default=default, dayfirst=day_first, tzinfos=ZONE_SECONDS)
                for default in DEFAULTS
            )
    except (ValueError, OverflowError, TypeError, AttributeError, Warning):
        return None
    if one.year != other.year or one.month != other.month:
        return None
    if one.day != other.day:
        return ParsedTime(datetime(one.year, one.month, 1), Precision.MONTH)
    if one.hour != other.hour:
        return ParsedTime(datetime(one.year, one.month, one.day), Precision.DAY)
    return ParsedTime(one, Precision.TIME)
