"""Reads on a standby that see everything the primary had committed when they began.

Before such a read, the primary says how far its log is on disk, and the standby must have replayed that much. So
nothing can be missing that anybody was told of: a write of one's own, what the worker indexed, a visibility that
someone else changed, access that was revoked. No read needs to know who wrote what. Where the standby is behind for
longer than DATABASE_REPLICA_WAIT_MS, or fails, the primary reads.

In the block of such a read, `django.db.connection` is the standby's, for the ORM and handwritten statements alike.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction

from core.circuit_breaker import LONGEST_OPEN_S, CircuitBreaker
from core.db.cancellation import cancelling_on, has_client_disconnected
from core.db.errors import has_timed_out
from core.db.prepared import fetch_prepared
from core.db.principal import NOBODY, acting_as
from core.db.roles import Role

ALIAS = "replica"
POLL_S = 0.001
# A transaction is visible when its end is on disk; with synchronous_commit = off, already before. The name of a file of
# the log begins with the timeline, which a promotion changes.
PRIMARY_POSITION = """
select (case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
        else pg_current_wal_flush_lsn() end)::text, left(pg_walfile_name(pg_current_wal_flush_lsn()), 8)
"""
HAS_REPLAYED = "select pg_is_in_recovery() and pg_last_wal_replay_lsn() >= %s::text::pg_lsn"
CLUSTER = "select system_identifier::text from pg_control_system()"
TIMELINE = "select lpad(upper(to_hex(timeline_id)), 8, '0') from pg_control_checkpoint()"
# SQLSTATEs after which the standby is left alone for a while: connections, resources, shutdown, no standby (any more).
PAUSING = ("08", "53", "55", "57P")

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a read that may use the standby."""

    STANDBY = "standby"
    BEHIND = "behind"  # the primary read, since the standby had not replayed enough
    FAILED = "failed"  # the primary read, since the standby failed


class UnfitStandby(Exception):
    """The message says why this database cannot answer for the primary."""


FAILURES = (Error, psycopg.Error, UnfitStandby)

_breaker = CircuitBreaker()
_lock = Lock()
_counts = dict.fromkeys(Outcome, 0)
# Of each connection that leads to a standby of the primary's cluster.
_timelines: "WeakKeyDictionary[psycopg.Connection[Any], str]" = WeakKeyDictionary()


def prefer_standby(read: Callable[P, T]) -> Callable[P, T]:
    """Let a function that only reads use the standby, if there is one. If that fails, it is called again.

    Never in a transaction, whose own changes it must see, and only in the role that serves requests.
    """

    @wraps(read)
    def read_anywhere(*args: P.args, **kwargs: P.kwargs) -> T:
        if not settings.DATABASE_REPLICA or not _may_leave_primary():
            return read(*args, **kwargs)
        try:
            with _using_standby() as is_current:
                if is_current:
                    answer = read(*args, **kwargs)
                    _count(Outcome.STANDBY)
                    return answer
        except FAILURES as error:
            if has_client_disconnected() or has_timed_out(error):
                raise
            _note_failure(error)
        return read(*args, **kwargs)

    return read_anywhere


def is_available() -> bool:
    """Return whether the standby would read now. Needs a connection of the primary."""
    try:
        with _using_standby() as is_current:
            return is_current
    except FAILURES as error:
        _note_failure(error)
        return False


def get_counts() -> dict[Outcome, int]:
    """Return how many reads of this process had each outcome."""
    with _lock:
        return {**_counts}


def _may_leave_primary() -> bool:
    primary = connections[DEFAULT_DB_ALIAS]
    return (
        primary.alias == DEFAULT_DB_ALIAS  # else this is a read within one
        and not primary.in_atomic_block
        and primary.settings_dict["ROLE"] == Role.WEB
        and not _breaker.is_open
    )


@contextmanager
def _using_standby() -> Iterator[bool]:
    """Yield whether the standby has everything; in the block it is then the default connection."""
    primary, standby = connections[DEFAULT_DB_ALIAS], cast(Any, connections[ALIAS])
    with acting_as(NOBODY):  # which needs no further statement
        [(position, timeline)] = fetch_prepared(PRIMARY_POSITION, [])
        if standby.connection is not None and not standby.is_usable():
            standby.close()
        standby.ensure_connection()
        # A pooler may give each transaction another session.
        known = None if standby.is_pooled else _timelines.get(standby.connection)
        cluster = None if known else fetch_prepared(CLUSTER, [])
    with ExitStack() as block:
        # So that its statements are measured and cancelled as those of the primary.
        block.callback(setattr, standby, "execute_wrappers", standby.execute_wrappers)
        standby.execute_wrappers = primary.execute_wrappers
        block.enter_context(cancelling_on(standby))
        block.callback(connections.__setitem__, DEFAULT_DB_ALIAS, primary)
        connections[DEFAULT_DB_ALIAS] = standby
        if standby.is_pooled:
            block.enter_context(transaction.atomic())
        with acting_as(NOBODY):
            if (known or _find_timeline(cluster)) != timeline:
                _timelines.pop(standby.connection, None)  # one of them was promoted: ask again after a pause
                raise UnfitStandby("The standby follows another timeline than the primary.")
            is_current = _wait_for(position)
        if not is_current:
            _count(Outcome.BEHIND)
            _breaker.record_failure()
            block.close()
        yield is_current


def _find_timeline(cluster: object) -> str:
    """Return the standby's timeline. Raises UnfitStandby if it is not of the primary's cluster."""
    if fetch_prepared(CLUSTER, []) != cluster:
        raise UnfitStandby("DATABASE_REPLICA_URL leads to a copy of another database.")
    [(timeline,)] = fetch_prepared(TIMELINE, [])
    _timelines[connections[DEFAULT_DB_ALIAS].connection] = timeline
    return str(timeline)


def _wait_for(position: str) -> bool:
    deadline = time.monotonic() + settings.DATABASE_REPLICA_WAIT_MS / 1000
    while True:
        [(has_replayed,)] = fetch_prepared(HAS_REPLAYED, [position])
        if has_replayed or time.monotonic() >= deadline:
            return bool(has_replayed)
        time.sleep(POLL_S)


def _note_failure(error: Exception) -> None:
    """Pause after a failure that the next read would have too. Without the message, which may have addresses."""
    _count(Outcome.FAILED)
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None)
    if isinstance(error, UnfitStandby) or state is None or state.startswith(PAUSING):
        _breaker.record_failure(LONGEST_OPEN_S)
    logger.warning("a read failed on the standby: %s", type(cause).__name__)


def _count(outcome: Outcome) -> None:
    with _lock:
        _counts[outcome] += 1
