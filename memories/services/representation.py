"""The fields of a memory by name: every channel selects from these, in its order and under its keys."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Protocol

from memories.index import keywords
from memories.index.languages import Language
from memories.index.passages import split_passages
from memories.models import Memory
from memories.services.reads import decrypt_or_none
from memories.services.tags import get_tag_names

# Of a memory that an answer cites. Without tags: they are never public.
CITED_FIELDS = ("text", "visibility", "created_at", "superseded_by", "superseded_at")

NEAR_CHARACTERS = 300  # of a text, in which matching words count together

FIELDS: dict[str, Callable[[Memory], Any]] = {
    "id": lambda memory: memory.exported_id or memory.pk,
    "text": decrypt_or_none,
    "tags": get_tag_names,
    "visibility": attrgetter("visibility"),
    "expires_at": attrgetter("expires_at"),
    "deleted_at": attrgetter("deleted_at"),
    "created_at": attrgetter("created_at"),
    "updated_at": attrgetter("updated_at"),
    "written_at": attrgetter("written_at"),
    "version": attrgetter("version"),
    "source": attrgetter("visible_source"),
    "pinned": attrgetter("pinned"),
    "state": attrgetter("index_state"),
    "conversation": attrgetter("conversation"),
    "position": attrgetter("position"),
    # As the actor may see it: services/supersession.attach_links.
    "supersedes": lambda memory: memory.superseded and memory.superseded.id,
    "superseded_by": lambda memory: memory.superseded_by and memory.superseded_by.id,
    "superseded_at": lambda memory: memory.superseded_by and memory.superseded_by.created_at,
}


class Match(Protocol):
    """How a search result matched: see search.query.Hit. Only the words of its passage count, if it has one."""

    @property
    def matched(self) -> Sequence[str]: ...
    @property
    def passage(self) -> int | None: ...
    @property
    def language(self) -> Language: ...


def represent_memory(memory: Memory, names: Iterable[str], **known: Any) -> dict[str, Any]:
    """The named fields of a memory, in this order; `text` is None where the stored text cannot be decrypted.

    known: values that the caller already has, such as a shortened text.
    """
    return {name: known[name] if name in known else FIELDS[name](memory) for name in names}


def shorten_text(text: str, characters: int) -> str:
    """Return the text, truncated to so many characters and an ellipsis if it is longer."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"


def excerpt_match(text: str, match: Match, characters: int) -> str:
    """Return so many characters of the text around what matched (see `find_match`)."""
    if len(text) <= characters:
        return text
    return excerpt_text(text, find_match(text, match), characters)


def find_match(text: str, match: Match) -> int:
    """Return where a text matches: the first of most words with a matched stem, else the start of the passage."""
    start, end = _locate_passage(text, match) if match.passage is not None else (0, len(text))
    wanted = set(match.matched)
    places = [
        (word.start(), found)
        for word in keywords.iter_words(text[start:end], with_symbols=True)
        if (found := wanted.intersection(keywords.extract_words(word[0], match.language)))
    ]
    if not places:
        return start
    return start + max(places, key=lambda place: (_count_words_near(places, place[0]), -place[0]))[0]


def _locate_passage(text: str, match: Match) -> tuple[int, int]:
    """Return where the passage starts and ends in the text; the whole text if it has been split otherwise."""
    start = end = 0
    passages = split_passages(text, match.language)
    number = match.passage or 0
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
