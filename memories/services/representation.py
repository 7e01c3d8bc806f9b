"""The fields of a memory by name: every channel selects from these, in its order and under its keys."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from memories.index import keywords
from memories.models import Memory
from memories.services.reads import decrypt_or_none
from memories.services.tags import get_tag_names

# Of a memory that an answer cites. Without tags: they are never public.
CITED_FIELDS = ("text", "visibility", "created_at")

FIELDS: dict[str, Callable[[Memory], Any]] = {
    "id": attrgetter("pk"),
    "text": decrypt_or_none,
    "tags": get_tag_names,
    "visibility": attrgetter("visibility"),
    "expires_at": attrgetter("expires_at"),
    "deleted_at": attrgetter("deleted_at"),
    "created_at": attrgetter("created_at"),
    "updated_at": attrgetter("updated_at"),
    "written_at": attrgetter("written_at"),
    "version": attrgetter("version"),
    "source": attrgetter("source"),
    "state": attrgetter("index_state"),
    "conversation": attrgetter("conversation"),
    "position": attrgetter("position"),
}


def represent_memory(memory: Memory, names: Iterable[str], **known: Any) -> dict[str, Any]:
    """The named fields of a memory, in this order; `text` is None where the stored text cannot be decrypted.

    known: values that the caller already has, such as a shortened text.
    """
    return {name: known[name] if name in known else FIELDS[name](memory) for name in names}


def shorten_text(text: str, characters: int) -> str:
    """Return the text, truncated to so many characters and an ellipsis if it is longer."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"


def find_first_word(text: str, stems: Iterable[str]) -> int:
    """Return where the text first has a word with one of these stems, 0 without one."""
    wanted = set(stems)
    places = (
        match.start()
        for match in keywords.iter_words(text)
        if wanted.intersection(keywords.extract_words(match[0]))
    )
    return next(places, 0) if wanted else 0


def excerpt_text(text: str, around: int, characters: int) -> str:
    """Return so many characters of the text, with an ellipsis where it is cut, including the place `around`."""
    if len(text) <= characters:
        return text
    start = max(0, min(around - characters // 4, len(text) - characters))
    end = start + characters
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


def find_largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number that fits, by bisection; `low` if none does."""
    if high <= low or fits(high):
        return max(low, high)
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
