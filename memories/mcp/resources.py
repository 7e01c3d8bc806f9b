"""Resources: a memory by ID, the user's memories and the profile in JSON, and the context as text."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from mcp.server.context import ServerRequestContext
from mcp_types import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from accounts.actor import Actor
from memories import scopes
from memories.context.selection import build_context
from memories.errors import MemoryNotFound
from memories.mcp import tool_results
from memories.mcp.context import get_call_context
from memories.mcp.errors import build_resource_error
from memories.mcp.tool_arguments import MAX_RESULTS, MAX_TOKENS
from memories.services import reads

Context = ServerRequestContext[Any, Any]
JSON, TEXT = "application/json", "text/plain"
MEMORY, MEMORIES, PROFILE, CONTEXT = "memory://", "memories://", "memory://profile", "memory://context"

_PROFILE = Resource(
    uri=PROFILE, name="profile", title="Profile", description="The user's profile.", mime_type=JSON
)
_CONTEXT = Resource(
    uri=CONTEXT,
    name="context",
    title="Context",
    description="What to know of the user at the start: pinned and newest memories.",
    mime_type=TEXT,
)
_TEMPLATES = ListResourceTemplatesResult(
    resource_templates=[
        ResourceTemplate(
            uri_template=f"{MEMORY}{{id}}", name="memory", title="Memory", mime_type=JSON,
            description="A memory by its ID, with its tags and times.",
        ),
        ResourceTemplate(
            uri_template=f"{MEMORIES}{{user_id}}", name="memories", title="Memories of the user", mime_type=JSON,
            description="The user's newest memories, by user ID (see whoami).",
        ),
    ]
)  # fmt: skip


async def list_resources(context: Context, _params: PaginatedRequestParams | None) -> ListResourcesResult:
    """List the fixed resources; memories themselves are found by search."""
    person = get_call_context(context).actor.person
    own = Resource(
        uri=f"{MEMORIES}{person.pk}",
        name="memories",
        title="Memories",
        description="The user's newest memories.",
        mime_type=JSON,
    )
    return ListResourcesResult(resources=[_PROFILE, _CONTEXT, own])


async def list_resource_templates(
    _context: Context, _params: PaginatedRequestParams | None
) -> ListResourceTemplatesResult:
    return _TEMPLATES


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    uri = str(params.uri)
    try:
        text = _read_uri(get_call_context(context).actor, uri)
    except Exception as error:  # noqa: BLE001 - every error becomes an MCP error
        raise build_resource_error(error, uri) from None
    mime_type = TEXT if _normalize_uri(uri) == CONTEXT else JSON
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=mime_type, text=text)])


def _normalize_uri(uri: str) -> str:
    # RFC 3986 6.2.2.1: the scheme is case-insensitive. UUIDs are too, and a final slash changes nothing.
    scheme, separator, name = uri.strip().partition("://")
    return (scheme + separator + name.strip("/")).lower()


def _read_uri(actor: Actor, uri: str) -> str:
    """Return the resource. Raises MemoryNotFound if it does not exist or belongs to another user."""
    normalized = _normalize_uri(uri)
    if normalized == PROFILE:
        return _read_profile(actor)
    if normalized == CONTEXT:
        return build_context(actor).text
    scheme, separator, name = normalized.partition("://")
    if read := _READERS.get(scheme + separator):
        with suppress(ValueError):
            return read(actor, UUID(name))
    raise MemoryNotFound


def _read_memory(actor: Actor, memory_id: UUID) -> str:
    return tool_results.build_document(reads.get_memory(actor, memory_id), MAX_TOKENS).model_dump_json(
        exclude_none=True
    )


def _read_memories(actor: Actor, person_id: UUID) -> str:
    if person_id != actor.person.pk:
        raise MemoryNotFound
    page = reads.list_memories(actor, limit=MAX_RESULTS)
    return tool_results.build_list_result(
        ((memory, None) for memory in page.memories), MAX_TOKENS
    ).model_dump_json(exclude_none=True)


def _read_profile(actor: Actor) -> str:
    actor.require_scope(scopes.READ)
    person = actor.person
    profile = {
        "id": str(person.pk),
        "handle": person.handle,
        "display_name": person.display_name,
        "bio": person.bio,
        "time_zone": person.time_zone,
        "language": person.language_code,
        "persona_enabled": person.persona_enabled,
    }
    return json.dumps(profile, ensure_ascii=False)


_READERS: dict[str, Callable[[Actor, UUID], str]] = {MEMORIES: _read_memories, MEMORY: _read_memory}
