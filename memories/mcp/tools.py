"""The tools: names, descriptions, required scopes, arguments, results and handlers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pydantic
from mcp.server.context import ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from accounts.actor import Actor
from memories import scopes
from memories.mcp import tool_arguments, tool_handlers, tool_results
from memories.mcp.context import DeferredResult, MustWait, get_call_context
from memories.mcp.errors import build_tool_error, build_unknown_name_error
from memories.mcp.messages import CALL_TOOL, GET_PROMPT, READ_RESOURCE
from memories.mcp.prompts import ABOUT_ME
from memories.persona import retrieval as persona_retrieval

Context = ServerRequestContext[Any, Any]
ScopeRule = Callable[[Actor, dict[str, Any]], Collection[str]]


def _require_scopes(*scope: str) -> ScopeRule:
    return lambda _actor, _arguments: scope


def _get_persona_scopes(actor: Actor, arguments: dict[str, object]) -> Collection[str]:
    try:
        parsed = tool_arguments.AskPersonaArguments.model_validate(arguments)
    except pydantic.ValidationError:
        return (scopes.READ,)
    return (persona_retrieval.get_required_scope(actor, parsed.handle),)


@dataclass(frozen=True)
class ToolSpec:
    """A tool. `scope_rule` returns the scopes that a call needs, before the call."""

    name: str
    title: str
    description: str
    scope_rule: ScopeRule
    arguments_class: type[tool_arguments.ToolArguments]
    result_class: type[tool_results.ToolResult]
    handler: Callable[[Actor, Any], tool_results.ToolResult | DeferredResult]
    is_read_only: bool = True
    is_destructive: bool = False
    is_long: bool = False

    @property
    def to_sdk_tool(self) -> Tool:
        hints = ToolAnnotations(
            title=self.title,
            read_only_hint=self.is_read_only,
            destructive_hint=self.is_destructive,
            idempotent_hint=True,
            open_world_hint=False,
        )
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments_class.schema_json(),
            output_schema=self.result_class.schema_json(),
            annotations=hints,
        )

    def call_handler(
        self, actor: Actor, arguments: Mapping[str, object]
    ) -> tool_results.ToolResult | DeferredResult:
        return self.handler(actor, self.arguments_class.model_validate(arguments))

    @staticmethod
    def build_call_result(result: tool_results.ToolResult) -> CallToolResult:
        as_json = result.model_dump_json(exclude_none=True)
        text = result.text if isinstance(result, tool_results.TextResult) else as_json
        return CallToolResult(
            content=[TextContent(text=text)],
            structured_content=result.model_dump(mode="json", exclude_none=True),
        )


_TOOL_SPECS = (
    ToolSpec(
        "search", "Search memories",
        "Search the user's memories by keyword and by meaning. Call this before you answer what depends on the "
        "user, and before you add a memory.",
        _require_scopes(scopes.READ), tool_arguments.SearchArguments, tool_results.MemoryListResult,
        tool_handlers.handle_search, is_long=True,
    ),
    ToolSpec(
        "fetch", "Get a memory",
        "Get the full text and metadata of a memory by its id.",
        _require_scopes(scopes.READ), tool_arguments.FetchArguments, tool_results.Document,
        tool_handlers.handle_fetch,
    ),
    ToolSpec(
        "add_memory", "Add a memory",
        "Save a lasting fact that the user states or asks you to remember, as a private memory; no secrets or guesses, "
        "nothing that matters only now. Search first: the id of a memory no longer true goes in `supersedes`.",
        _require_scopes(scopes.WRITE), tool_arguments.AddMemoryArguments, tool_results.WriteResult,
        tool_handlers.handle_add_memory, is_read_only=False,
    ),
    ToolSpec(
        "update_memory", "Update a memory",
        "Correct a memory that is wrong. If the fact itself changed, add a memory that supersedes it.",
        _require_scopes(scopes.WRITE), tool_arguments.UpdateMemoryArguments, tool_results.WriteResult,
        tool_handlers.handle_update_memory, is_read_only=False,
    ),
    ToolSpec(
        "forget_memory", "Move a memory to trash",
        "Move a memory to trash when the user asks you to forget it.",
        _require_scopes(scopes.WRITE), tool_arguments.ForgetMemoryArguments, tool_results.TrashResult,
        tool_handlers.handle_forget_memory, is_read_only=False, is_destructive=True,
    ),
    ToolSpec(
        "list_recent", "List recent memories",
        "List the user's memories, newest first.",
        _require_scopes(scopes.READ), tool_arguments.ListRecentArguments, tool_results.MemoryListResult,
        tool_handlers.handle_list_recent,
    ),
    ToolSpec(
        "get_context", "Get context",
        "Get what to know of the user at the start: pinned and newest memories.",
        _require_scopes(scopes.READ), tool_arguments.GetContextArguments, tool_results.TextResult,
        tool_handlers.handle_get_context,
    ),
    ToolSpec(
        "ask_persona", "Ask a persona",
        "Answer a question from memories, citing them: the user's own, or another user's public ones by handle.",
        _get_persona_scopes, tool_arguments.AskPersonaArguments, tool_results.PersonaAnswer,
        tool_handlers.handle_ask_persona, is_long=True,
    ),
    ToolSpec(
        "whoami", "Show user and access",
        "Get the user, this app and what it may do.",
        _require_scopes(), tool_arguments.WhoamiArguments, tool_results.Identity, tool_handlers.handle_whoami,
    ),
)  # fmt: skip
TOOLS = {tool.name: tool for tool in _TOOL_SPECS}
_LIST_TOOLS_RESULT = ListToolsResult(tools=[tool.to_sdk_tool for tool in _TOOL_SPECS])


def get_required_scopes(message: Mapping[str, Any], actor: Actor) -> Collection[str]:
    """Return the scopes that a message needs, before it is handled.

    The services check their scopes themselves; this does not replace them. It exists because a missing scope must be
    an HTTP response that names it, which is possible only before a stream has started.
    """
    if message.get("method") == READ_RESOURCE:
        return (scopes.READ,)
    if message.get("method") == GET_PROMPT:
        return (scopes.READ,) if message["params"].get("name") == ABOUT_ME else ()
    if message.get("method") != CALL_TOOL:
        return ()
    tool, arguments = TOOLS.get(str(message["params"].get("name"))), message["params"]["arguments"]
    return tool.scope_rule(actor, arguments if isinstance(arguments, dict) else {}) if tool else ()


async def list_tools(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    """List all tools whatever the app's scopes: a call without the scope says which one to request."""
    return _LIST_TOOLS_RESULT


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise build_unknown_name_error("tool")
    if tool.is_long:
        await context.session.report_progress(0, 1, tool.title)
    call = get_call_context(context)
    try:
        result = call.prepared or tool.call_handler(call.actor, params.arguments or {})
        if isinstance(result, DeferredResult):
            result = await call.wait_for(result)
        call_result = tool.build_call_result(result)
    except MustWait:
        raise
    except Exception as error:  # noqa: BLE001 - the model gets every error of a tool
        return build_tool_error(error)
    if tool.is_long:
        await context.session.report_progress(1, 1, tool.title)
    return call_result
