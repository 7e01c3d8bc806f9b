"""What the server answers, as frozen dataclasses. Fields of newer servers that are not here are ignored.

IDs are strings (UUIDs), times are aware datetimes. docs/openapi.yaml describes each field.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from picard_memory.errors import FieldError, UnexpectedAnswerError

T = TypeVar("T")


@dataclass(frozen=True)
class Memory:
    """A memory. text: None if the server cannot decrypt it; version: also its ETag."""

    id: str
    text: str | None
    visibility: str
    tags: tuple[str, ...]
    expires_at: datetime | None
    supersedes: str | None
    superseded_by: str | None
    superseded_at: datetime | None
    version: int
    source: str
    state: str
    created_at: datetime
    updated_at: datetime
    pinned: bool = False


@dataclass(frozen=True)
class PendingApproval:
    """The user must approve the change first: nothing is saved yet. proposals: their IDs."""

    status: str
    proposals: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class Hit:
    """A search result. relevance: `strong`, `fair` or `weak`; matched: the query's words as it writes them."""

    memory: Memory
    score: float
    cosine: float | None
    strength: float
    relevance: str
    matched: tuple[str, ...]


@dataclass(frozen=True)
class SearchResults:
    """Hits, best first. degraded: keyword matches only; corrected: the query as searched, if it was corrected."""

    results: tuple[Hit, ...]
    degraded: bool
    corrected: str | None

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


@dataclass(frozen=True)
class Citation:
    """A memory that an answer quotes. number: as in the text of the answer, `[1]`."""

    number: int
    memory_id: str
    text: str
    visibility: str
    created_at: datetime
    superseded_by: str | None
    superseded_at: datetime | None


@dataclass(frozen=True)
class Answer:
    """An answer from memories. mode: `extractive` or `worded`; closest: related memories that it does not cite."""

    text: str
    citations: tuple[Citation, ...]
    mode: str
    degraded: bool
    includes_private: bool
    closest: tuple[Citation, ...]


@dataclass(frozen=True)
class Context:
    """Who the user is, in at most `max_tokens` tokens. memories: IDs of those in it; omitted: how many did not fit."""

    text: str
    token_count: int
    max_tokens: int
    memories: tuple[str, ...]
    omitted: int


@dataclass(frozen=True)
class Tag:
    id: str
    name: str


@dataclass(frozen=True)
class Person:
    id: str
    handle: str
    display_name: str


@dataclass(frozen=True)
class Whoami:
    """The token's user, and what the token allows. only_tags: IDs, None for all memories."""

    person: Person
    client_id: str | None
    scopes: tuple[str, ...]
    only_tags: tuple[str, ...] | None
    until: datetime | None


@dataclass(frozen=True)
class Difference:
    kind: str
    older: tuple[str, ...]
    newer: tuple[str, ...]


@dataclass(frozen=True)
class UpdateSuggestion:
    """The newer memory may replace the older one: pass `older_id` as `supersedes` to accept."""

    newer_id: str
    older_id: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class SimilarMemory:
    """A memory near another one. is_same: a likely duplicate."""

    memory: Memory
    cosine: float
    is_same: bool
    update: UpdateSuggestion | None


@dataclass(frozen=True)
class Revision:
    """An earlier version of a memory."""

    version: int
    text: str | None
    source: str
    written_at: datetime


@dataclass(frozen=True)
class Event:
    """What was done with memories, by whom (client_id) and through which channel (door)."""

    id: str
    action: str
    door: str
    client_id: str | None
    by_owner: bool
    memory_ids: tuple[str, ...]
    memory_count: int
    happened_at: datetime


@dataclass(frozen=True)
class Changes:
    """Proposed changes of a memory; None where a field does not change."""

    text: str | None = None
    visibility: str | None = None
    tags: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    supersedes: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A change that waits for the user's approval. memory_id: None for a new memory."""

    id: str
    memory_id: str | None
    changes: Changes | None
    source: str
    created_at: datetime


@dataclass(frozen=True)
class Extraction:
    """What was found in a conversation, as proposals."""

    results: tuple[Proposal, ...]
    left_out: int
    is_complete: bool


@dataclass(frozen=True)
class SkippedEntries:
    reason: str
    count: int


@dataclass(frozen=True)
class ImportNotes:
    note: str
    count: int


@dataclass(frozen=True)
class ImportedFile:
    """What comes of one file. kind: what it was taken for; label: the same for people."""

    name: str
    kind: str
    label: str
    file_count: int
    new: int
    changed: int
    duplicate: int
    skipped: tuple[SkippedEntries, ...]
    notes: tuple[ImportNotes, ...]


@dataclass(frozen=True)
class Import:
    """An import. state: `staged` (previewed), `running`, `done` or `undone`."""

    id: str
    format: str
    state: str
    new: int
    changed: int
    duplicate: int
    public: int
    skipped: tuple[SkippedEntries, ...]
    notes: tuple[ImportNotes, ...]
    sample: tuple[str, ...]
    total: int
    done: int
    created_at: datetime
    finished_at: datetime | None
    ended_by: str | None
    files: tuple[ImportedFile, ...] = ()


@dataclass(frozen=True)
class ItemProblem:
    """Why one operation of many failed."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of one operation of many. status: as the HTTP status of a single request."""

    status: int
    memory: Memory | None
    problem: ItemProblem | None
    waiting: PendingApproval | None = None


def parse_model(model: type[T], value: object) -> T:
    """Return the dataclass for a JSON object. Raises UnexpectedAnswerError if it has another form."""
    if not isinstance(value, Mapping):
        raise UnexpectedAnswerError(
            f"The response is not a {model.__name__}. Is this the URL of a Picard server?"
        )
    arguments = {}
    for name, hint, is_required in _list_fields(cast(Hashable, model)):
        if name in value:
            arguments[name] = _parse_value(hint, value[name], f"{model.__name__}.{name}")
        elif is_required:
            raise UnexpectedAnswerError(f"The response has a {model.__name__} without {name}.")
    return model(**arguments)


@cache
def _list_fields(model: Any) -> list[tuple[str, Any, bool]]:
    """Return name, type, and whether it must be there, of each field."""
    hints = get_type_hints(model)
    return [(field.name, hints[field.name], field.default is MISSING) for field in fields(model)]


def _parse_value(hint: Any, value: object, place: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        [inner] = [each for each in arguments if each is not type(None)]
        return _parse_value(inner, value, place)
    if origin is tuple and isinstance(value, list):
        return tuple(_parse_value(arguments[0], each, place) for each in value)
    if is_dataclass(hint):
        return parse_model(cast(type[object], hint), value)
    if hint is datetime and isinstance(value, str):
        return _parse_time(value, place)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
        return value
    raise UnexpectedAnswerError(f"The response has an invalid value of {place}.")


def _parse_time(value: str, place: str) -> datetime:
    """Return the time of RFC 3339; Python 3.10 reads neither `Z` nor fractions of other than three or six digits."""
    seconds, dot, rest = value.replace("Z", "+00:00").partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        seconds = f"{seconds}.{digits[:6]:0<6}{rest[len(digits) :]}"
    try:
        return datetime.fromisoformat(seconds)
    except ValueError:
        raise UnexpectedAnswerError(f"The response has an invalid time of {place}.") from None
