"""Rankings of passages in memory: matched here, scored and read by the statement of all rankings.

The same statement says whether the passages are still what the database has, so that an answer is never stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.actor import Actor
from accounts.models import User
from core.db.prepared import fetch_prepared, format_array
from memories.search.cache import store
from memories.search.cache.matches import NO_COSINE, Matches, find_tokens, match_passages
from memories.search.cache.passages import Passages
from memories.search.cache.registration import STATE, State
from memories.search.cache.store import Entry
from memories.search.ranking import GIVERS, build_fused, build_memories, build_reading
from memories.search.ranking_query import RankedMemory, RankingQuery, VisibleRows

TRIES = 2  # a search that finds news for the second time reads the index

FROM_MEMORY = f"""
placed as (
  select * from unnest(%s::text::uuid[], %s::text::float8[], {", ".join(["%s::text::bigint[]"] * (1 + len(GIVERS)))})
    as matched(id, cosine, bits, {", ".join(GIVERS)})),
kind as materialized (select * from unnest(%s::text::bigint[], %s::text::bigint[]) as kind(bits, found)),
total as materialized (select %s::float8 as n)
"""  # noqa: S608 - put together from constants # nosec B608
NEAREST = """
select id, cosine, 0::bigint as bits, 0::float8 as idf_share, false as has_neighbor, cosine as score
from unnest(%s::text::uuid[], %s::text::float8[]) as nearest(id, cosine)
"""
CHECKED = f"""
with state as materialized ({STATE})
select state.*, answer.* from state left join ({{reading}}) answer
on is_registered and cardinality(changed) = 0 and clock < %s order by place
"""  # noqa: S608 - put together from constants # nosec B608
STATE_COLUMNS = 4


@dataclass(frozen=True)
class CachedRows:
    """Rows of one owner that this process has in memory. It answers as the rows in the database would now."""

    entry: Entry

    def rank_memories(
        self, query: RankingQuery, *, limit: int, looked_through: int = 0
    ) -> list[RankedMemory] | None:
        """Return what search/ranking.py would return; None if it must, because the rows changed too often meanwhile."""
        for _ in range(TRIES if query.private_tokens or query.vectors else 0):
            passages = self.entry.passages
            if passages is None:
                break
            statement, params = self._build_statement(passages, query, limit, looked_through)
            state_params = self.entry.registration.build_state_params(passages.snapshot)
            found = fetch_prepared(statement, [*state_params, *params, passages.next_expiry])
            state = State(*found[0][:STATE_COLUMNS])
            if state.is_current(passages.next_expiry):
                store.keep_entry(self.entry, passages, state)
                answers = (row[STATE_COLUMNS:] for row in found if row[STATE_COLUMNS] is not None)
                return build_memories(answers, query)
            store.refresh_entry(self.entry, passages, state)
        return None

    def find_tokens(self, tokens: Sequence[int], *, of_public: Sequence[bool]) -> set[int] | None:
        """Return the places of the tokens that a public, or a private, passage has; None if the database must tell."""
        passages = self.entry.passages
        if passages is None:
            return None
        state = self.entry.registration.read_state(passages.snapshot)
        if not state.is_current(passages.next_expiry):
            store.refresh_entry(self.entry, passages, state)
            passages = self.entry.passages
        return None if passages is None else find_tokens(passages, tokens, of_public)

    def _build_statement(
        self, passages: Passages, query: RankingQuery, limit: int, looked_through: int
    ) -> tuple[str, list[object]]:
        most = max(limit, looked_through)
        matches = match_passages(passages, query, limit=most)
        if query.private_tokens:
            ranking, params = build_fused(FROM_MEMORY, _build_source_params(matches), query, limit=most)
        else:
            ranking, params = NEAREST, [format_array(matches.ids), _format_cosines(matches)]
        owner_id = self.entry.registration.owner_id
        reading, params = build_reading(ranking, params, query, owner_id=owner_id, limit=limit)
        return CHECKED.replace("{reading}", reading), params


def find_cached_rows(rows: VisibleRows, actor: Actor, owner: User) -> CachedRows | None:
    """Return these rows, which are all that the actor may see of the owner, if they are in memory."""
    entry = store.find_entry(rows, actor, owner)
    return None if entry is None else CachedRows(entry)


def _build_source_params(matches: Matches) -> list[object]:
    numbers = [matches.bits, *matches.givers, *matches.kinds]
    return [
        format_array(matches.ids),
        _format_cosines(matches),
        *(format_array(each.tolist()) for each in numbers),
        matches.count,
    ]


def _format_cosines(matches: Matches) -> str:
    return format_array(None if each == NO_COSINE else each for each in matches.cosines.tolist())
