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
from memories.mcp.context import call_of
from memories.mcp.errors import tool_error, unknown
from memories.persona import retrieval as persona_retrieval

Context = ServerRequestContext[Any, Any]
Needs = Callable[[Actor, dict[str, Any]], Collection[str]]


def _always(*scope: str) -> Needs:
    return lambda _actor, _arguments: scope


def _to_ask(actor: Actor, given: dict[str, object]) -> Collection[str]:
    try:
        asked = tool_arguments.AskPersona.model_validate(given)
    except pydantic.ValidationError:
        return (scopes.READ,)
    return (persona_retrieval.scope_to_ask(actor, asked.handle),)


@dataclass(frozen=True)
class OurTool:
    """A tool. needs: the scopes that its act will ask for, said beforehand (permissions.py)."""

    name: str
    title: str
    description: str
    needs: Needs
    takes: type[tool_arguments.Arguments]
    gives: type[tool_results.Answer]
    act: Callable[[Actor, Any], tool_results.Answer | tool_handlers.ToCome]
    reads_only: bool = True
    destroys: bool = False
    is_long: bool = False

    @property
    def described(self) -> Tool:
        hints = ToolAnnotations(
            title=self.title,
            read_only_hint=self.reads_only,
            destructive_hint=self.destroys,
            idempotent_hint=True,
            open_world_hint=False,
        )
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.takes.schema_json(),
            output_schema=self.gives.schema_json(),
            annotations=hints,
        )

    def do(self, actor: Actor, given: Mapping[str, object]) -> tool_results.Answer | tool_handlers.ToCome:
        return self.act(actor, self.takes.model_validate(given))

    @staticmethod
    def result(answer: tool_results.Answer) -> CallToolResult:
        said = answer.model_dump(mode="json", exclude_none=True)
        return CallToolResult(
            content=[TextContent(text=answer.model_dump_json(exclude_none=True))], structured_content=said
        )


_ALL = (
    OurTool(
        "search", "Search memories",
        "Find what the person wants AI to know, by words and by meaning. Use it before answering about the person.",
        _always(scopes.READ), tool_arguments.Search, tool_results.Results, tool_handlers.search, is_long=True,
    ),
    OurTool(
        "fetch", "Read one memory",
        "The whole of one memory, by the id that search gave.",
        _always(scopes.READ), tool_arguments.Fetch, tool_results.Document, tool_handlers.fetch,
    ),
    OurTool(
        "add_memory", "Remember something",
        "Keep something that the person wants remembered. It is private. Says when the same text exists already.",
        _always(scopes.WRITE), tool_arguments.AddMemory, tool_results.Kept, tool_handlers.add_memory, reads_only=False,
    ),
    OurTool(
        "update_memory", "Correct a memory",
        "Change a memory that is no longer right. What it said before is kept in its history.",
        _always(scopes.WRITE), tool_arguments.UpdateMemory, tool_results.Kept, tool_handlers.update_memory,
        reads_only=False,
    ),
    OurTool(
        "forget_memory", "Forget a memory",
        "Put a memory in the trash when the person asks to forget it.",
        _always(scopes.WRITE), tool_arguments.ForgetMemory, tool_results.Forgotten, tool_handlers.forget_memory,
        reads_only=False, destroys=True,
    ),
    OurTool(
        "list_recent", "List recent memories",
        "The newest memories, newest first.",
        _always(scopes.READ), tool_arguments.ListRecent, tool_results.Results, tool_handlers.list_recent,
    ),
    OurTool(
        "ask_persona", "Ask a persona",
        "Answer a question from a person's memories, each memory cited: the person's own, or by handle another's.",
        _to_ask, tool_arguments.AskPersona, tool_results.PersonaAnswer, tool_handlers.ask_persona, is_long=True,
    ),
    OurTool(
        "whoami", "Who is asking",
        "The person, this app, and what it may do.",
        _always(), tool_arguments.Whoami, tool_results.Identity, tool_handlers.whoami,
    ),
)  # fmt: skip
TOOLS = {tool.name: tool for tool in _ALL}
_INPUT_SCHEMAS = {tool.name: tool.takes.schema_json() for tool in _ALL}
_LISTED = ListToolsResult(tools=[tool.described for tool in _ALL])


async def list_tools(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    """All of them, for everybody: an app that calls one beyond its permission is told what to ask for."""
    return _LISTED


def input_schema(name: str) -> dict[str, object] | None:
    """For the SDK, which would list all tools at each call to find it."""
    return _INPUT_SCHEMAS.get(name)


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise unknown("tool")
    if tool.is_long:
        await context.session.report_progress(0, 1, tool.title)
    try:
        answer = await call_of(context).run(lambda actor: tool.do(actor, params.arguments or {}))
        result = tool.result(await answer.answer() if isinstance(answer, tool_handlers.ToCome) else answer)
    except Exception as error:  # noqa: BLE001 - every error of a tool is an answer to the model
        return tool_error(error)
    if tool.is_long:
        await context.session.report_progress(1, 1, tool.title)
    return result
