"""What the tools do: arguments in, one call of the domain, answer out. No rule and no query."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from memories.errors import MemoryNotFound, WaitsForYes
from memories.mcp import tool_arguments, tool_results
from memories.models.visibility import Filters
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.search.query import find_same
from memories.search.query import search as search_memories
from memories.services import reads, writes
from memories.validation.drafts import Changes


@dataclass(frozen=True)
class ToCome:
    """An answer that is waited for without holding a thread."""

    answer: Callable[[], Awaitable[tool_results.Answer]]


def search(actor: Actor, asked: tool_arguments.Search) -> tool_results.Results:
    filters = Filters(
        visibility=asked.visibility,
        tags_all=_tags(actor, asked.tags),
        since=_moment(actor, "since", asked.since),
        until=_moment(actor, "until", asked.until),
    )
    result = search_memories(actor, asked.query, filters=filters, limit=asked.limit)
    found = tool_results.results(((hit.memory, hit.score) for hit in result.hits), asked.max_tokens)
    found.degraded = result.degraded or None
    return found


def fetch(actor: Actor, asked: tool_arguments.Fetch) -> tool_results.Document:
    return tool_results.document(reads.get_memory(actor, _id(asked.id)), asked.max_tokens)


def add_memory(actor: Actor, asked: tool_arguments.AddMemory) -> tool_results.Kept:
    """Private, whatever the text says. The same text twice is one memory."""
    if same := find_same(actor, asked.text):
        return tool_results.kept(same, existed=True)
    expires_at = _moment(actor, "expires_at", asked.expires_at)
    try:
        memory = writes.create_memory(actor, text=asked.text, tags=asked.tags, expires_at=expires_at)
    except WaitsForYes as waiting:
        return tool_results.waiting(waiting)
    return tool_results.kept(memory)


def update_memory(actor: Actor, asked: tool_arguments.UpdateMemory) -> tool_results.Kept:
    changes: Changes = {}
    if asked.text is not None:
        changes["text"] = asked.text
    if asked.tags is not None:
        changes["tags"] = asked.tags
    if asked.expires_at is not None:
        changes["expires_at"] = _expiry(actor, asked.expires_at)
    try:
        return tool_results.kept(writes.update_memory(actor, _id(asked.id), **changes))
    except WaitsForYes as waiting:
        return tool_results.waiting(waiting)


def forget_memory(actor: Actor, asked: tool_arguments.ForgetMemory) -> tool_results.Forgotten:
    memory = writes.trash_memory(actor, _id(asked.id))
    note = _("It is in the trash. Its person can restore it there.")
    return tool_results.Forgotten(id=str(memory.pk), forgotten=True, note=note)


def list_recent(actor: Actor, asked: tool_arguments.ListRecent) -> tool_results.Results:
    filters = Filters(since=_moment(actor, "since", asked.since))
    page = reads.list_memories(actor, filters=filters, limit=asked.limit)
    return tool_results.results(((memory, None) for memory in page.memories), asked.max_tokens)


def ask_persona(actor: Actor, asked: tool_arguments.AskPersona) -> "tool_results.PersonaAnswer | ToCome":
    about = persona_retrieval.find(actor, asked.handle)
    prepared = persona_retrieval.prepare(actor, about, asked.question)
    if not prepared.sources:
        return tool_results.persona_answer(prepared.quoted, about, actor)

    async def worded() -> tool_results.Answer:
        return tool_results.persona_answer(await persona_generation.answer(prepared), about, actor)

    return ToCome(worded)


def whoami(actor: Actor, _asked: tool_arguments.Whoami) -> tool_results.Identity:
    return tool_results.identity(actor)


def _id(given: str) -> UUID:
    """What is no id is the id of nothing."""
    try:
        return UUID(given)
    except ValueError:
        raise MemoryNotFound from None


def _tags(actor: Actor, names: list[str]) -> frozenset[UUID]:
    """Ids of the tags, as far as the actor may know of them. Raises ValidationError for one that is on no memory."""
    if not any(name.strip() for name in names):
        return frozenset()
    found, missing = reads.tags_named(actor, names)
    if missing:
        raise ValidationError({"tags": [_("No memory has the tag “%(name)s”.") % {"name": missing[0][:50]}]})
    return frozenset(tag.pk for tag in found)


def _moment(actor: Actor, name: str, given: datetime | None) -> datetime | None:
    try:
        return tool_arguments.moment(given, actor.person)
    except ValueError:
        raise ValidationError({name: [_("This time is too far away.")]}) from None


def _expiry(actor: Actor, given: datetime | str | None) -> datetime | None:
    if isinstance(given, str):
        if given.strip().lower() == tool_arguments.NEVER:
            return None
        raise ValidationError({"expires_at": [_("Give a time (ISO 8601), or “never”.")]})
    return _moment(actor, "expires_at", given)
