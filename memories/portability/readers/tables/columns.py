"""Which columns a table has, and what each is for."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from memories.portability.readers.tables import column_names as known

SEPARATORS = re.compile(r"[\s_]+")
WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")  # in "createdAt"


@dataclass(frozen=True)
class Columns:
    """The places of the columns of a table. text: None if it is not known which holds the texts.

    states: those that may say that a row is deleted or archived. rest: those that nothing else is read from.
    details: those with more text, told below it.
    """

    names: tuple[str, ...]
    text: int | None = None
    title: int | None = None
    tags: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    end: int | None = None
    visibility: int | None = None
    own_id: int | None = None
    supersedes: int | None = None
    pinned: int | None = None
    role: int | None = None
    details: tuple[int, ...] = ()
    trashed: tuple[int, ...] = ()
    archived: tuple[int, ...] = ()
    states: tuple[int, ...] = ()
    rest: tuple[int, ...] = field(default=())


def normalize_name(name: str) -> str:
    """Return the name of a column for comparisons: "Created_At " is "created at"."""
    return SEPARATORS.sub(" ", WORD_START.sub(" ", name.strip(" \ufeff\"'*:\t"))).casefold()


def find_columns(header: Sequence[str], choice: str = "") -> Columns:
    """Return what the columns of a table are for. choice: the name or number of the column with the texts."""
    names = [normalize_name(name) for name in header]
    chosen = resolve_choice(header, choice)
    text = _find_text(names) if chosen is None else chosen
    taken = {text}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)

    def find(*candidates: str) -> tuple[int, ...]:
        found = tuple(place for name in candidates for place in places.get(name, ()) if place not in taken)
        taken.update(found)
        return found

    ends, trashed, archived = find(*known.ENDS), find(*known.TRASHED), find(*known.ARCHIVED)
    visibility, supersedes, own_ids = find("visibility"), find("supersedes"), find("id", "uuid", "guid")
    pinned = find("pinned") if visibility and supersedes else ()  # elsewhere it is a sign of another product
    roles, tags = find(*known.ROLES), find(*known.TAGS)
    times, titles = find(*known.TIMES) + find(*known.UPDATES), find(*known.TITLES)
    details = find(*known.NOTES) + find(*known.TEXTS)
    find(*known.TECHNICAL)
    return Columns(
        tuple(header),
        text,
        _first(titles),
        tuple(sorted(tags)),
        times,
        _first(ends),
        _first(visibility),
        _first(own_ids),
        _first(supersedes),
        _first(pinned),
        _first(roles),
        tuple(sorted(details)),
        trashed,
        archived,
        tuple(place for place, name in enumerate(names) if name in known.STATES and place not in taken),
        tuple(
            place
            for place in range(len(names))
            if place not in taken or place in titles[1:] or place in ends[1:] or place in roles[1:]
        ),
    )


def resolve_choice(header: Sequence[str], choice: str) -> int | None:
    """Return the column with this name in any case, or with this number from 1 on; None if there is none."""
    wanted = normalize_name(choice)
    if not wanted:
        return None
    names = [normalize_name(name) for name in header]
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    return None


def count_known(header: Iterable[str]) -> int:
    """Return how many columns have a known name."""
    return sum(normalize_name(name) in _ALL for name in header)


def _find_text(names: Sequence[str]) -> int | None:
    if _FIGURES.intersection(names):
        return None
    for name in known.TEXTS:
        if name in names:
            return names.index(name)
    if all(name in _GO_WITH_NOTES for name in names if name):
        return next((names.index(name) for name in known.NOTES if name in names), None)
    return None


def _first(places: Sequence[int]) -> int | None:
    return places[0] if places else None


_FIGURES = frozenset(known.FIGURES)
_GO_WITH_NOTES = frozenset((
    *known.TEXTS, *known.NOTES, *known.TITLES, *known.TAGS, *known.TIMES, *known.UPDATES, *known.ENDS,
    *known.TECHNICAL, *known.ASIDES, *known.TRASHED, *known.ARCHIVED, "visibility", "supersedes",
))  # fmt: skip
_ALL = _GO_WITH_NOTES | frozenset(known.ROLES)
