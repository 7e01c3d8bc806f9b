"""What a process and the database tell each other about cached vectors: who caches them, and what changed since.

A cache is registered by a row. While there is one, a trigger records every change (migration 0030). A cached copy has
the snapshot of the database as of which it is complete, so a change is news if that snapshot did not see its
transaction, in whichever order transactions end. Decision 0056 has the argument.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.ids import new_id
from core.db.prepared import fetch_prepared
from memories.models import VectorCache

UNUSED = (
    "30 minutes"  # after which a registration ends; twice as long as a process keeps what nobody searches
)
MAX_CHANGES = 1_000  # memories; of more, everything is read again

# Of a snapshot before `seen`, changes may be purged. Parameters: owner, registration, snapshot, owner, snapshot twice.
STATE = f"""
select exists (select from memories_vectorcache where owner_id = %s and id = %s
               and seen <= pg_snapshot_xmin(%s::text::pg_snapshot)::text::bigint) as is_registered,
  pg_current_snapshot()::text as snapshot,
  (extract(epoch from statement_timestamp()) * 1000000)::bigint as clock,
  array(select distinct memory_id from memories_vectorchange
        where owner_id = %s and transaction >= pg_snapshot_xmin(%s::text::pg_snapshot)::text::bigint
        and not pg_visible_in_snapshot(transaction::text::xid8, %s::text::pg_snapshot)
        limit {MAX_CHANGES + 1}) as changed
"""  # noqa: S608 - constants # nosec B608

REGISTER = """
insert into memories_vectorcache (id, owner_id, seen)
values (%s, %s, pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
"""
# Transactions with a lower number may have looked for registrations before this one; all others see it.
GET_NUMBER = "select pg_current_xact_id()::text::bigint"
HAVE_ENDED = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s"
TOUCH = """
update memories_vectorcache set used_at = statement_timestamp(),
  seen = pg_snapshot_xmin(%s::text::pg_snapshot)::text::bigint
where owner_id = %s and id in (
  select id from memories_vectorcache where owner_id = %s and id = %s for update skip locked)
"""
PURGE_CACHES = "delete from memories_vectorcache where used_at < statement_timestamp() - %s::interval"
PURGE_CHANGES = """
delete from memories_vectorchange as change where not exists (
  select from memories_vectorcache as cache where cache.owner_id = change.owner_id and cache.seen <= change.transaction)
"""


@dataclass(frozen=True)
class Registration:
    """A process caches the owner's vectors. number: of a transaction; all before it must end before the first load."""

    id: UUID
    owner_id: UUID
    number: int

    def is_effective(self) -> bool:
        """Return whether every change that a snapshot from now on does not see is recorded."""
        [(have_ended,)] = fetch_prepared(HAVE_ENDED, [self.number])
        return bool(have_ended)

    def build_state_params(self, snapshot: str) -> list[object]:
        return [self.owner_id, self.id, snapshot, self.owner_id, snapshot, snapshot]

    def read_state(self, snapshot: str) -> "State":
        [row] = fetch_prepared(STATE, self.build_state_params(snapshot))
        return State(*row)

    def touch(self, snapshot: str) -> None:
        """Keep the registration, and let changes go that this snapshot sees."""
        with connection.cursor() as cursor:
            cursor.execute(TOUCH, [snapshot, self.owner_id, self.owner_id, self.id])

    def end(self) -> None:
        VectorCache.objects.filter(owner_id=self.owner_id, pk=self.id).delete()


@dataclass(frozen=True)
class State:
    """What became of a cache: see STATE. clock_us: the database's clock."""

    is_registered: bool
    snapshot: str
    clock_us: int
    changed: list[UUID]

    def is_current(self, next_expiry: int) -> bool:
        """Return whether passages of which the first expires then are still what the database has."""
        return self.is_registered and not self.changed and self.clock_us < next_expiry


def register_cache(owner_id: UUID) -> Registration:
    """Register a cache of this owner. Needs autocommit. Raises DatabaseError on a server that is read-only."""
    registration_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(REGISTER, [registration_id, owner_id])
    [(number,)] = fetch_prepared(GET_NUMBER, [])
    return Registration(registration_id, owner_id, number)


def end_caches(owner_id: UUID) -> None:
    """Make every process drop this owner's vectors at its next look."""
    VectorCache.objects.filter(owner_id=owner_id).delete()


def purge_caches() -> int:
    """Delete registrations that nobody used for UNUSED, and changes that no cache needs any more."""
    with connection.cursor() as cursor:
        cursor.execute(PURGE_CACHES, [UNUSED])
        count = cursor.rowcount
        cursor.execute(PURGE_CHANGES)
        return int(count + cursor.rowcount)
