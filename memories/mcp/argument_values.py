"""Values of arguments as language models write them: empty ones, lists and numbers as text, dates."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from pydantic_core import PydanticCustomError, from_json

from memories.validation.limits import split_tags

# Optional arguments with these texts are omitted ones. A required one may have them: they can be searched for.
EMPTY_WORDS = frozenset({"null", "none", "undefined"})
NEVER = "never"
MAX_DIGITS = 18  # longer numbers, such as 1e999999, are not converted
QUOTES = "\"'“”"
TIME_FORMS: Final = "Use a date such as 2026-12-01, or a date and time such as 2026-12-01T10:00:00Z"

_ID_PATTERN = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_PLAIN_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def is_omitted(value: object) -> bool:
    """Return whether an optional argument with this value is not given."""
    return is_blank(value) or (isinstance(value, str) and value.strip().lower() in EMPTY_WORDS)


def select_given(
    arguments: Mapping[str, object], *, required: Collection[str], lists: Collection[str]
) -> dict[str, object]:
    """Return the arguments that are given. A list without a usable item is omitted too, unless it is `[]`.

    required: the names of the required argument, of which one may be a word such as "null".
    """
    has_required = any(name in required and not is_omitted(value) for name, value in arguments.items())
    given = {
        name: split_list(value) if name in lists and not is_empty_list(value) else value
        for name, value in arguments.items()
        if not (is_blank(value) if name in required and not has_required else is_omitted(value))
    }
    return {name: value for name, value in given.items() if value != [] or is_empty_list(arguments[name])}


def is_empty_list(value: object) -> bool:
    """Return whether the value is `[]`, also as JSON text."""
    return value == [] or (isinstance(value, str) and value.replace(" ", "") == "[]")


def split_list(value: object) -> object:
    """Return the items of a list, of the JSON text of a list, or of text with commas; other values as they are.

    A tag cannot contain a comma, so nothing else can be meant by one.
    """
    if isinstance(value, str):
        value = _parse_list(value)
    if not isinstance(value, list):
        return value
    items: list[object] = []
    for item in value:
        if isinstance(item, str) and item.strip().startswith("["):
            nested = _parse_list(item)
            items += nested if isinstance(nested, list) else [nested]
        else:
            items.append(item)
    cleaned = map(_clean_item, items)
    return [item for item in cleaned if not is_omitted(item)]


def _parse_list(text: str) -> object:
    try:
        parsed = from_json(text)
    except ValueError:
        parsed = text
    if isinstance(parsed, list | dict):
        return parsed
    return split_tags(text.strip().removeprefix("[").removesuffix("]"))


def _clean_item(item: object) -> object:
    if isinstance(item, str):
        return item.strip().strip(QUOTES).strip()
    return str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item


def extract_id(value: object) -> object:
    """Return the ID in a URL (memory://..., or the page of a memory)."""
    match = _ID_PATTERN.search(value) if isinstance(value, str) else None
    return match.group() if match else value


def parse_integer(value: object) -> int:
    """Return a whole number, also from text and from 10.0."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value).strip())
            if number.adjusted() < MAX_DIGITS and number == int(number):
                return int(number)
        except (ArithmeticError, ValueError):
            pass
    raise PydanticCustomError("whole_number", "Use a whole number, such as 10.")


def parse_time(value: object) -> date:
    """Return a date, or a date and time with or without offset."""
    moment = _parse_iso_time(value)
    if moment is None:
        raise PydanticCustomError("time", f"{TIME_FORMS}.")
    return moment


def parse_expiry(value: object) -> date | str:
    """Return the time, or NEVER."""
    if isinstance(value, str) and value.strip().lower() == NEVER:
        return NEVER
    moment = _parse_iso_time(value)
    if moment is None:
        raise PydanticCustomError("expiry", f"{TIME_FORMS}, or “{NEVER}”.")
    return moment


def _parse_iso_time(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    text = value.strip().upper()
    if text.endswith((" UTC", " GMT")):
        text = f"{text[:-4]}Z"
    try:
        if match := _PLAIN_DATE.fullmatch(text):
            return date(*map(int, match.groups()))
        return datetime.fromisoformat(text)
    except ValueError:
        return None
