"""Which owners' passages this process keeps, within MEMORY_VECTORS_MB: those that are searched again and again.

Nothing outlives a fork. What nobody searched for IDLE_S is dropped, also if nobody searches at all.
"""

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.actor import Actor
from accounts.models import User
from core.bounded_cache import BoundedCache
from core.db.distribution import is_distributed
from core.db.principal import Principal, get_principal
from memories.models.visibility import NO_FILTERS
from memories.search.cache.passages import Passages, load_passages, load_passages_of
from memories.search.cache.registration import MAX_CHANGES, Registration, State, end_caches, register_cache
from memories.search.ranking_query import VisibleRows

MIN_ROWS = 5_000  # passages; the index is fast enough for fewer
MIN_SEARCHES, WITHIN_S = 3, 300.0  # before an owner's passages are loaded
IDLE_S = 900.0
TOUCH_S = 300.0  # how often the database learns that a cache is in use
SWEEP_S = 60.0
REMEMBERED = 1_000  # owners

Key = tuple[Principal, str, tuple[object, ...]]


@dataclass(eq=False)
class Entry:
    """The passages of one owner, None before they are loaded. rows: the statement that gives them."""

    registration: Registration
    rows: VisibleRows
    used_at: float
    touched_at: float
    passages: Passages | None = None
    is_loading: bool = False


_entries: OrderedDict[Key, Entry] = OrderedDict()
_lock = threading.Lock()
_searches: BoundedCache[Key, int] = BoundedCache(REMEMBERED, WITHIN_S)
_refused: BoundedCache[Key, bool] = BoundedCache(REMEMBERED, IDLE_S)  # too few passages, or too many
_sweeper: threading.Timer | None = None


def find_entry(rows: VisibleRows, actor: Actor, owner: User) -> Entry | None:
    """Return the loaded passages of these rows, all that the actor may see of the owner; None if they must be read.

    Registers and loads them if they are worth it.
    """
    if not settings.MEMORY_VECTORS_MB or connection.in_atomic_block or is_distributed():
        return None
    key, now = (get_principal(), rows.sql, rows.params), time.monotonic()
    with _lock:
        _drop_idle(now)
        entry = _entries.get(key)
        if entry is not None:
            entry.used_at = now
            _entries.move_to_end(key)
    if entry is None:
        _register_if_worth_it(key, rows, actor, owner)
        return None
    if entry.passages is None:
        _load(key, entry)
    return None if entry.passages is None else entry


def refresh_entry(entry: Entry, passages: Passages, state: State) -> None:
    """Bring the passages up to what the database says of them; drop them if they are not registered any more.

    Does nothing if another thread has done so meanwhile: an entry never goes back to an earlier snapshot.
    """
    if not state.is_registered:
        if _replace(entry, passages, None):
            _drop([entry])
        return
    newer: Passages | None = passages
    if len(state.changed) > MAX_CHANGES:
        newer = None  # the next search reads everything again
    elif state.changed:
        newer = passages.replace_memories(state.changed, load_passages_of(entry.rows, state.changed))
    _replace(entry, passages, newer and newer.expire(state.clock_us).at_snapshot(state.snapshot))


def keep_entry(entry: Entry, passages: Passages, state: State) -> None:
    """Note that the passages were complete as of this state."""
    if entry.touched_at < time.monotonic() - TOUCH_S and _replace(
        entry, passages, passages.at_snapshot(state.snapshot)
    ):
        entry.touched_at = time.monotonic()
        entry.registration.touch(state.snapshot)


def end_owner(owner_id: UUID) -> None:
    """Make all processes drop the owner's passages: this one on commit, others when they look next."""
    end_caches(owner_id)
    transaction.on_commit(partial(_drop_owner, owner_id))


def clear() -> None:
    """Drop everything, and forget who was searched."""
    with _lock:
        _entries.clear()
    _searches.clear()
    _refused.clear()


def measure_size() -> int:
    """Return how many bytes all passages take."""
    with _lock:
        return sum(entry.passages.size for entry in _entries.values() if entry.passages is not None)


def _register_if_worth_it(key: Key, rows: VisibleRows, actor: Actor, owner: User) -> None:
    count = (_searches.get(key) or 0) + 1
    _searches.store(key, count)
    if count < MIN_SEARCHES or _refused.get(key):
        return
    _refused.store(key, True)  # meanwhile, for other threads too
    with_expiry = VisibleRows.for_actor(actor, owner, NO_FILTERS, "expires_at")
    if with_expiry is None or not rows.are_more_than(MIN_ROWS):
        return
    try:
        registration = register_cache(owner.pk)
    except DatabaseError:  # of a replica
        return
    with _lock:
        now = time.monotonic()
        _entries[key] = Entry(registration, with_expiry, now, now)
        _refused.store(key, False)
        _start_sweeper()


def _load(key: Key, entry: Entry) -> None:
    """Load the passages, unless something that could change them may go unrecorded."""
    with _lock:
        if entry.is_loading:  # by another thread
            return
        entry.is_loading = True
    try:
        if entry.registration.is_effective():
            passages = load_passages(entry.rows, max_bytes=_get_budget())
            _replace(entry, None, passages)
            if entry.passages is None:  # too many
                _refused.store(key, True)
                _end([entry])
    finally:
        entry.is_loading = False


def _replace(entry: Entry, former: Passages | None, newer: Passages | None) -> bool:
    """Replace the entry's passages unless another thread has; return whether. Others make room for them."""
    with _lock:
        if entry.passages is not former:
            return False
        entry.passages = newer
        known = [(each, each.passages.size) for each in _entries.values() if each.passages is not None]
        excess, dropped = sum(size for _, size in known) - _get_budget(), []
        for each, size in known:  # those that were searched longest ago first
            if excess > 0:
                dropped.append(each)
                excess -= size
    _end(dropped)
    return True


def _get_budget() -> int:
    return int(settings.MEMORY_VECTORS_MB * 1_000_000)


def _end(ended: list[Entry]) -> None:
    _drop(ended)
    for entry in ended:
        entry.registration.end()


def _drop(dropped: list[Entry]) -> None:
    with _lock:
        for key in [key for key, entry in _entries.items() if entry in dropped]:
            del _entries[key]
        for entry in dropped:
            entry.passages = None


def _drop_owner(owner_id: UUID) -> None:
    with _lock:
        own = [entry for entry in _entries.values() if entry.registration.owner_id == owner_id]
    _drop(own)


def _drop_idle(now: float) -> None:
    """Drop what was not used for IDLE_S. The registrations end by themselves. Needs the lock."""
    for key in [key for key, entry in _entries.items() if entry.used_at < now - IDLE_S]:
        del _entries[key]


def _sweep() -> None:
    global _sweeper
    with _lock:
        _sweeper = None
        _drop_idle(time.monotonic())
        if _entries:
            _start_sweeper()


def _start_sweeper() -> None:
    global _sweeper
    if _sweeper is None:
        _sweeper = threading.Timer(SWEEP_S, _sweep)
        _sweeper.daemon = True
        _sweeper.start()


def _forget_after_fork() -> None:
    global _lock, _sweeper
    _lock, _sweeper = threading.Lock(), None
    _entries.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
