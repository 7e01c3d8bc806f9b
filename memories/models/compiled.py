"""The SQL of what an actor may see, compiled once per shape: to compile it takes longer than to run it.

A queryset that begins with `visible_to` is built and compiled for stand-ins of the actor and the owner, whose ids are
slots that each call fills with its own. So the rule stays in visibility.py alone, and no value is kept. The shape is
what the rule decides by: who asks and with which scopes. The stand-ins have nothing else that a rule could read.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.models.visibility import NO_FILTERS, Filters

MAX_SHAPES = 256

Select = Callable[..., QuerySet[Any, Any]]


class _Slot(UUID):
    """Stands for an id that differs from call to call."""


class _StandIn(NamedTuple):
    """Stands for a user. Reading anything else of them is an error, since it would be kept for other users."""

    pk: UUID
    is_active: bool


class _Shape(NamedTuple):
    """What `visible_to` decides by."""

    has_user: bool
    is_own: bool
    is_app: bool
    scopes: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """A compiled queryset."""

    sql: str
    params: tuple[object, ...]

    @property
    def named_sql(self) -> str:
        """The text for parameters by name, as part of a statement that has others by name."""
        return _name_params(self.sql)

    @property
    def named_params(self) -> dict[str, object]:
        return {f"row{number}": value for number, value in enumerate(self.params)}


@lru_cache(maxsize=MAX_SHAPES)
def _name_params(sql: str) -> str:
    numbers = count()
    return re.sub(r"(?<!%)%s", lambda _: f"%(row{next(numbers)})s", sql)


OWNER, ASKER, *MORE = (_Slot(int=number) for number in range(1, 6))
CLIENT = "the stand-in for an app"


def compile_visible(
    select: Select, actor: Actor, owner: User, *ids: UUID | None, filters: Filters, **options: Hashable
) -> Statement | None:
    """Return the statement of `select(actor, owner, *ids, filters=…, **options)`; None if it never has a row.

    select: a function of a module. ids: values of the statement, as the actor and owner are. options: parts of the
    shape. Compiled each time with filters and for an app that is limited to tags, whose shapes are many.
    """
    if filters != NO_FILTERS or actor.only_tags is not None:
        return _compile(select(actor, owner, *ids, filters=filters, **options))
    shape = _Shape(
        actor.user is not None,
        actor.user is not None and actor.user.pk == owner.pk,
        actor.is_app,
        frozenset(scope for scope in scopes.DESCRIPTIONS if actor.has_scope(scope)),
    )
    compiled = _compile_shape(select, shape, tuple(each is not None for each in ids), tuple(options.items()))
    if compiled is None:
        return None
    values: dict[object, object] = {OWNER: owner.pk, ASKER: actor.user and actor.user.pk}
    values |= zip(MORE, ids, strict=False)
    return Statement(
        compiled.sql, tuple(values[each] if type(each) is _Slot else each for each in compiled.params)
    )


@lru_cache(maxsize=MAX_SHAPES)
def _compile_shape(
    select: Select, shape: _Shape, given: tuple[bool, ...], options: tuple[tuple[str, Hashable], ...]
) -> Statement | None:
    user = _StandIn(OWNER if shape.is_own else ASKER, is_active=bool(shape.scopes))
    client_id = CLIENT if shape.is_app else None
    asker = cast(User, user) if shape.has_user else None
    actor = Actor(user=asker, door=cast(Any, None), scopes=shape.scopes, client_id=client_id)
    ids = [slot if is_given else None for slot, is_given in zip(MORE, given, strict=False)]
    compiled = _compile(
        select(actor, cast(User, _StandIn(OWNER, is_active=True)), *ids, filters=NO_FILTERS, **dict(options))
    )
    if compiled is not None and any(CLIENT in str(value) for value in compiled.params):
        raise RuntimeError("a rule depends on the app's id, which no shape contains")
    return compiled


def forget_shapes() -> None:
    """Compile every shape anew, after the rule was changed in this process."""
    _compile_shape.cache_clear()


def _compile(rows: QuerySet[Any, Any]) -> Statement | None:
    try:
        return Statement(*rows.query.sql_with_params())
    except EmptyResultSet:
        return None
