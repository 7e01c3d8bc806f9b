"""Which words the memories that an actor may see contain, by their digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.keys import get_person_key, get_server_key
from core.db.prepared import fetch_prepared
from memories.index import keywords
from memories.search.ranking_query import VisibleRows

FEW_WORDS = 8

# For a few words: stops at the first memory that has one.
HAS_WORD = """
select place from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place)
where exists (select from ({rows}) visible where is_public = of_public and token = any(tokens))
"""

# For many words: one pass over all tokens.
HAS_WORDS = """
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place)),
stored as materialized (select distinct is_public, unnest(tokens) as token from ({rows}) visible)
select distinct place from stored join word on of_public = is_public and word.token = stored.token
"""


@dataclass(frozen=True)
class VisibleWords:
    """The words of the rows that an actor may see, which belong to one owner."""

    rows: VisibleRows | None
    owner_id: UUID

    def find_present(self, words: Sequence[str]) -> set[str]:
        """Return those of these stems that a memory has."""
        if self.rows is None or not words:
            return set()
        tokens = [
            *keywords.hash_words(words, get_person_key(self.owner_id).keyword_hash_key),
            *keywords.hash_words(words, get_server_key().keyword_hash_key),
        ]
        of_public = [False] * len(words) + [True] * len(words)
        statement = HAS_WORD if len(words) <= FEW_WORDS else HAS_WORDS
        params = [tokens, of_public, [*range(len(words)), *range(len(words))]]
        ordered = [*params, *self.rows.params]
        found = fetch_prepared(statement.replace("{rows}", self.rows.sql), ordered)
        return {words[place] for (place,) in found}
