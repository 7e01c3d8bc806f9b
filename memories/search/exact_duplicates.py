"""Exact duplicates: found without a stored digest of texts, and merged into the existing memory."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Literal
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.actor import Actor
from accounts.keys import get_person_key, get_server_key
from core.db.prepared import fetch_prepared
from memories import scopes
from memories.errors import DuplicateMemory, VersionConflict
from memories.fields import build_stored_row
from memories.index import keywords
from memories.index.languages import Language, get_former_languages, get_owner_language
from memories.index.passages import extract_passage_words, get_max_tag_words, split_passages
from memories.models import AuditAction, Memory, Visibility
from memories.search.ranking_query import VisibleRows
from memories.services import audit, reads, writes
from memories.services.reads import MEMORY_COLUMNS
from memories.services.supersession import attach_links
from memories.services.tags import TAGS_SUBQUERY, get_tag_names, redact_tags, set_tags_from_row
from memories.validation import limits
from memories.validation.drafts import UNSET, Changes, NewMemory, Unset, clean_new_memory

MAX_CANDIDATES = 1_000  # with the same words, newest first

DAY_WORDS = 3  # of a memory's creation day, among its tokens

# Memories with a passage of exactly these words, besides those of its day and its tags. As in ranking.READ, an index
# lookup per memory.
SAME_WORDS = f"""
with same as materialized (
  select distinct memory_id from ({{rows}}) visible
  where tokens @> case when is_public then %s::bigint[] else %s::bigint[] end
    and cardinality(tokens) <= %s + case when exists (
      select from memories_memorytag tagged
      where tagged.owner_id = %s and tagged.memory_id = visible.memory_id) then %s else 0 end)
select memory.* from same, lateral (
  select {TAGS_SUBQUERY}, {", ".join(MEMORY_COLUMNS)} from memories_memory
  where owner_id = %s and id = same.memory_id limit 1) memory
order by memory.id desc limit %s
"""  # noqa: S608 # nosec B608

Expiry = datetime | Literal[Unset.UNSET] | None


class OnDuplicate(StrEnum):
    """What to do if a memory with the same text exists."""

    KEEP = "keep"  # save a second one without searching, which would take longer than writing
    RETURN = "return"  # merge the tags and the expiry into the existing one
    REFUSE = "refuse"


def create_unless_duplicate(
    actor: Actor,
    *,
    text: str,
    on_duplicate: OnDuplicate,
    visibility: str = Visibility.PRIVATE,
    tags: Sequence[str] = (),
    expires_at: Expiry = UNSET,
    supersedes: UUID | None = None,
    pinned: bool = False,
) -> tuple[Memory, bool]:
    """Return the memory, and whether it is new. Raises DuplicateMemory (REFUSE) and the errors of writes.create_memory.

    An app that cannot read the existing memory does not learn of it. Two concurrent calls may both save one.
    """
    actor.require_scope(scopes.WRITE)
    existing = None if on_duplicate == OnDuplicate.KEEP else find_exact_duplicate(actor, text)
    if existing is None:
        expiry = None if expires_at is UNSET else expires_at
        memory = writes.create_memory(
            actor,
            text=text,
            visibility=visibility,
            tags=tags,
            expires_at=expiry,
            supersedes=supersedes,
            pinned=pinned,
        )
        return memory, True
    if on_duplicate == OnDuplicate.REFUSE:
        raise DuplicateMemory(existing)
    merged = merge_into_duplicate(
        actor, existing, tags=tags, expires_at=expires_at, supersedes=supersedes, pinned=pinned
    )
    return merged, False


def find_exact_duplicate(actor: Actor, text: str) -> Memory | None:
    """Return one of the user's own memories with this text that is not superseded; None without memories:read.

    Candidates have the same words in their first passage, so that few texts must be decrypted. Texts that differ only
    in how Unicode composes their characters are the same.
    """
    if not actor.has_scope(scopes.READ):
        return None
    try:
        text = limits.clean_text(text)
    except ValidationError:  # no memory can have an invalid text
        return None
    languages = dict.fromkeys([get_owner_language(actor.person), *get_former_languages(actor.person)])
    wanted = unicodedata.normalize("NFC", text)
    for memory in chain.from_iterable(_find_same_words(actor, text, language) for language in languages):
        stored = reads.decrypt_or_none(memory)
        if stored is not None and unicodedata.normalize("NFC", stored) == wanted:
            attach_links(actor, [memory])
            if memory.superseded_by is not None:  # what was true before may be true again
                continue
            redact_tags(actor, [memory])
            audit.record_read(
                actor, AuditAction.MEMORY_READ, owner_id=memory.owner_id, memory_ids=[memory.pk]
            )
            return memory
    return None


def merge_into_duplicate(
    actor: Actor,
    memory: Memory,
    *,
    tags: Sequence[str] = (),
    expires_at: Expiry = UNSET,
    supersedes: UUID | None = None,
    pinned: bool = False,
) -> Memory:
    """Add the tags, the link and the pin to a memory, and extend its expiry; None is never. Nothing is taken away.

    Raises ValidationError and ApprovalRequired as writes.update_memory does.
    """
    clean_new_memory(
        NewMemory(memory.text, tags=tags, expires_at=None if expires_at is UNSET else expires_at)
    )
    while True:
        changes = _get_changes(memory, tags, expires_at)
        if supersedes is not None:
            changes["supersedes"] = supersedes
        if pinned and not memory.pinned:
            changes["pinned"] = True
        if not changes:
            return memory
        try:
            return writes.update_memory(actor, memory.pk, expected_version=memory.version, **changes)
        except VersionConflict:
            memory = reads.get_memory(actor, memory.pk)


def _get_changes(memory: Memory, tags: Sequence[str], expires_at: Expiry) -> Changes:
    changes: Changes = {}
    present = get_tag_names(memory)
    merged = limits.clean_tags([*limits.split_tags(",".join(present)), *tags])
    if len(merged) > len(present):
        changes["tags"] = merged
    if memory.expires_at is None or expires_at is UNSET:
        return changes
    if expires_at is None or expires_at > memory.expires_at:
        changes["expires_at"] = expires_at
    return changes


def _find_same_words(actor: Actor, text: str, language: Language) -> list[Memory]:
    """Return the user's memories with a passage of exactly the words of the text's first, newest first."""
    rows = VisibleRows.for_actor(actor, actor.person)
    if rows is None:
        return []
    words = extract_passage_words(split_passages(text, language)[0], language)
    private = keywords.hash_words(words, get_person_key(actor.person.pk).keyword_hash_key)
    public = keywords.hash_words(words, get_server_key().keyword_hash_key)
    most, owner_id = len(private) + DAY_WORDS, actor.person.pk
    of_passage = [public, private, most, owner_id, get_max_tag_words()]
    params = [*rows.params, *of_passage, owner_id, owner_id, MAX_CANDIDATES]
    memories = []
    for packed_tags, *columns in fetch_prepared(SAME_WORDS.replace("{rows}", rows.sql), params):
        memories.append(build_stored_row(Memory, MEMORY_COLUMNS, columns))
        set_tags_from_row(memories[-1], packed_tags)
    return memories
