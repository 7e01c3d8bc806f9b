"""What the tools do: arguments in, one call of the domain, answer out. No rule and no query."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from memories.errors import ApprovalRequired, MemoryNotFound
from memories.mcp import tool_arguments, tool_results
from memories.models.visibility import Filters
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.search.query import find_exact_duplicate, search_memories
from memories.services import reads, writes
from memories.validation.drafts import Changes


@dataclass(frozen=True)
class DeferredResult:
    """An answer that is waited for without holding a thread."""

    answer: Callable[[], Awaitable[tool_results.ToolResult]]


def handle_search(actor: Actor, asked: tool_arguments.SearchArguments) -> tool_results.MemoryListResult:
    filters = Filters(
        visibility=asked.visibility,
        tags_all=_resolve_tags(actor, asked.tags),
        since=_parse_datetime(actor, "since", asked.since),
        until=_parse_datetime(actor, "until", asked.until),
    )
    result = search_memories(actor, asked.query, filters=filters, limit=asked.limit)
    found = tool_results.build_list_result(((hit.memory, hit.score) for hit in result.hits), asked.max_tokens)
    found.degraded = result.degraded or None
    return found


def handle_fetch(actor: Actor, asked: tool_arguments.FetchArguments) -> tool_results.Document:
    return tool_results.build_document(reads.get_memory(actor, _parse_id(asked.id)), asked.max_tokens)


def handle_add_memory(actor: Actor, asked: tool_arguments.AddMemoryArguments) -> tool_results.WriteResult:
    """Private, whatever the text says. The same text twice is one memory."""
    if same := find_exact_duplicate(actor, asked.text):
        return tool_results.build_write_result(same, existed=True)
    expires_at = _parse_datetime(actor, "expires_at", asked.expires_at)
    try:
        memory = writes.create_memory(actor, text=asked.text, tags=asked.tags, expires_at=expires_at)
    except ApprovalRequired as waiting:
        return tool_results.build_approval_result(waiting)
    return tool_results.build_write_result(memory)


def handle_update_memory(
    actor: Actor, asked: tool_arguments.UpdateMemoryArguments
) -> tool_results.WriteResult:
    changes: Changes = {}
    if asked.text is not None:
        changes["text"] = asked.text
    if asked.tags is not None:
        changes["tags"] = asked.tags
    if asked.expires_at is not None:
        changes["expires_at"] = _parse_expiry(actor, asked.expires_at)
    try:
        return tool_results.build_write_result(writes.update_memory(actor, _parse_id(asked.id), **changes))
    except ApprovalRequired as waiting:
        return tool_results.build_approval_result(waiting)


def handle_forget_memory(
    actor: Actor, asked: tool_arguments.ForgetMemoryArguments
) -> tool_results.TrashResult:
    memory = writes.trash_memory(actor, _parse_id(asked.id))
    note = _("It is in the trash. Its person can restore it there.")
    return tool_results.TrashResult(id=str(memory.pk), forgotten=True, note=note)


def handle_list_recent(
    actor: Actor, asked: tool_arguments.ListRecentArguments
) -> tool_results.MemoryListResult:
    filters = Filters(since=_parse_datetime(actor, "since", asked.since))
    page = reads.list_memories(actor, filters=filters, limit=asked.limit)
    return tool_results.build_list_result(((memory, None) for memory in page.memories), asked.max_tokens)


def handle_ask_persona(
    actor: Actor, asked: tool_arguments.AskPersonaArguments
) -> "tool_results.PersonaAnswer | DeferredResult":
    about = persona_retrieval.find_persona(actor, asked.handle)
    prepared = persona_retrieval.prepare_answer(actor, about, asked.question)
    if not prepared.sources:
        return tool_results.build_persona_answer(prepared.quoted, about, actor)

    async def worded() -> tool_results.ToolResult:
        return tool_results.build_persona_answer(
            await persona_generation.generate_answer(prepared), about, actor
        )

    return DeferredResult(worded)


def handle_whoami(actor: Actor, _asked: tool_arguments.WhoamiArguments) -> tool_results.Identity:
    return tool_results.build_identity(actor)


def _parse_id(given: str) -> UUID:
    """What is no id is the id of nothing."""
    try:
        return UUID(given)
    except ValueError:
        raise MemoryNotFound from None


def _resolve_tags(actor: Actor, names: list[str]) -> frozenset[UUID]:
    """Ids of the tags, as far as the actor may know of them. Raises ValidationError for one that is on no memory."""
    if not any(name.strip() for name in names):
        return frozenset()
    found, missing = reads.resolve_tag_names(actor, names)
    if missing:
        raise ValidationError({"tags": [_("No memory has the tag “%(name)s”.") % {"name": missing[0][:50]}]})
    return frozenset(tag.pk for tag in found)


def _parse_datetime(actor: Actor, name: str, given: datetime | None) -> datetime | None:
    try:
        return tool_arguments.convert_to_utc(given, actor.person)
    except ValueError:
        raise ValidationError({name: [_("This time is too far away.")]}) from None


def _parse_expiry(actor: Actor, given: datetime | str | None) -> datetime | None:
    if isinstance(given, str):
        if given.strip().lower() == tool_arguments.NEVER:
            return None
        raise ValidationError({"expires_at": [_("Give a time (ISO 8601), or “never”.")]})
    return _parse_datetime(actor, "expires_at", given)
