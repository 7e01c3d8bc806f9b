"""The fields of a memory by name: every channel selects from these, in its order and under its keys."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from memories.index import keywords
from memories.index.passages import split_passages
from memories.models import Memory
from memories.services.reads import decrypt_or_none
from memories.services.tags import get_tag_names

# Of a memory that an answer cites. Without tags: they are never public.
CITED_FIELDS = ("text", "visibility", "created_at")

NEAR_CHARACTERS = 300  # of a text, in which matching words count together

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


def excerpt_match(text: str, stems: Iterable[str], passage: int | None, characters: int) -> str:
    """Return so many characters of the text around what matched (see `find_match`)."""
    if len(text) <= characters:
        return text
    return excerpt_text(text, find_match(text, stems, passage), characters)


def find_match(text: str, stems: Iterable[str], passage: int | None = None) -> int:
    """Return where a text matches: the first of most words with one of these stems, else the start of the passage.

    passage: the number of the one that matched, from 0; only its words count.
    """
    start, end = _locate_passage(text, passage) if passage is not None else (0, len(text))
    wanted = set(stems)
    places = [
        (match.start(), found)
        for match in keywords.iter_words(text[start:end])
        if (found := wanted.intersection(keywords.extract_words(match[0])))
    ]
    if not places:
        return start
    return start + max(places, key=lambda place: (_count_words_near(places, place[0]), -place[0]))[0]


def _locate_passage(text: str, number: int) -> tuple[int, int]:
    """Return where a passage of the text starts and ends; the whole text if it has been split otherwise."""
    start = end = 0
    passages = split_passages(text)
    if number >= len(passages):
        return 0, len(text)
    for passage in passages[: number + 1]:  # one may repeat the last character of the one before
        start = text.find(passage, max(0, end - 1))
        if start < 0:
            return 0, len(text)
        end = start + len(passage)
    return start, end


def _count_words_near(places: Sequence[tuple[int, set[str]]], start: int) -> int:
    """Return how many of the stems occur within an excerpt from this place."""
    return len(set().union(*(stems for at, stems in places if start <= at < start + NEAR_CHARACTERS)))


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
