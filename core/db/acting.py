"""Who acts on the database, and whose rows they may read. Policies of the database decide by it (row_security.py).

The backend sends it with each statement, in the same transaction, so that it never outlives one
(picard/database/base.py). Nobody acts by default, and nobody reads nothing. A channel sets the person when it has
authenticated a request. Commands act as the system, which row security lets through for its own roles alone.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True)
class Acting:
    """owner: whose rows are read and written. public_of: whose public rows are read too. is_system: all rows."""

    owner: UUID | None = None
    public_of: UUID | None = None
    is_system: bool = False

    @cached_property
    def settings(self) -> dict[str, str]:
        """The values of the settings in PostgreSQL."""
        return {
            "picard.owner": str(self.owner or ""),
            "picard.public_of": str(self.public_of or ""),
            "picard.system": "on" if self.is_system else "",
        }

    @cached_property
    def sql(self) -> str:
        """Statements that set all of it for the present transaction. The values are ids and constants."""
        return "".join(f"set local {name} = '{value}';" for name, value in self.settings.items())

    @cached_property
    def first_sql(self) -> str:
        """The same for a transaction in which nothing is set yet."""
        return "".join(f"set local {name} = '{value}';" for name, value in self.settings.items() if value)


NOBODY, SYSTEM = Acting(), Acting(is_system=True)

_default = NOBODY
_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


def get_acting() -> Acting:
    return _acting.get() or _default


def set_process_default(acting: Acting) -> None:
    """Set who acts where nothing else is set, in all threads: the system in commands, nobody in web servers."""
    global _default
    _default = acting


def act_for(owner_id: UUID | None) -> None:
    """Act for this person, or for nobody, until the end of the request. Outside of one this changes nothing."""
    if _acting.get() is not None:
        _acting.set(Acting(owner_id))


def read_public_of(owner_id: UUID) -> None:
    """Let the one who acts also read the public rows of this person, until the end of the request."""
    acting = _acting.get()
    if acting is not None and acting.owner != owner_id:
        _acting.set(replace(acting, public_of=owner_id))


@contextmanager
def acting_as(acting: Acting) -> Iterator[None]:
    token = _acting.set(acting)
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def acting_for(owner_id: UUID) -> Iterator[None]:
    """Act for a person whom something other than the request's authentication names."""
    acting = get_acting()
    if acting.owner == owner_id:
        yield
        return
    with acting_as(Acting(owner_id)):
        yield


def keep_acting(acting: Acting, chunks: Iterable[T]) -> Iterator[T]:
    """Iterate as this one acts: a generator alone would run as whoever acts when it is asked for a value."""
    values = iter(chunks)
    while True:
        with acting_as(acting):
            try:
                chunk = next(values)
            except StopIteration:
                return
        yield chunk


async def keep_acting_async(acting: Acting, chunks: AsyncIterator[T]) -> AsyncIterator[T]:
    async with aclosing(chunks):  # type: ignore[type-var]
        while True:
            with acting_as(acting):
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield chunk
