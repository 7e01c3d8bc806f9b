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
class Principal:
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

    def list_statements(self, *, all_settings: bool) -> list[str]:
        """Return statements that set it for the present transaction. The values are ids and constants.

        all_settings: also those without a value, in a transaction in which others may be set.
        """
        return [
            f"set local {name} = '{value}'" for name, value in self.settings.items() if value or all_settings
        ]

    @cached_property
    def sql(self) -> str:
        """Statements that set all of it for the present transaction."""
        return "".join(f"{statement};" for statement in self.list_statements(all_settings=True))

    @cached_property
    def first_sql(self) -> str:
        """The same for a transaction in which nothing is set yet."""
        return "".join(f"{statement};" for statement in self.list_statements(all_settings=False))


NOBODY, SYSTEM = Principal(), Principal(is_system=True)

_default = NOBODY
_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)


def get_principal() -> Principal:
    return _principal.get() or _default


def set_process_default(principal: Principal) -> None:
    """Set who acts where nothing else is set, in all threads: the system in commands, nobody in web servers."""
    global _default
    _default = principal


def act_for(owner_id: UUID | None) -> None:
    """Act for this person, or for nobody, until the end of the request. Outside of one this changes nothing."""
    if _principal.get() is not None:
        _principal.set(Principal(owner_id))


def read_public_of(owner_id: UUID) -> None:
    """Let the one who acts also read the public rows of this person, until the end of the request."""
    principal = _principal.get()
    if principal is not None and principal.owner != owner_id:
        _principal.set(replace(principal, public_of=owner_id))


@contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    token = _principal.set(principal)
    try:
        yield
    finally:
        _principal.reset(token)


@contextmanager
def acting_for(owner_id: UUID) -> Iterator[None]:
    """Act for a person whom something other than the request's authentication names."""
    principal = get_principal()
    if principal.owner == owner_id:
        yield
        return
    with acting_as(Principal(owner_id)):
        yield


def keep_principal(principal: Principal, chunks: Iterable[T]) -> Iterator[T]:
    """Iterate as this one acts: a generator alone would run as whoever acts when it is asked for a value."""
    values = iter(chunks)
    while True:
        with acting_as(principal):
            try:
                chunk = next(values)
            except StopIteration:
                return
        yield chunk


async def keep_principal_async(principal: Principal, chunks: AsyncIterator[T]) -> AsyncIterator[T]:
    async with aclosing(chunks):  # type: ignore[type-var]
        while True:
            with acting_as(principal):
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield chunk
