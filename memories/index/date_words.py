"""Words of a memory's creation day, so that "in May 2023", "im Mai" or "в мае" finds what was saved then.

The index has month, year and weekday as tokens of their own, equal in all languages. A query's words are turned into
these by the names of months and weekdays in its language: those of Django's translations, in any form that the
language's stemmer reduces to one of them, and those of data/date-names.txt.
"""

import gettext
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

import django
from django.utils.translation import to_locale

from memories.index.keywords import UNSPACED, extract_words, guess_language, stem_words
from memories.index.languages import Language, read_sections

# As Django names them; not calendar.month_name, which depends on the process's locale.
MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
MIN_STEM = 4  # characters
PREFIX = "day:"  # words of a text have no colon

TRANSLATIONS = Path(django.__file__).parent / "conf" / "locale"
DJANGO_CODES = {"zh": "zh-hans"}
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
_BEFORE_NUMBER = (
    r"(?<![\d\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341])"  # not within a Chinese number
)

_HEBREW_PREFIXES = "\u05d1\u05dc\u05de\u05d4\u05d5"  # in, to, from, the, and: written with the word


def get_day_words(day: date) -> list[str]:
    """Return the tokens of a day: its month, year and weekday."""
    return [f"{PREFIX}{name}" for name in (f"m{day.month}", str(day.year), f"w{day.weekday()}")]


def find_day_words(text: str, language: Language) -> dict[str, set[str]]:
    """Return by stem the tokens of `get_day_words` that the words of a query stand for."""
    found: dict[str, set[str]] = defaultdict(set)
    spoken, parts = guess_language(text, language), language.parts or (language,)
    for written, (stems, *others) in stem_words(text, [spoken, *parts]):
        for part, own in zip(parts, others, strict=True) if stems else ():
            names, _ = _load_names(part)
            found[stems[0]] |= names.get(written.casefold()) or names.get(own[0] if own else "", set())
    for part in parts:
        _, phrases = _load_names(part)
        for match in phrases.finditer(_fold(text)) if phrases else ():
            for stem in extract_words(match[0], spoken):
                found[stem].add(_load_phrases(part)[match[0]])
    for stem in extract_words(text, spoken):
        if len(stem) == 4 and stem.isdecimal():
            found[stem].add(stem)
    return {stem: {PREFIX + name for name in names} for stem, names in found.items() if names}


@lru_cache(maxsize=64)
def _load_names(language: Language) -> tuple[dict[str, set[str]], re.Pattern[str] | None]:
    """Return the names of one word by form and by stem, and a pattern of the others, such as "tháng 5" or "5月".

    A short stem is not enough: that of "Marie" is that of the French "mars".
    """
    names: dict[str, set[str]] = defaultdict(set)
    for written, name in _iter_names(language.code):
        stems = extract_words(written, language)
        if len(stems) == 1 and not _is_phrase(written):
            names[written].add(name)
            if len(stems[0]) >= MIN_STEM:
                names[stems[0]].add(name)
            for prefix in _HEBREW_PREFIXES if language.code == "he" else ():
                names[prefix + written].add(name)
    phrases = sorted(_load_phrases(language), key=len, reverse=True)
    pattern = "|".join(map(re.escape, phrases))
    return dict(names), re.compile(rf"{_BEFORE_NUMBER}(?:{pattern})(?!\d)") if phrases else None


@lru_cache(maxsize=64)
def _load_phrases(language: Language) -> dict[str, str]:
    return {_fold(written): name for written, name in _iter_names(language.code) if _is_phrase(written)}


def _is_phrase(written: str) -> bool:
    """Return whether a name is not a word of its own in a text."""
    return " " in written or "-" in written or bool(_UNSPACED_CHARACTER.search(written))


def _iter_names(code: str) -> Iterator[tuple[str, str]]:
    """Return each form of the name of a month or weekday, and m1 to m12 or w0 (Monday) to w6."""
    locale = to_locale(DJANGO_CODES.get(code, code))
    names = gettext.translation("django", TRANSLATIONS, [locale], fallback=True)
    if code == "en" or isinstance(names, gettext.GNUTranslations):
        for number, month in enumerate(MONTHS, 1):
            yield names.gettext(month).casefold(), f"m{number}"
            yield names.pgettext("alt. month", month).casefold(), f"m{number}"
        for number, weekday in enumerate(WEEKDAYS):
            yield names.gettext(weekday).casefold(), f"w{number}"
    for name, *forms in read_sections("date-names.txt").get(code, ()):
        yield from ((form, name) for form in forms)
    if code in ("zh", "ja"):
        yield from ((f"{number}\u6708", f"m{number}") for number in range(1, 13))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
