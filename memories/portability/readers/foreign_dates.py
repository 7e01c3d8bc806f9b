"""Dates with the names of months in other languages than English."""

import re
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from core.languages import NAMES

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

WORD = re.compile(r"[^\W\d_]+")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MIN_DATE_CHARACTERS = 5  # besides words: the digits of a day and a year


def parse_foreign_date(text: str, *, day_first: bool) -> tuple[datetime, bool] | None:
    """Return a time, without zone if the text has none, and whether the text tells the time of day; None for others.

    Most texts that are no dates are refused by their words: to find out that no language has them takes 50 ms.
    """
    words = WORD.findall(text.casefold())
    if len(WORD.sub("", text)) < MIN_DATE_CHARACTERS or not _load_month_names().intersection(words):
        return None
    data = _get_parser(day_first).get_date_data(text)
    return None if data.date_obj is None else (data.date_obj, data.period == "time")


@cache
def _load_month_names() -> frozenset[str]:
    """Load the names of months, as single words, of the languages that users can choose."""
    names = {
        name.casefold()
        for language in _list_languages()
        for month in MONTHS
        for name in import_module(f"dateparser.data.date_translation_data.{language}").info.get(month, ())
    }
    return frozenset(word for name in names for word in WORD.findall(name))


@cache
def _list_languages() -> list[str]:
    from dateparser.data.languages_info import language_order

    return [
        language for language in language_order if language.partition("-")[0] in NAMES and "-" not in language
    ]


@cache
def _get_parser(day_first: bool) -> "DateDataParser":
    from dateparser.date import DateDataParser  # takes 0.1 s; only dates in other languages need it

    return DateDataParser(
        languages=_list_languages(),
        try_previous_locales=True,
        settings={
            "REQUIRE_PARTS": ["day", "month", "year"],
            "PARSERS": ["absolute-time"],
            "DATE_ORDER": "DMY" if day_first else "MDY",
            "RETURN_TIME_AS_PERIOD": True,
        },
    )
