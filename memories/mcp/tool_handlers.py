"""Handlers of the tools: each converts arguments, calls one domain function and builds the result."""

from datetime import date, datetime, time
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.actor import Actor
from memories.context.selection import build_context
from memories.errors import ApprovalRequired, MemoryNotFound
from memories.mcp import tool_arguments, tool_results
from memories.mcp.context import DeferredResult
from memories.models.visibility import Filters
from memories.persona import generation as persona_generation
from memories.persona import retrieval as persona_retrieval
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate
from memories.search.query import Relevance, SearchResult, search_memories
from memories.services import reads, writes
from memories.validation.drafts import UNSET, Changes


def handle_search(actor: Actor, arguments: tool_arguments.SearchArguments) -> tool_results.MemoryListResult:
    filters = Filters(
        visibility=arguments.visibility,
        tags_all=_resolve_tags(actor, arguments.tags),
        since=_parse_time(actor, "since", arguments.since),
        until=_parse_time(actor, "until", arguments.until, days=1),
    )
    result = search_memories(
        actor, arguments.query, filters=filters, limit=arguments.limit, only_related=True
    )
    response = tool_results.build_list_result(
        ((hit.memory, hit) for hit in result.hits), arguments.max_tokens, corrected=result.corrected
    )
    response.degraded = result.degraded or None
    response.note = _describe_matches(result)
    return response


def _describe_matches(result: SearchResult) -> str | None:
    """Return what to conclude from a search without a good match."""
    if not result.hits:
        return "No memory matches. Do not guess: tell the user, or search in other words."
    if all(hit.relevance == Relevance.WEAK for hit in result.hits):
        return "Only weak matches: these memories may not be about what was asked."
    return None


def handle_fetch(actor: Actor, arguments: tool_arguments.FetchArguments) -> tool_results.Document:
    return tool_results.build_document(reads.get_memory(actor, _parse_id(arguments.id)), arguments.max_tokens)


def handle_add_memory(actor: Actor, arguments: tool_arguments.AddMemoryArguments) -> tool_results.WriteResult:
    """Add a private memory, whatever the text says; what is new about an exact duplicate is merged into it."""
    expires_at = _parse_expiry(actor, arguments.expires_at)
    try:
        memory, is_new = create_unless_duplicate(
            actor,
            text=arguments.text,
            on_duplicate=OnDuplicate.RETURN,
            tags=arguments.tags,
            expires_at=UNSET if arguments.expires_at is None else expires_at,
            supersedes=_parse_superseded(arguments.supersedes),
            pinned=arguments.pinned,
        )
    except ApprovalRequired as error:
        return tool_results.build_approval_result(error)
    result = tool_results.build_write_result(memory, existed=None if is_new else True)
    if memory.expires_at != expires_at:
        result.note = "This text was saved before, and keeps its expiry. Use update_memory to change it."
    return result


def handle_update_memory(
    actor: Actor, arguments: tool_arguments.UpdateMemoryArguments
) -> tool_results.WriteResult:
    changes: Changes = {}
    if arguments.text is not None:
        changes["text"] = arguments.text
    if arguments.tags is not None:
        changes["tags"] = arguments.tags
    if arguments.expires_at is not None:
        changes["expires_at"] = _parse_expiry(actor, arguments.expires_at)
    if arguments.supersedes is not None:
        changes["supersedes"] = _parse_superseded(arguments.supersedes)
    if arguments.pinned is not None:
        changes["pinned"] = arguments.pinned
    try:
        memory = writes.update_memory(actor, _parse_id(arguments.id), **changes)
    except ApprovalRequired as error:
        return tool_results.build_approval_result(error)
    result = tool_results.build_write_result(memory)
    if not changes:
        result.note = (
            "Nothing was changed: give text, tags, expires_at, supersedes or pinned. "
            "Empty values change nothing."
        )
    return result


def handle_forget_memory(
    actor: Actor, arguments: tool_arguments.ForgetMemoryArguments
) -> tool_results.TrashResult:
    memory = writes.trash_memory(actor, _parse_id(arguments.id))
    note = "The memory is in the trash. The user can restore it there."
    return tool_results.TrashResult(id=str(memory.pk), forgotten=True, note=note)


def handle_list_recent(
    actor: Actor, arguments: tool_arguments.ListRecentArguments
) -> tool_results.MemoryListResult:
    filters = Filters(since=_parse_time(actor, "since", arguments.since))
    page = reads.list_memories(actor, filters=filters, limit=arguments.limit)
    return tool_results.build_list_result(((memory, None) for memory in page.memories), arguments.max_tokens)


def handle_get_context(
    actor: Actor, arguments: tool_arguments.GetContextArguments
) -> tool_results.TextResult:
    context = build_context(actor, max_tokens=arguments.max_tokens, query=arguments.query)
    return tool_results.TextResult(text=context.text or "You can read no memories of the user yet.")


def handle_ask_persona(
    actor: Actor, arguments: tool_arguments.AskPersonaArguments
) -> tool_results.PersonaAnswer | DeferredResult:
    subject = persona_retrieval.find_persona(actor, arguments.handle)
    prepared = persona_retrieval.prepare_answer(actor, subject, arguments.question)
    if not prepared.may_generate:
        return tool_results.build_persona_answer(prepared.quoted, subject, actor)

    async def generate() -> tool_results.ToolResult:
        return tool_results.build_persona_answer(
            await persona_generation.generate_answer(prepared), subject, actor
        )

    return DeferredResult(generate)


def handle_whoami(actor: Actor, _arguments: tool_arguments.WhoamiArguments) -> tool_results.Identity:
    return tool_results.build_identity(actor)


def _parse_id(value: str) -> UUID:
    """Return the ID. Raises MemoryNotFound for an invalid one."""
    try:
        return UUID(value)
    except ValueError:
        raise MemoryNotFound from None


def _parse_superseded(value: str | None) -> UUID | None:
    """Return the ID. Raises ValidationError for an invalid one, as for one of no memory."""
    try:
        return None if value is None else UUID(value)
    except ValueError:
        raise ValidationError({"supersedes": ["Not found."]}) from None


def _resolve_tags(actor: Actor, names: list[str]) -> frozenset[UUID]:
    """Return the IDs of these tags. Raises ValidationError for a tag on no memory that the actor can see."""
    if not any(name.strip() for name in names):
        return frozenset()
    found, missing = reads.resolve_tag_names(actor, names)
    if missing:
        raise ValidationError({"tags": [f"No memory has the tag “{missing[0][:50]}”."]})
    return frozenset(tag.pk for tag in found)


def _parse_time(
    actor: Actor, name: str, value: date | None, *, day_time: time = time.min, days: int = 0
) -> datetime | None:
    """Return the time in UTC. day_time, days: see tool_arguments.convert_to_utc."""
    try:
        return tool_arguments.convert_to_utc(value, actor.person, day_time=day_time, days=days)
    except ValueError:
        raise ValidationError({name: ["This date is out of range."]}) from None


def _parse_expiry(actor: Actor, value: date | str | None) -> datetime | None:
    """Return the time, None for never."""
    if isinstance(value, str):
        return None
    return _parse_time(actor, "expires_at", value, day_time=tool_arguments.END_OF_DAY)
