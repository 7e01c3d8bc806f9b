"""The eight tools: what they are called, what they need, what they take and answer."""

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
from memories.mcp.context import get_call_context
from memories.mcp.errors import build_tool_error, build_unknown_name_error
from memories.persona import retrieval as persona_retrieval

Context = ServerRequestContext[Any, Any]
ScopeRule = Callable[[Actor, dict[str, Any]], Collection[str]]


def _require_scopes(*scope: str) -> ScopeRule:
    return lambda _actor, _arguments: scope


def _get_persona_scopes(actor: Actor, given: dict[str, object]) -> Collection[str]:
    try:
        asked = tool_arguments.AskPersonaArguments.model_validate(given)
    except pydantic.ValidationError:
        return (scopes.READ,)
    return (persona_retrieval.get_required_scope(actor, asked.handle),)


@dataclass(frozen=True)
class ToolSpec:
    """A tool. needs: the scopes that its act will ask for, said beforehand (permissions.py)."""

    name: str
    title: str
    description: str
    scope_rule: ScopeRule
    arguments_class: type[tool_arguments.ToolArguments]
    result_class: type[tool_results.ToolResult]
    handler: Callable[[Actor, Any], tool_results.ToolResult | tool_handlers.DeferredResult]
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
        self, actor: Actor, given: Mapping[str, object]
    ) -> tool_results.ToolResult | tool_handlers.DeferredResult:
        return self.handler(actor, self.arguments_class.model_validate(given))

    @staticmethod
    def build_call_result(answer: tool_results.ToolResult) -> CallToolResult:
        said = answer.model_dump(mode="json", exclude_none=True)
        return CallToolResult(
            content=[TextContent(text=answer.model_dump_json(exclude_none=True))], structured_content=said
        )


_TOOL_SPECS = (
    ToolSpec(
        "search", "Search memories",
        "Find what the person wants AI to know, by words and by meaning. Use it before answering about the person.",
        _require_scopes(scopes.READ), tool_arguments.SearchArguments, tool_results.MemoryListResult,
        tool_handlers.handle_search, is_long=True,
    ),
    ToolSpec(
        "fetch", "Read one memory",
        "The whole of one memory, by the id that search gave.",
        _require_scopes(scopes.READ), tool_arguments.FetchArguments, tool_results.Document,
        tool_handlers.handle_fetch,
    ),
    ToolSpec(
        "add_memory", "Remember something",
        "Keep something that the person wants remembered. It is private. Says when the same text exists already.",
        _require_scopes(scopes.WRITE), tool_arguments.AddMemoryArguments, tool_results.WriteResult,
        tool_handlers.handle_add_memory, is_read_only=False,
    ),
    ToolSpec(
        "update_memory", "Correct a memory",
        "Change a memory that is no longer right. What it said before is kept in its history.",
        _require_scopes(scopes.WRITE), tool_arguments.UpdateMemoryArguments, tool_results.WriteResult,
        tool_handlers.handle_update_memory, is_read_only=False,
    ),
    ToolSpec(
        "forget_memory", "Forget a memory",
        "Put a memory in the trash when the person asks to forget it.",
        _require_scopes(scopes.WRITE), tool_arguments.ForgetMemoryArguments, tool_results.TrashResult,
        tool_handlers.handle_forget_memory, is_read_only=False, is_destructive=True,
    ),
    ToolSpec(
        "list_recent", "List recent memories",
        "The newest memories, newest first.",
        _require_scopes(scopes.READ), tool_arguments.ListRecentArguments, tool_results.MemoryListResult,
        tool_handlers.handle_list_recent,
    ),
    ToolSpec(
        "ask_persona", "Ask a persona",
        "Answer a question from a person's memories, each memory cited: the person's own, or by handle another's.",
        _get_persona_scopes, tool_arguments.AskPersonaArguments, tool_results.PersonaAnswer,
        tool_handlers.handle_ask_persona, is_long=True,
    ),
    ToolSpec(
        "whoami", "Who is asking",
        "The person, this app, and what it may do.",
        _require_scopes(), tool_arguments.WhoamiArguments, tool_results.Identity, tool_handlers.handle_whoami,
    ),
)  # fmt: skip
TOOLS = {tool.name: tool for tool in _TOOL_SPECS}
_INPUT_SCHEMAS = {tool.name: tool.arguments_class.schema_json() for tool in _TOOL_SPECS}
_LIST_TOOLS_RESULT = ListToolsResult(tools=[tool.to_sdk_tool for tool in _TOOL_SPECS])


async def list_tools(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    """All of them, for everybody: an app that calls one beyond its permission is told what to ask for."""
    return _LIST_TOOLS_RESULT


def get_input_schema(name: str) -> dict[str, object] | None:
    """For the SDK, which would list all tools at each call to find it."""
    return _INPUT_SCHEMAS.get(name)


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise build_unknown_name_error("tool")
    if tool.is_long:
        await context.session.report_progress(0, 1, tool.title)
    try:
        answer = await get_call_context(context).run_in_thread(
            lambda actor: tool.call_handler(actor, params.arguments or {})
        )
        result = tool.build_call_result(
            await answer.answer() if isinstance(answer, tool_handlers.DeferredResult) else answer
        )
    except Exception as error:  # noqa: BLE001 - every error of a tool is an answer to the model
        return build_tool_error(error)
    if tool.is_long:
        await context.session.report_progress(1, 1, tool.title)
    return result
