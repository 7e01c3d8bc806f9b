"""Ranking: keyword and semantic scores fused in one statement, one pass over the covering index.

score = cosine + .6 * single + .7 * pairs ^ .6 + .3 * content if all words match. A word weighs its share of the query's
IDF: single = sum(weight * specificity), pairs = sum(weight)^2 - sum(weight^2), so that one generic word hardly counts.
The words of a memory's creation day weigh no more than the same word in a text. Consecutive memories of a conversation
share part of their words with their neighbors. docs/decisions/0003-ranking.md explains every number. Rows without a
vector yet rank by keyword. Frequencies use only rows that the actor may see, so that no score reveals a private word.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from core.db.prepared import fetch_prepared, format_array
from memories.fields import build_stored_row
from memories.index.work_queue import TURN_PLACES
from memories.models import Memory
from memories.search.ranking_query import (
    MAX_WORDS,
    RankedMemory,
    RankingQuery,
    VisibleRows,
    build_cosine_params,
    fill_cosine,
)
from memories.services.reads import MEMORY_COLUMNS
from memories.services.supersession import HAS_SUCCESSOR
from memories.services.tags import TAGS_SUBQUERY, TagsOfRows, set_tags_from_row

WEIGHT_OF_SINGLE_WORDS = 0.6
WEIGHT_OF_PAIRS = 0.7
PAIR_EXPONENT = 0.6
ALL_WORDS_BONUS = 0.3  # ranks the only memory with a rare word above those that are only similar in meaning
K1 = 1.2
# The share of a word that counts for a neighbor in a conversation, by distance.
NEIGHBOUR_WEIGHTS = {1: 0.6, 2: 0.36, -1: 0.4, -2: 0.24}
# Neighbors are next to each other, whatever lies between them: an import leaves gaps for turns that it does not bring.
MAX_GAP = 4  # in positions that are given one by one
MAX_TURN_GAP = 1_000 * TURN_PLACES  # conversations are some 2**63 / their number apart
APART = 10  # more than any distance
# Minimum cosine plus matched IDF share of a strongly related memory. Answers: answer_strength.py.
STRONG_STRENGTH = 0.75
# Cosines of hits without a matching word. Below RELATED_COSINE a hit is unrelated, and no channel shows it. Below
# FAIR_COSINE, or below WEAK_SHARE of the best hit's, it is weakly related: relative too, since queries differ.
RELATED_COSINE = 0.15
FAIR_COSINE = 0.3
WEAK_SHARE = 0.6
PASSAGES_A_MEMORY = 5  # nearest passages fetched; with more from one memory, another could be missed
FEW_TOKENS = 12  # whether a passage has one of so many is found faster by comparing each with each
MAX_SCORED = 5_000  # surroundings; of more, the best by a rough score

# The weight of the word at `place`: in the text, else in the date.
WORD_WEIGHT = (
    "case when bits >> place & 1 = 1 then idf when bits >> place + 31 & 1 = 1 then day_idf else 0 end"
)
TEXT_BITS = (1 << MAX_WORDS) - 1  # without those of dates
IN_TOKENS = "tokens[width_bucket(token, tokens)] = token"
# The words of the place at each distance, and how much of the word at `place` they give.
GIVERS = [f"giver{number}" for number in range(len(NEIGHBOUR_WEIGHTS))]
NEIGHBOUR_BITS = [
    f"coalesce(bit_or(bits) over (order by number range between {reach} and {reach}), 0) & {TEXT_BITS} as {giver}"
    for giver, distance in zip(GIVERS, NEIGHBOUR_WEIGHTS, strict=True)
    for reach in [f"{abs(distance)} {'preceding' if distance > 0 else 'following'}"]
]
SHARED_WEIGHT = " + ".join(
    f"({giver} >> place & 1) * {share}::float8"
    for giver, share in zip(GIVERS, NEIGHBOUR_WEIGHTS.values(), strict=True)
)

# The words of a surrounding's memories, those next to them and those beyond, and what a word gives that is there alone.
OWN_BITS = f"((bits | (bits >> {MAX_WORDS})) & {TEXT_BITS})"
NEXT_BITS, FAR_BITS = "(giver0 | giver2)", "(giver1 | giver3)"
ROUGH_SHARES = {
    OWN_BITS: 1.0,
    f"({NEXT_BITS} & ~{OWN_BITS})": 0.65,
    f"({FAR_BITS} & ~({OWN_BITS} | {NEXT_BITS}))": 0.45,
}
BYTES = range(4)  # of TEXT_BITS
# About the best score in a surrounding, from the IDF of all words of a byte at once.
ROUGH_WEIGHT = " + ".join(
    f"{share}::float8 * (select sums from idf_sums)[{256 * byte + 1} + ({bits} >> {8 * byte} & 255)]"  # noqa: S608 # nosec B608
    for bits, share in ROUGH_SHARES.items()
    for byte in BYTES
)
ROUGH_SCORE = f"""(
  select coalesce(nearest, 0) + {WEIGHT_OF_SINGLE_WORDS} * share + {WEIGHT_OF_PAIRS} * share ^ {2 * PAIR_EXPONENT}
  from (select ({ROUGH_WEIGHT}) / (select asked from query) as share offset 0) rough)"""  # noqa: S608 # nosec B608

NEAREST = """
select id, max(cosine) as cosine, 0::bigint as bits, 0::float8 as idf_share, false as has_neighbor, max(cosine) as score
from (
  select id, cosine from (select memory_id as id, {cosine} as cosine from ({rows}) visible) compared
  where cosine is not null order by cosine desc limit %s) passage
group by id order by score desc, id desc limit %s
"""

# Stored tokens are sorted, so that `width_bucket` finds a word by binary search. Only passages that contain a query
# word, are near the query, or may get a neighbor's word are grouped into memories. A memory's `bits` are the query's
# words that it has: bit 0 for the first in its text, bit 31 for it in its date. Memories with equal bits are one kind;
# how many have a word is counted by bytes of their bits. Memories with the same bits and the same neighbors' bits are
# of one surrounding, for which everything but the cosine is computed; of too many, for those with the best rough score.
# Whatever stands at one place counts once. No two CTEs are joined that grow with the memories, so that the cost is
# linear whatever the planner expects. Places are an array because PostgreSQL expects fewer rows from it than from
# generate_series. `offset 0` keeps PostgreSQL from computing an expression again wherever it is used.
# {source} defines `placed`, the memories with their neighbors' bits, `kind`, and `total`, how many passages there are:
# FROM_ROWS from the index, or cache/ranking.py from the memory of a process.
FROM_ROWS = f"""
word as materialized (select * from unnest(%s::bigint[], %s::bigint[]) word(token, bit)),
public_word as materialized (select * from unnest(%s::bigint[], %s::bigint[]) word(token, bit)),
passage as materialized (
  select memory_id, sequence, {{cosine}} as cosine,
         case when %s::bool and not tokens && case when is_public then %s::bigint[] else %s::bigint[] end then 0
              when is_public then (select bit_or(bit) from public_word where {IN_TOKENS})
              else (select bit_or(bit) from word where {IN_TOKENS}) end as bits
  from ({{rows}}) visible),
total as materialized (select count(*)::float8 as n, count(sequence) > 0 as is_marked from passage),
memory as materialized (
  select memory_id as id, max(sequence) as sequence, max(cosine) as cosine, coalesce(bit_or(bits), 0) as bits
  from passage
  where bits <> 0 or sequence is not null or cosine >= (
    select min(cosine) from (select cosine from passage where cosine is not null order by cosine desc limit %s) nearest)
  group by memory_id),
turn as materialized (
  select id, cosine, bits, sum(
    case when sequence = before then 0
         when sequence <= before + {MAX_GAP}
           or sequence between before + {TURN_PLACES // 2} and before + {MAX_TURN_GAP} then 1
         else {APART} end) over (order by sequence) as number
  from (select id, cosine, bits, sequence, lag(sequence) over (order by sequence) as before from memory
        where sequence is not null and (select is_marked from total)) marked),
placed as (
  select id, cosine, bits, {", ".join(NEIGHBOUR_BITS)} from turn
  union all select id, cosine, bits, {", ".join("0" for _ in GIVERS)} from memory where sequence is null),
kind as materialized (select bits, count(*) as found from memory group by bits)"""  # noqa: S608 # nosec B608
FUSED = f"""
with {{source}},
surrounding as materialized (
  select bits, {", ".join(GIVERS)}, array_agg(id) as ids, array_agg(cosine) as cosines, max(cosine) as nearest
  from placed group by bits, {", ".join(GIVERS)}),
counted as materialized (
  select number * 8 + bit as bit, sum(found)::float8 as found
  from (select number, bits >> number * 8 & 255 as byte, sum(found) as found
        from kind, unnest(%s::int[]) number group by 1, 2) bytes, unnest(array{[*range(8)]}) bit
  where byte >> bit & 1 = 1 group by 1),
rarity as materialized (
  select place, idf, least(idf, ln(1 + (n - dates + .5) / (dates + .5))) as day_idf,
         case when place = any(%s::int[]) then 1 else 0 end as is_distinctive,
         (%s::float8[])[place + 1] as specificity
  from total, lateral (
    select place, ln(1 + (n - texts + .5) / (texts + .5)) as idf, dates
    from (select place, coalesce((select found from counted where bit = place), 0) as texts,
                 coalesce((select found from counted where bit = place + {MAX_WORDS}), 0) as dates
          from unnest(%s::int[]) place offset 0) each_place) weighed),
query as materialized (select sum(idf) as asked from rarity),
idf_sums as materialized (select array(
  select coalesce(sum(idf) filter (where byte >> mod(place, 8) & 1 = 1), 0)
  from unnest(array{[*BYTES]}) number cross join generate_series(0, 255) byte left join rarity on place / 8 = number
  group by number, byte order by number, byte) as sums),
chosen as materialized (
  select * from surrounding
  order by case when (select count(*) from surrounding) > %s then {ROUGH_SCORE} end desc nulls last limit %s),
scored as materialized (
  select ids, cosines, bits, {" | ".join(GIVERS)} <> 0 as has_neighbor, score.* from chosen, lateral (
    select sum(weight) as weight, sum(weight * weight) as squares, sum(weight * specificity) as single,
           coalesce(sum(idf * is_distinctive) filter (where own_weight > 0), 0)
             / sum(idf * is_distinctive) as idf_share,
           case when bool_and(tf = 1) then %s::float8 else 0 end as bonus
    from (
      select *, case when shared_tf > 0 then greatest(
          own_weight, idf * %s::float8 * (tf + shared_tf) / (tf + shared_tf + %s::float8)) else own_weight end as weight
      from (select idf, is_distinctive, specificity, bits >> place & 1 as tf, {SHARED_WEIGHT} as shared_tf,
                   {WORD_WEIGHT} as own_weight from rarity offset 0) own offset 0) word) score)
select id, cosine, bits, idf_share, has_neighbor,
       coalesce(cosine, 0) + bonus + {WEIGHT_OF_SINGLE_WORDS} * single / asked
       + {WEIGHT_OF_PAIRS} * power(greatest(0, weight ^ 2 - squares) / asked ^ 2, {PAIR_EXPONENT}) as score
from (select unnest(ids) as id, unnest(cosines) as cosine, bits, idf_share, has_neighbor, weight, squares, single, bonus
      from scored) each_memory, query
where cosine is not null or weight > 0
order by score desc, cosine desc nulls last, id desc limit %s
"""  # noqa: S608 # nosec B608

# Reads the ranked memories in the same statement, so that they are still visible. After the first ones, only memories
# with all words are read, since they may contain the query literally. `limit 1` forces an index lookup per memory; the
# generic plan would otherwise read the whole table.
READ = f"""
with ranked as materialized ({{ranked}}), placed as materialized (
  select *, row_number() over (order by score desc, cosine desc nulls last, id desc) as place from ranked)
select place, score, cosine, bits, idf_share, has_neighbor, memory.* from placed, lateral (
  select {TAGS_SUBQUERY}, {HAS_SUCCESSOR}, {", ".join(MEMORY_COLUMNS)}
  from memories_memory where owner_id = %s and id = placed.id limit 1) memory
where place <= %s or bits & %s = %s
order by place
"""  # noqa: S608 # nosec B608


def rank_memories(
    rows: VisibleRows | None, query: RankingQuery, *, limit: int, looked_through: int = 0
) -> list[RankedMemory]:
    """Return the best `limit` memories with prefetched tags, best first.

    Also returns those of the best `looked_through` that have all words. Without words, only meaning is compared, which
    is cheaper.
    """
    if not rows or not (ranked := build_statement(rows, query, limit=max(limit, looked_through))):
        return []
    sql, params = build_reading(*ranked, query, owner_id=rows.owner_id, limit=limit)
    return build_memories(fetch_prepared(sql, params), query)


def build_reading(
    ranking: str, params: Sequence[object], query: RankingQuery, *, owner_id: UUID, limit: int
) -> tuple[str, list[object]]:
    """Return the statement that reads the owner's best memories of a ranking, and its parameters."""
    all_words = (1 << len(query.private_tokens)) - 1
    reading = [owner_id, owner_id, owner_id, limit, all_words, all_words]
    return READ.replace("{ranked}", ranking), [*params, *reading]


def build_memories(rows: Iterable[tuple[Any, ...]], query: RankingQuery) -> list[RankedMemory]:
    """Return the memories of READ's rows, in their order."""
    places = range(len(query.private_tokens))
    found, known = [], TagsOfRows()
    for _place, score, cosine, bits, idf_share, has_neighbor, tags, has_successor, *columns in rows:
        memory = build_stored_row(Memory, MEMORY_COLUMNS, columns)
        set_tags_from_row(memory, tags, known)
        memory.has_successor = has_successor
        found.append(
            RankedMemory(
                memory=memory,
                score=score,
                # A query's vector can be longer than one.
                cosine=None if cosine is None else min(cosine, 1.0),
                words=tuple(place for place in places if bits >> place & 1),
                idf_share=idf_share,
                has_neighbor=has_neighbor,
            )
        )
    return found


def build_statement(rows: VisibleRows, query: RankingQuery, *, limit: int) -> tuple[str, list[object]] | None:
    """Return the ranking statement and its parameters; None if the query has neither words nor a vector."""
    if query.private_tokens:
        source = fill_cosine(FROM_ROWS, query).replace("{rows}", rows.sql)
        return build_fused(source, _build_source_params(rows, query, limit), query, limit=limit)
    if not query.vectors:
        return None
    params = [*build_cosine_params(query), *rows.params, limit * PASSAGES_A_MEMORY, limit]
    return fill_cosine(NEAREST, query).replace("{rows}", rows.sql), params


def build_fused(
    source: str, source_params: Sequence[object], query: RankingQuery, *, limit: int
) -> tuple[str, list[object]]:
    """Return the statement that ranks what `source` defines, and its parameters."""
    (_, bits) = query.private_words
    params = [
        *source_params,
        format_array(sorted({(bit.bit_length() - 1) // 8 for bit in bits})),
        format_array(query.find_distinctive_words()),
        format_array(query.specificity or [1.0] * len(query.private_tokens)),
        format_array(range(len(query.private_tokens))),
        MAX_SCORED,
        MAX_SCORED,
        ALL_WORDS_BONUS * query.content,
        K1 + 1,
        K1,
        limit,
    ]
    return FUSED.replace("{source}", source), params


def _build_source_params(rows: VisibleRows, query: RankingQuery, limit: int) -> list[object]:
    of_private, of_public = query.private_words, query.public_words
    private, bits, public, public_bits = map(format_array, (*of_private, *of_public))
    return [
        *(private, bits, public, public_bits),
        *build_cosine_params(query),
        len(of_private[0]) <= FEW_TOKENS,
        public,
        private,
        *rows.params,
        limit * PASSAGES_A_MEMORY,
    ]
