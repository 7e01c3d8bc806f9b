"""Which passage of a long memory matched, for excerpts: a second look at the few memories found."""

from collections.abc import Sequence
from uuid import UUID

from accounts.actor import Actor
from accounts.models import User
from core.db.prepared import fetch_prepared, format_array
from memories.index.passages import MAX_PIECES
from memories.models import Memory
from memories.models.visibility import Filters
from memories.search.ranking_query import RankingQuery, VisibleRows, build_cosine_params, fill_cosine

LONG_BYTES = 600  # of ciphertext; a shorter text rarely has several passages

# Only of memories that the rows contain, which are those that the actor may see. The cosine plus the share of the
# query's words, as far as a passage has a vector of the query's encoder.
BEST_PASSAGES = """
select distinct on (memory_id) memory_id, passage from (
  select memory_id, passage,
         coalesce({cosine}, 0)
         + cardinality(array(select unnest(tokens) intersect
                             select unnest(case when is_public then %s::bigint[] else %s::bigint[] end)))
           / greatest(1, %s::float8) as strength
  from ({rows}) visible where memory_id = any(%s)) passage
order by memory_id, strength desc, passage
"""


def find_matched_passages(
    actor: Actor, owner: User, filters: Filters, query: RankingQuery, memories: Sequence[Memory]
) -> dict[UUID, int]:
    """Return the number of the passage that matches best, by memory, for those that can have several."""
    long = [memory.pk for memory in memories if _can_have_passages(memory)]
    rows = VisibleRows.for_actor(actor, owner, filters, "passage") if long else None
    if rows is None:
        return {}
    params = [
        *build_cosine_params(query),
        format_array(query.public_tokens),
        format_array(query.private_tokens),
        len(query.private_tokens),
        *rows.params,
        long,
    ]
    return dict(fetch_prepared(fill_cosine(BEST_PASSAGES, query).replace("{rows}", rows.sql), params))


def _can_have_passages(memory: Memory) -> bool:
    """Return whether the text can have several passages, without decrypting it."""
    text: str | bytes = memory.__dict__["text"]
    return len(text) > (MAX_PIECES if isinstance(text, str) else LONG_BYTES)
