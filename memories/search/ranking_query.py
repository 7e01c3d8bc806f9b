"""The query of a ranking, the rows that it ranks, and what it returns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.actor import Actor
from accounts.models import User
from core.db.prepared import fetch_prepared
from memories.index.vectors import format_halfvec
from memories.models import Memory, MemoryVector
from memories.models.compiled import compile_visible
from memories.models.visibility import NO_FILTERS, Filters

MAX_WORDS = 31  # per query; each uses two bits of a bigint: in the text, in the date
MANY_ROWS, WORDS_FOR_MANY_ROWS = 100_000, 12  # docs/decisions/0035-linear-search.md
COLUMNS = ("memory_id", "is_public", "space_id", "embedding", "tokens", "sequence")

MORE = "select count(*) > %s from (select 1 from ({rows}) visible limit %s) first"

# The cosine of a row with the query's vector of the encoder that made the row's; see `fill_cosine`.
ENCODER_COSINE = """
when space_id = any(array(select id from memories_embeddingspace where encoder = %s))
then -(embedding <#> case when is_public then %s::halfvec else %s::halfvec end)"""


@dataclass(frozen=True)
class QueryVector:
    """A query's vector by one encoder, of unit length, rotated for private rows and not for public ones."""

    encoder: str
    private: Sequence[float]
    public: Sequence[float]


@dataclass(frozen=True)
class OtherToken:
    """Another token of the word at `place`."""

    place: int
    private: int
    public: int


@dataclass(frozen=True)
class RankingQuery:
    """The query of a ranking: private values for private rows (owner's key), public values for public rows.

    vectors: none without an embedding; several while the owner's memories move to another encoder. Tokens are in the
    order of the words, at most MAX_WORDS; days are, in the same order, the tokens of the months, weekdays and years
    that a word names. others: further tokens of the same words, such as their stems in another language.
    common: the places of words that name whom it is about: they match but do not count toward `idf_share`.
    specificity: how much each word says alone, from 0 (default 1). content: the share of words that are not stop words.
    """

    vectors: Sequence[QueryVector]
    private_tokens: Sequence[int]
    public_tokens: Sequence[int]
    private_days: Sequence[Sequence[int]] = ()
    public_days: Sequence[Sequence[int]] = ()
    others: Sequence[OtherToken] = ()
    common: Collection[int] = ()
    specificity: Sequence[float] = ()
    content: float = 1.0

    @property
    def private_words(self) -> tuple[list[int], list[int]]:
        """The tokens for private rows, and the bit of each."""
        others = [(other.private, other.place) for other in self.others]
        return _assign_bits(self.private_tokens, self.private_days, others)

    @property
    def public_words(self) -> tuple[list[int], list[int]]:
        """The tokens for public rows, and the bit of each."""
        others = [(other.public, other.place) for other in self.others]
        return _assign_bits(self.public_tokens, self.public_days, others)

    def find_distinctive_words(self) -> list[int]:
        """Return the places of the words that are not common, or of all if every word is."""
        places = range(len(self.private_tokens))
        return [place for place in places if place not in self.common] or list(places)


@dataclass(frozen=True)
class RankedMemory:
    """A ranked memory.

    cosine: of its best passage (of a long text, the best that is near or contains a word), None without a vector.
    words: positions of the query's words that its text contains. idf_share: the share of the query's total IDF that
    its text and date match, 0 to 1, without common words; a word that no memory has is the rarest. has_neighbor: a
    neighbor in its conversation has a word of the query.
    """

    memory: Memory
    score: float
    cosine: float | None
    words: tuple[int, ...]
    idf_share: float
    has_neighbor: bool


@dataclass(frozen=True)
class VisibleRows:
    """The compiled statement of one owner's passages that an actor may see and that match some filters."""

    owner_id: UUID
    sql: str
    params: tuple[object, ...]

    @classmethod
    def for_actor(
        cls, actor: Actor, owner: User, filters: Filters = NO_FILTERS, *more: str
    ) -> "VisibleRows | None":
        """Return the statement of the owner's passages with COLUMNS and `more`; None if it never has a row."""
        found = compile_visible(_select_passages, actor, owner, filters=filters, columns=(*COLUMNS, *more))
        return None if found is None else cls(owner.pk, found.sql, found.params)

    def are_many(self) -> bool:
        """Return whether these are so many rows that a ranking of MAX_WORDS would take over two seconds of CPU."""
        return self.are_more_than(MANY_ROWS)

    def are_more_than(self, count: int) -> bool:
        statement = MORE.replace("{rows}", self.sql)
        [(are_more,)] = fetch_prepared(statement, [count, *self.params, count + 1])
        return bool(are_more)


def _select_passages(
    actor: Actor, owner: User, *, filters: Filters, columns: tuple[str, ...]
) -> QuerySet[MemoryVector, Any]:
    rows = MemoryVector.objects.visible_to(actor, owner=owner).apply_filters(actor, filters)
    return rows.order_by().values_list(*columns)


def fill_cosine(sql: str, query: RankingQuery) -> str:
    """Replace {cosine}: each row is compared with the vector of its own encoder, null without one."""
    branches = ENCODER_COSINE * max(1, len(query.vectors))
    return sql.replace("{cosine}", f"case {branches} end")


def build_cosine_params(query: RankingQuery) -> list[object]:
    params: list[object] = []
    for vector in query.vectors:
        params += [vector.encoder, format_halfvec(vector.public), format_halfvec(vector.private)]
    return params or [None, None, None]


def _assign_bits(
    tokens: Sequence[int], days: Sequence[Sequence[int]], others: Sequence[tuple[int, int]]
) -> tuple[list[int], list[int]]:
    """Return all tokens and their bits. others: tokens with the place of their word."""
    in_text = [(token, 1 << place) for place, token in enumerate(tokens)]
    in_date = [(token, 1 << place + MAX_WORDS) for place, day in enumerate(days) for token in day]
    every = [*in_text, *in_date, *((token, 1 << place) for token, place in others)]
    return [token for token, _ in every], [bit for _, bit in every]
