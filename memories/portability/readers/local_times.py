"""Times as pages of activities write them: in many languages, with a clock, and by the thousand."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from memories.portability.readers.times import ZONE_SECONDS, parse_time

CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
NUMBER = re.compile(r"\d{1,4}")
WORD = re.compile(r"[^\W\d_]+")
OFFSET = re.compile(r"([+−-])(\d{1,2}):?(\d{2})?\b")
LATIN_HALF = re.compile(r"\b([ap])\.? ?m\b\.?", re.IGNORECASE)
# Which half of the day, in scripts that do not write it as AM and PM.
MORNINGS, AFTERNOONS = ("上午", "午前", "오전", "ص"), ("下午", "午後", "오후", "م")
MAX_CHARACTERS = 80
MAX_WORDS = 100  # looked up; a file has the names of twelve months


class LocalTimes:
    """Reads the times of one file. What a word for a month means is looked up once, which takes milliseconds."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._months: dict[str, int] = {}

    def parse(self, text: str) -> datetime | None:
        """Return the time in UTC; one whose zone is not given or not known is that of the owner."""
        text = " ".join(text[:MAX_CHARACTERS].split())
        clock = CLOCK.search(text)
        if clock is None:
            return parse_time(text, self._zone, local=True)
        before, after = text[: clock.start()], text[clock.end() :]
        try:
            day = self._parse_day(before)
            hour = _parse_hour(int(clock[1]), before, after)
            moment = day and day.replace(hour=hour, minute=int(clock[2]), second=int(clock[3] or 0))
        except ValueError:
            return None
        return parse_time(moment and moment.replace(tzinfo=self._find_zone(after)))

    def _parse_day(self, text: str) -> datetime | None:
        numbers = NUMBER.findall(text)
        if len(numbers) == 3 and len(numbers[0]) == 4:
            year, month, day = map(int, numbers)
        elif len(numbers) == 3 and "." in text:
            day, month, year = map(int, numbers)
        elif len(numbers) == 3:  # which is the month depends on where the owner lives
            moment = parse_time("/".join(numbers), self._zone)
            local = moment and moment.astimezone(self._zone)
            return local and datetime(local.year, local.month, local.day, tzinfo=UTC)
        elif len(numbers) == 2:
            day, year = sorted(map(int, numbers))
            month = self._find_month(text)
        else:
            return None
        return datetime(year, month, day, tzinfo=UTC)

    def _find_month(self, text: str) -> int:
        """Return the month that a word of the text means; raises ValueError for none."""
        for word in sorted(set(WORD.findall(text)), key=len, reverse=True):
            if word not in self._months and len(self._months) < MAX_WORDS:
                moment = parse_time(f"15 {word} 2024")
                self._months[word] = moment.month if moment else 0
            if month := self._months.get(word):
                return month
        raise ValueError("no month")

    def _find_zone(self, text: str) -> tzinfo:
        if match := OFFSET.search(text):
            offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            return timezone(offset if match[1] == "+" else -offset)
        seconds = next((ZONE_SECONDS[word] for word in WORD.findall(text) if word in ZONE_SECONDS), None)
        return self._zone if seconds is None else timezone(timedelta(seconds=seconds))


def _parse_hour(hour: int, before: str, after: str) -> int:
    half = LATIN_HALF.search(after)
    is_afternoon = (half is not None and half[1] in "pP") or any(
        word in before + after for word in AFTERNOONS
    )
    is_morning = half is not None or any(word in before + after for word in MORNINGS)
    if is_afternoon:
        return hour + 12 if hour < 12 else hour
    return 0 if is_morning and hour == 12 else hour
