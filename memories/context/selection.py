"""The context: a text of at most so many tokens that says what an app should know of its user at the start.

Pinned memories first, then what a query is about, then the newest, without duplicates. The same memories give the same
text: no model writes it, and no clock.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.actor import Actor
from accounts.keys import get_person_key
from memories import scopes
from memories.context.candidates import find_near_pairs, load_candidates
from memories.context.layout import Entry, Layout, choose_groups, clean_memory_text
from memories.index.languages import Language, get_owner_language
from memories.models import AuditAction, Memory
from memories.search.change_detection import find_contradictions
from memories.search.query import Relevance, find_memories
from memories.services import audit
from memories.services.reads import decrypt_or_none

DEFAULT_TOKENS, MIN_TOKENS, MAX_TOKENS = 800, 100, 8_000
ENTRY_TOKENS = 20  # fewer than any memory takes: how many can have room
MAX_CHARACTERS = 400  # of a memory; the rest is read by its id
MAX_RELATED = 50  # memories that a query finds
RELATED = frozenset({Relevance.STRONG, Relevance.FAIR})


@dataclass(frozen=True)
class Context:
    """The text, empty if there is no memory, and the memories in it, in their order.

    token_count: an upper bound. omitted: how many more memories hold now, of which none in the text is a duplicate.
    """

    text: str
    token_count: int
    max_tokens: int
    memory_ids: tuple[UUID, ...]
    omitted: int


def build_context(actor: Actor, *, max_tokens: int = DEFAULT_TOKENS, query: str = "") -> Context:
    """Return the context of the actor's user. Raises InsufficientScope.

    query: what to put right after the pinned memories.
    """
    actor.require_scope(scopes.READ)
    related = _find_related(actor, query) if query.strip() else []
    candidates = load_candidates(actor, limit=max_tokens // ENTRY_TOKENS, first=related)
    stored = _read_texts(candidates.memories)
    unique = _drop_duplicates(actor, candidates.memories, stored)
    groups = choose_groups(unique)
    layout = Layout(max_tokens)
    for memory in unique:
        text = clean_memory_text(stored[memory.pk], min(max_tokens, MAX_CHARACTERS))
        layout.add_entry(Entry(memory.pk, groups[memory.pk], text))
    duplicates = len(candidates.memories) - len(unique)
    context = Context(
        layout.text,
        layout.token_count,
        max_tokens,
        layout.memory_ids,
        max(0, candidates.total - len(layout.memory_ids) - duplicates),
    )
    audit.record_read(actor, AuditAction.MEMORY_LIST, owner_id=actor.person.pk, memory_ids=context.memory_ids)
    return context


def compute_fingerprint(actor: Actor, context: Context) -> str:
    """Return a digest of all that the context says, by the user's key: it reveals no text, however short."""
    content = f"context\0{context.max_tokens}\0{context.omitted}\0{context.text}".encode()
    return hmac.digest(get_person_key(actor.person.pk).tag_hash_key, content, hashlib.sha256).hex()[:32]


def _find_related(actor: Actor, query: str) -> list[UUID]:
    hits = find_memories(actor, query, limit=MAX_RELATED, only_related=True).hits
    return [hit.memory.pk for hit in hits if hit.relevance in RELATED and hit.memory.superseded_by is None]


def _read_texts(memories: Sequence[Memory]) -> dict[UUID, str]:
    """Return the texts that can be decrypted."""
    texts = ((memory.pk, decrypt_or_none(memory)) for memory in memories)
    return {pk: text for pk, text in texts if text is not None}


def _drop_duplicates(actor: Actor, memories: Sequence[Memory], texts: dict[UUID, str]) -> list[Memory]:
    """Return the memories of which none before says the same."""
    language = get_owner_language(actor.person)
    readable = [memory for memory in memories if memory.pk in texts]
    pairs = find_near_pairs(actor.person.pk, texts)
    near: dict[UUID, list[UUID]] = {}
    for one, other in pairs:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    unique: dict[UUID, Memory] = {}
    said: set[str] = set()
    for memory in readable:
        text = texts[memory.pk]
        before = (texts[pk] for pk in near.get(memory.pk, ()) if pk in unique)
        key = " ".join(unicodedata.normalize("NFC", text).casefold().split())
        if key in said or _is_said(text, before, language):
            continue
        said.add(key)
        unique[memory.pk] = memory
    return list(unique.values())


def _is_said(text: str, before: Iterator[str], language: Language) -> bool:
    return any(not find_contradictions(each, text, language) for each in before)
