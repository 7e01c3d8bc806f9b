"""Work on the rows of all people, also while a node of a distributed database is away (docs/scaling.md)."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection

from core.db.distribution import is_distributed

T = TypeVar("T")
logger = logging.getLogger(__name__)

OWNERS = 5_000  # of a statement
EVERYBODY = "true"
THESE_OWNERS = "owner_id = any(%(owners)s::uuid[])"
# People are on the coordinator, which knows the node of each of them.
OWNERS_BY_NODE = """
select array_agg(person.id) from accounts_user person
join pg_dist_placement on shardid = get_shard_id_for_distribution_column('memories_memory', person.id)
join pg_dist_node using (groupid) where noderole = 'primary' group by nodeid
"""


def ask_all_nodes(work: Callable[[], T], otherwise: T) -> T:
    """Run work that asks every node; return `otherwise` while one is away."""
    try:
        return work()
    except OperationalError as error:
        if not is_distributed():
            raise
        _note_absence(error)
        return otherwise


def fetch_of_all_nodes(sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that asks every node; of those that answer, if one is away.

    sql: with `{owners}` for a condition on owner_id. Not for a transaction, which an error would end.
    """
    try:
        return _fetch(sql.format(owners=EVERYBODY), params or {})
    except OperationalError as error:
        if connection.in_atomic_block:
            raise
        _note_absence(error)
    rows: list[tuple[Any, ...]] = []
    for owners in _list_owners_by_node():
        try:
            rows += _fetch(sql.format(owners=THESE_OWNERS), {**(params or {}), "owners": owners})
        except OperationalError:
            continue
    return rows


def _note_absence(error: OperationalError) -> None:
    logger.warning("not all nodes of the database answer: %s", type(error.__cause__).__name__)


def _list_owners_by_node() -> Iterator[list[UUID]]:
    for (owners,) in _fetch(OWNERS_BY_NODE, {}):
        for start in range(0, len(owners), OWNERS):
            yield owners[start : start + OWNERS]


def _fetch(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
