"""Which words the memories that an actor may see contain, by their digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.keys import get_person_key, get_server_key
from core.db.prepared import fetch_prepared, format_array
from memories.index import keywords
from memories.index.tag_words import hash_tag_stems
from memories.search.cache.ranking import CachedRows
from memories.search.ranking_query import VisibleRows

FEW_WORDS = 8
COMMON_SHARE = 0.2  # a word in more of a user's memories names whom they are about, not what
COMMON_SAMPLE = 300  # passages; estimates a share of .2 to within .02
COMMON_MINIMUM = 5  # passages; with only a few memories no word is common

# For a few words: reads the tokens of the memories that have one.
HAS_WORD = """
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place)),
found as materialized (
  select is_public, tokens from ({rows}) visible
  where tokens && case when is_public then %s::bigint[] else %s::bigint[] end limit %s)
select distinct place from found join word on of_public = is_public and token = any(tokens)
"""

# For many words: one pass over all tokens.
HAS_WORDS = """
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place))
select distinct place
from (select is_public, unnest(tokens) as token from ({rows}) visible) stored
join word on of_public = is_public and word.token = stored.token
"""


COMMON = """
with word as materialized (
  select * from unnest(%s::bigint[], %s::bool[], %s::int[]) word(token, of_public, place)),
sample as materialized (select is_public, tokens from ({rows}) visible limit %s)
select place from sample join word on of_public = is_public and token = any(tokens)
group by place having count(*) > greatest(%s, %s::float8 * (select count(*) from sample))
"""


@dataclass(frozen=True)
class VisibleWords:
    """The words of the rows that an actor may see, which belong to one owner; with_tags: also those of tags.

    cached: the same rows in memory, if they are there.
    """

    rows: VisibleRows | None
    owner_id: UUID
    with_tags: bool
    cached: CachedRows | None = None

    def find_present(self, words: Sequence[str]) -> set[str]:
        """Return those of these stems that a memory has."""
        if self.rows is None or not words:
            return set()
        private = keywords.hash_words(words, get_person_key(self.owner_id).keyword_hash_key)
        public = keywords.hash_words(words, get_server_key().keyword_hash_key)
        hashed = [(private, False), (public, True)]
        if self.with_tags:
            tags = hash_tag_stems(self.owner_id, words)
            hashed += [(tags, False), (tags, True)]
        all_tokens = [token for tokens, _ in hashed for token in tokens]
        are_public = [of_public for tokens, of_public in hashed for _ in tokens]
        if self.cached is not None:
            found_places = self.cached.find_tokens(all_tokens, of_public=are_public)
            if found_places is not None:
                return {words[place % len(words)] for place in found_places}
        places = [*range(len(words))] * len(hashed)
        params: list[object] = [format_array(all_tokens), are_public, format_array(places), *self.rows.params]
        if len(words) > FEW_WORDS:
            found = fetch_prepared(HAS_WORDS.replace("{rows}", self.rows.sql), params)
        else:
            wanted = [
                format_array(token for tokens, is_of in hashed if is_of == of_public for token in tokens)
                for of_public in (True, False)
            ]
            params += [*wanted, 1 if len(words) == 1 else None]
            found = fetch_prepared(HAS_WORD.replace("{rows}", self.rows.sql), params)
        return {words[place] for (place,) in found}


def find_common_words(
    rows: VisibleRows | None, private: Sequence[int], public: Sequence[int], *, share: float = COMMON_SHARE
) -> list[int]:
    """Return the positions of tokens in more than this share of the first COMMON_SAMPLE rows, such as names."""
    if rows is None or not private:
        return []
    tokens, of_public = [*private, *public], [False] * len(private) + [True] * len(public)
    places = [*range(len(private)), *range(len(public))]
    params = [
        format_array(tokens),
        of_public,
        format_array(places),
        *rows.params,
        COMMON_SAMPLE,
        COMMON_MINIMUM,
        share,
    ]
    return [place for (place,) in fetch_prepared(COMMON.replace("{rows}", rows.sql), params)]
