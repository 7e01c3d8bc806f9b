"""How a search ranks: words and meaning fused in one statement, one pass over the covering index.

score = .5 * min-max(cosine, over all the rows searched) + .5 * BM25 / best BM25 + .3 when every word is there.
BM25 counts a word once a memory (k1 1.2, b 0); the words of the day that a memory was made weigh no more than the
same word in a text. Where memories follow one another in a conversation, words are lent to the neighbours.
Fused scores beat reciprocal rank fusion in every pairing that was measured; every number here is explained in
docs/decisions/0003-ranking.md. Rows without a vector yet rank by their words. Frequencies and extremes are taken only
over rows that the actor may see: a score must not tell of a private word.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from core.db.prepared import fetch_prepared
from memories.fields import build_stored_row
from memories.index.vectors import format_halfvec
from memories.models import Memory, MemoryVector
from memories.services.tags import TAGS_SUBQUERY, set_tags_from_row

WEIGHT_OF_MEANING = 0.5
WEIGHT_OF_WORDS = 0.5
ALL_WORDS_BONUS = (
    0.3  # puts the only memory that holds a rare word before those that are merely near in meaning
)
EXACT_PHRASE_BONUS = 2.0  # more than all the rest together
K1 = 1.2
# What a neighbour in a conversation is lent of a word: distance to it -> share.
NEIGHBOUR_WEIGHTS = {1: 0.6, 2: 0.36, -1: 0.4, -2: 0.24}
# Cosine plus share of matched rarity of the first hit, below which no memory answers (decision 0018).
ANSWER_THRESHOLD = 0.75
PASSAGES_A_MEMORY = 5  # how many of the nearest passages may be one memory's, before a memory could be missed
MAX_WORDS = 31  # of a query; two bits of a bigint each: in the text, in the date
COMMON_SHARE = 0.2  # a word in more of a person's memories says whom they are about, not what
COMMON_SAMPLE = 300  # passages; a share of .2 is known to .02 by them
COMMON_MINIMUM = 5  # passages: among a handful of memories no word is a common one

# What a found memory is read with: all that doors show. The others are fetched when asked for.
MEMORY_COLUMNS = tuple(
    field.attname
    for field in Memory._meta.concrete_fields
    if field.name not in ("written_at", "index_attempts", "index_due_at", "index_leased_by", "index_error")
)
COLUMNS = ("memory_id", "is_public", "space_id", "embedding", "tokens", "sequence")

COSINE = "-(embedding <#> case when is_public then %s::halfvec else %s::halfvec end)"

# What the word at `place` brings: in the text, else in the date.
WORTH = "case when bits >> place & 1 = 1 then idf when bits >> place + 31 & 1 = 1 then day_idf else 0 end"
WORTH_TO_HEIR = WORTH.replace("bits", "heir.bits")

NEAREST = f"""
select id, max(cosine) as cosine, 0::bigint as bits, 0::float8 as idf_share, max(cosine) as score from (
  select memory_id as id, {COSINE} as cosine from ({{rows}}) visible
  where space_id = (select id from memories_embeddingspace where identity = %s)
  order by cosine desc limit %s) passage
group by id order by score desc, id desc limit %s
"""  # noqa: S608 # nosec B608

# Only passages that have a word of the question, are near it, or may be lent a word, are grouped into memories. A
# memory's `bits` say which of the question's words it has: bit 0 for the first in its text, bit 31 for it in its date.
# Memories of the same bits are of one kind, so that all but the cosines is worked out per kind, not per memory. Places
# come as an array because PostgreSQL expects fewer rows of one than of generate_series, and makes smaller hash tables.
FUSED = f"""
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::bigint[]) word(token, of_public, bit)),
passage as materialized (
  select memory_id, sequence,
         case when space_id = (select id from memories_embeddingspace where identity = %s) then {COSINE} end as cosine,
         case when tokens && case when is_public then %s::bigint[] else %s::bigint[] end
              then (select bit_or(bit) from word where of_public = is_public and token = any(tokens)) end as bits
  from ({{rows}}) visible),
total as materialized (
  select count(*)::float8 as n, count(sequence) > 0 as is_marked, min(cosine) as lowest, max(cosine) as highest
  from passage),
memory as materialized (
  select memory_id as id, max(sequence) as sequence, max(cosine) as cosine, coalesce(bit_or(bits), 0) as bits
  from passage
  where bits <> 0 or sequence is not null or cosine >= (
    select min(cosine) from (select cosine from passage where cosine is not null order by cosine desc limit %s) nearest)
  group by memory_id),
kind as materialized (select bits, count(*) as found from memory group by bits),
rarity as materialized (
  select place, idf, least(idf, ln(1 + (n - dates + .5) / (dates + .5))) as day_idf,
         case when place = any(%s::int[]) then 1 else 0 end as tells
  from total, lateral (
    select place, ln(1 + (n - texts + .5) / (texts + .5)) as idf, dates
    from (select place, coalesce(sum(found) filter (where bits >> place & 1 = 1), 0)::float8 as texts,
                 coalesce(sum(found) filter (where bits >> place + 31 & 1 = 1), 0)::float8 as dates
          from unnest(%s::int[]) place, kind group by place) counted) weighed),
worth as materialized (
  select bits, sum(worth) as bm25,
         coalesce(sum(idf * tells) filter (where worth > 0), 0) / sum(idf * tells) as idf_share,
         case when bool_and(tf = 1) then %s::float8 else 0 end as bonus
  from (select bits, idf, tells, bits >> place & 1 as tf, {WORTH} as worth from kind, rarity) own group by bits),
lent as materialized (
  select id, bm25 + sum(greatest(0, idf * %s::float8 * (tf + lent) / (tf + lent + %s::float8) - had)) as bm25
  from (
    select heir.id, heir.bits, idf, heir.bits >> place & 1 as tf, sum(share) as lent, {WORTH_TO_HEIR} as had
    from memory giver, unnest(%s::int[], %s::float8[]) reach(distance, share), memory heir, rarity
    where (select is_marked from total) and giver.bits <> 0 and heir.sequence = giver.sequence + distance
      and giver.bits >> place & 1 = 1
    group by heir.id, heir.bits, place, idf, day_idf) loan
  join worth using (bits) group by id, bm25),
scale as materialized (
  select lowest, %s::float8 / nullif(highest - lowest, 0) as of_meaning,
         %s::float8 / nullif(greatest((select max(bm25) from worth), (select max(bm25) from lent)), 0) as of_words
  from total)
select id, cosine, bits, idf_share,
       coalesce((cosine - lowest) * of_meaning, 0) + coalesce(coalesce(lent.bm25, worth.bm25) * of_words, 0) + bonus
       as score
from memory join worth using (bits) left join lent using (id), scale
where cosine is not null or lent.bm25 > 0 or worth.bm25 > 0
order by score desc, cosine desc nulls last, id desc limit %s
"""  # noqa: S608 # nosec B608

# The memories themselves come with their places: all in one statement, so what was ranked as visible still is. Of those
# after the first ones only a memory with all the words can be wanted: the question may stand in it literally.
# `limit 1` makes PostgreSQL look each of them up; the plan, kept for any number of them, would read the whole table.
READ = f"""
with ranked as materialized ({{ranked}}), placed as materialized (
  select *, row_number() over (order by score desc, cosine desc nulls last, id desc) as place from ranked)
select score, cosine, bits, idf_share, memory.* from placed, lateral (
  select {TAGS_SUBQUERY}, {", ".join(MEMORY_COLUMNS)} from memories_memory where id = placed.id limit 1) memory
where place <= %s or bits & %s = %s
order by place
"""  # noqa: S608 # nosec B608

COMMON = """
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place)),
sample as materialized (select is_public, tokens from ({rows}) visible limit %s)
select place from sample join word on of_public = is_public and token = any(tokens)
group by place having count(*) > greatest(%s, %s::float8 * (select count(*) from sample))
"""


@dataclass(frozen=True)
class RankingQuery:
    """What is searched for. Private rows are compared with the person's side of it, public rows with the server's.

    Vectors are unit-length and None when there is no embedding. Tokens stand in the order of the words, at most
    MAX_WORDS; days are, in the same order, the tokens of words that may be part of a date, and None for others.
    common: the places of words that say whom it is about, not what: they find, but do not count as an answer.
    """

    space: str
    private_vector: Sequence[float] | None
    public_vector: Sequence[float] | None
    private_tokens: Sequence[int]
    public_tokens: Sequence[int]
    private_days: Sequence[int | None] = ()
    public_days: Sequence[int | None] = ()
    common: Collection[int] = ()


@dataclass(frozen=True)
class RankedMemory:
    """One memory and its place. cosine: of its best passage (of a long text, its best that
    is near or has a word), None without a vector; words: positions of the query's words
    that its text holds; idf_share: how much of the query's rarity it holds in its text and date, 0 to 1, common words
    left out; a word found nowhere is the rarest."""

    memory: Memory
    score: float
    cosine: float | None
    words: tuple[int, ...]
    idf_share: float


@dataclass(frozen=True)
class VisibleRows:
    """What may be searched: a queryset of MemoryVector that is already restricted to what may be seen, compiled."""

    sql: str
    params: tuple[object, ...]

    @classmethod
    def from_queryset(cls, queryset: QuerySet[MemoryVector]) -> "VisibleRows | None":
        """None when the queryset cannot hold anything."""
        try:
            return cls(*queryset.order_by().values_list(*COLUMNS).query.sql_with_params())
        except EmptyResultSet:
            return None


def rank_memories(
    rows: VisibleRows | None, query: RankingQuery, *, limit: int, looked_through: int = 0
) -> list[RankedMemory]:
    """The best `limit` memories among the rows, best first, their tags at hand; of the best `looked_through`, those
    with all the words too. Without words they are compared by meaning alone, which is cheaper."""
    ranked = rows and build_statement(rows, query, limit=max(limit, looked_through))
    if not ranked:
        return []
    ranking, params = ranked
    all_words = (1 << len(query.private_tokens)) - 1
    found = fetch_prepared(READ.replace("{ranked}", ranking), [*params, limit, all_words, all_words])
    places = range(len(query.private_tokens))
    best = [
        RankedMemory(
            memory=build_stored_row(Memory, MEMORY_COLUMNS, columns),
            score=score,
            cosine=cosine,
            words=tuple(place for place in places if bits >> place & 1),
            idf_share=idf_share,
        )
        for score, cosine, bits, idf_share, its_tags, *columns in found
    ]
    for place, row in zip(best, found, strict=True):
        set_tags_from_row(place.memory, row[4])
    return best


def find_common_words(rows: VisibleRows | None, private: Sequence[int], public: Sequence[int]) -> list[int]:
    """The positions of those tokens that are in more than COMMON_SHARE of the rows, as the names of the people are
    whom the memories are about. Known from the first COMMON_SAMPLE rows, so its cost does not grow."""
    if rows is None or not private:
        return []
    tokens, of_public = [*private, *public], [False] * len(private) + [True] * len(public)
    places = [*range(len(private)), *range(len(public))]
    params = [tokens, of_public, places, *rows.params, COMMON_SAMPLE, COMMON_MINIMUM, COMMON_SHARE]
    return [place for (place,) in fetch_prepared(COMMON.replace("{rows}", rows.sql), params)]


def build_statement(rows: VisibleRows, query: RankingQuery, *, limit: int) -> tuple[str, list[object]] | None:
    """The statement that ranks, with its parameters; None where there is nothing to compare by."""
    if query.private_tokens:
        return FUSED.replace("{rows}", rows.sql), _build_fused_params(rows, query, limit)
    if query.public_vector is None:
        return None
    vectors = [_format_vector(query.public_vector), _format_vector(query.private_vector)]
    params = [*vectors, *rows.params, query.space, limit * PASSAGES_A_MEMORY, limit]
    return NEAREST.replace("{rows}", rows.sql), params


def _build_fused_params(rows: VisibleRows, query: RankingQuery, limit: int) -> list[object]:
    private = _assign_bits(query.private_tokens, query.private_days)
    public = _assign_bits(query.public_tokens, query.public_days)
    return [
        [token for token, _ in [*private, *public]],
        [False] * len(private) + [True] * len(public),
        [bit for _, bit in [*private, *public]],
        query.space,
        _format_vector(query.public_vector),
        _format_vector(query.private_vector),
        [token for token, _ in public],
        [token for token, _ in private],
        *rows.params,
        limit * PASSAGES_A_MEMORY,
        _find_distinctive_words(query),
        list(range(len(query.private_tokens))),
        ALL_WORDS_BONUS,
        K1 + 1,
        K1,
        list(NEIGHBOUR_WEIGHTS),
        list(NEIGHBOUR_WEIGHTS.values()),
        WEIGHT_OF_MEANING,
        WEIGHT_OF_WORDS,
        limit,
    ]


def _find_distinctive_words(query: RankingQuery) -> list[int]:
    """The places of the words that are not common; of all where there are no others."""
    places = range(len(query.private_tokens))
    return [place for place in places if place not in query.common] or list(places)


def _assign_bits(tokens: Sequence[int], days: Sequence[int | None]) -> list[tuple[int, int]]:
    in_text = [(token, 1 << place) for place, token in enumerate(tokens)]
    return in_text + [
        (token, 1 << place + MAX_WORDS) for place, token in enumerate(days) if token is not None
    ]


def _format_vector(vector: Sequence[float] | None) -> str | None:
    return None if vector is None else format_halfvec(vector)
