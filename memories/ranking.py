"""How a search ranks: words and meaning fused in one statement, one pass over the covering index.

score = .5 * min-max(cosine, over all the rows searched) + .5 * BM25 / best BM25 + .3 when every word is there.
Fused scores beat reciprocal rank fusion in every pairing that was measured (docs/decisions/0003-ranking.md).
Rows without a vector yet rank by their words. Frequencies and extremes are taken only over rows that the actor may
see: a score must not tell of a private word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet

from memories.statements import fetch_prepared
from memories.vectors import to_halfvec

WEIGHT_OF_MEANING = 0.5
WEIGHT_OF_WORDS = 0.5
EVERY_WORD = 0.3  # puts the only memory that holds a rare word before those that are merely near in meaning
PASSAGES_A_MEMORY = 5  # how many of the nearest passages may be one memory's, before a memory could be missed

COLUMNS = ("memory_id", "is_public", "space_id", "embedding", "tokens")

STATEMENT = """
with passage as materialized (
  select memory_id as id,
         case when space_id = (select id from memories_embeddingspace where identity = %s)
              then -(embedding <#> case when is_public then %s::halfvec else %s::halfvec end) end as cosine,
         case when tokens && %s::bigint[] then tokens end as tokens
  from ({rows}) visible),
word(token, position) as (select * from unnest(%s::bigint[], %s::int[])),
matched as materialized (
  select distinct id, position from passage, unnest(tokens) t join word on word.token = t where tokens is not null),
everything as (select count(*) as n, min(cosine) as lowest, max(cosine) as highest from passage),
rarity as (
  select position, ln(1 + (n - found + .5) / (found + .5)) as idf
  from everything, (select position, count(distinct id) as found from (select distinct position from word) words
                    left join matched using (position) group by position) frequency),
lexical as materialized (
  select id, sum(idf) as bm25, array_agg(position) as positions from matched join rarity using (position) group by id),
candidate as (
  (select id, cosine from passage where cosine is not null order by cosine desc limit %s)
  union all select id, cosine from passage join lexical using (id)),
fused as (
  select id, max(cosine) as cosine, max(bm25) as bm25, max(positions) as positions
  from candidate left join lexical using (id) group by id)
select id, cosine, positions,
       coalesce(bm25 / nullif((select sum(idf) from rarity), 0), 0) as idf_share,
       %s * coalesce((cosine - lowest) / nullif(highest - lowest, 0), (cosine is not null)::int)
       + %s * coalesce(bm25 / nullif((select max(bm25) from lexical), 0), 0)
       + case when cardinality(positions) = %s then %s else 0 end as score
from fused, everything
order by score desc, id desc limit %s
"""


@dataclass(frozen=True)
class Query:
    """What is searched for. Private rows are compared with the person's side of it, public rows with the server's.

    Vectors are unit-length and None when there is no embedding; tokens stand in the order of the words.
    """

    space: str
    private_vector: Sequence[float] | None
    public_vector: Sequence[float] | None
    private_tokens: Sequence[int]
    public_tokens: Sequence[int]


@dataclass(frozen=True)
class Ranked:
    """One memory's place. cosine: of its best passage, None without a vector; words: positions of the query's words
    that it holds; idf_share: how much of the query's rarity these are, 0 to 1; a word found nowhere is the rarest."""

    memory_id: UUID
    score: float
    cosine: float | None
    words: tuple[int, ...]
    idf_share: float


def rank(rows: Any, query: Query, *, limit: int) -> list[Ranked]:
    """The best memories among `rows`, a queryset of MemoryVector that is already restricted to what may be seen."""
    try:
        rows_sql, rows_params = rows.order_by().values_list(*COLUMNS).query.sql_with_params()
    except EmptyResultSet:
        return []
    words = len(query.private_tokens)
    both = [*query.private_tokens, *query.public_tokens]
    found = fetch_prepared(
        STATEMENT.replace("{rows}", rows_sql),
        [
            query.space,
            _literal(query.public_vector),
            _literal(query.private_vector),
            both,
            *rows_params,
            both,
            [*range(words), *range(words)],
            limit * PASSAGES_A_MEMORY,
            WEIGHT_OF_MEANING,
            WEIGHT_OF_WORDS,
            words,
            EVERY_WORD,
            limit,
        ],
    )
    return [
        Ranked(memory_id, float(score), cosine, tuple(sorted(positions or ())), float(idf_share))
        for memory_id, cosine, positions, idf_share, score in found
    ]


def _literal(vector: Sequence[float] | None) -> str | None:
    return None if vector is None else to_halfvec(vector)
