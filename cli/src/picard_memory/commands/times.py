"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

import click

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Time(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """`2027-01-31`, `2027-01-31T18:00`, with an offset if not of this computer's time zone; or `30d`, `12h`, `2w`.

    is_end: a date alone means the end of that day, and a period is from now on; otherwise its start, and ago.
    """

    name = "time"

    def __init__(self, *, is_end: bool = False) -> None:
        self.is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return self._parse(str(value).strip())
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time. Write 2027-01-31, 2027-01-31T18:00 or 30d.", param, ctx)

    def _parse(self, text: str) -> datetime:
        if period := re.fullmatch(r"(\d+)([hdw])", text):
            delta = timedelta(**{UNITS[period[2]]: int(period[1])})
            now = datetime.now().astimezone()
            return now + delta if self.is_end else now - delta
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text)
            return datetime.combine(day, time.max if self.is_end else time.min).astimezone()
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return value if value.tzinfo else value.astimezone()
