"""Tags as words of the index: "recipes" finds what is tagged recipes.

The words of a memory's tags are stored among its tokens with a prefix and always under its owner's key, in public rows
too: nobody else sees tags, and so nobody else's search can match them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.fields import DecryptError
from accounts.keys import get_person_key
from accounts.models import User
from memories.index import keywords, passages
from memories.index.joined_words import extract_index_words
from memories.index.languages import Language, get_former_languages, get_owner_language
from memories.models import Memory, MemoryTag, Tag

_PREFIX = "tag:"  # words of a text have no colon

BATCH = 1_000  # memories of a statement

# `tags` has each set of tags as text, since the sets differ in length; `places` which of them a memory has.
STORE = """
update memories_memoryvector stored
set tokens = array(
  select token from unnest(stored.tokens) token where token <> all(%(stale)s::bigint[])
  union select unnest(changed.tags) order by token
)
from (
  select memory_id, (%(tags)s::text[])[place]::bigint[] as tags
  from unnest(%(memories)s::uuid[], %(places)s::int[]) as each (memory_id, place)
) changed
where stored.owner_id = %(owner)s and stored.memory_id = changed.memory_id
"""


def hash_tag_stems(owner_id: UUID, stems: Iterable[str]) -> list[int]:
    """Return the tokens of stems as words of a tag."""
    return keywords.hash_words((_PREFIX + stem for stem in stems), get_person_key(owner_id).keyword_hash_key)


def hash_tag_names(owner_id: UUID, names: Iterable[str], language: Language) -> list[int]:
    """Return the tokens under which a memory with these tags is stored."""
    limit = passages.get_max_tag_words()
    return hash_tag_stems(owner_id, extract_index_words("\n".join(names), language, limit=limit)[:limit])


def read_tag_names(memories: Collection[Memory]) -> dict[UUID, list[str]]:
    """Return the names of each memory's tags as stored now, without any that cannot be decrypted."""
    return _read_names({memory.owner_id for memory in memories}, [memory.pk for memory in memories])


def store_tag_words(owner: User, memory_ids: Collection[UUID], *, dropped: Sequence[str] = ()) -> None:
    """Update the tag words of memories whose tags changed. dropped: names that some of them had before."""
    if not memory_ids:
        return
    language = get_owner_language(owner)
    stale = {
        token
        for each in (language, *get_former_languages(owner))
        for token in hash_tag_names(owner.pk, dropped, each)
    }
    ids = list(memory_ids)
    for start in range(0, len(ids), BATCH):
        _store_batch(owner, ids[start : start + BATCH], stale, language)


def _store_batch(
    owner: User, memory_ids: Collection[UUID], stale: Collection[int], language: Language
) -> None:
    names = _read_names([owner.pk], memory_ids)
    sets: dict[tuple[str, ...], int] = {}
    places = [sets.setdefault(tuple(names[each]), len(sets) + 1) for each in memory_ids]
    tags = [hash_tag_names(owner.pk, each, language) for each in sets]
    params: dict[str, Any] = {
        "stale": list(stale),
        "tags": [f"{{{','.join(map(str, tokens))}}}" for tokens in tags],
        "owner": owner.pk,
        "memories": list(memory_ids),
        "places": places,
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, params)


def _read_names(owner_ids: Collection[UUID], memory_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    rows = MemoryTag.objects.filter(owner_id__in=owner_ids, memory_id__in=memory_ids).select_related("tag")
    names: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        if (name := read_tag_name(row.tag)) is not None:
            names[row.memory_id].append(name)
    return names


def read_tag_name(tag: Tag) -> str | None:
    try:
        return tag.name
    except DecryptError:
        return None
