"""Prompts that users pick in their app."""

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from memories.context.selection import build_context
from memories.mcp.context import get_call_context
from memories.mcp.errors import build_prompt_error, build_unknown_name_error

Context = ServerRequestContext[Any, Any]
ABOUT_ME, REMEMBER_THIS = "about_me", "remember_this"
_PROMPTS = ListPromptsResult(
    prompts=[
        Prompt(
            name=ABOUT_ME,
            title="What do you know about me?",
            description="What the user's memories say, in general or on a topic.",
            arguments=[
                PromptArgument(name="topic", description="Topic; omit for everything", required=False)
            ],
        ),
        Prompt(
            name=REMEMBER_THIS,
            title="Remember this",
            description="Save something to the user's memories.",
            arguments=[PromptArgument(name="text", description="What to remember", required=True)],
        ),
    ]
)


async def list_prompts(_context: Context, _params: PaginatedRequestParams | None) -> ListPromptsResult:
    return _PROMPTS


async def get_prompt(context: Context, params: GetPromptRequestParams) -> GetPromptResult:
    arguments = params.arguments or {}
    if params.name == ABOUT_ME:
        topic = arguments.get("topic", "").strip()
        try:
            known = build_context(get_call_context(context).actor, query=topic).text
        except Exception as error:  # noqa: BLE001 - every error becomes an MCP error
            raise build_prompt_error(error) from None
        return _build_prompt_result(_build_about_me_prompt(known, topic))
    if params.name == REMEMBER_THIS:
        text = arguments.get("text", "").strip()
        if not text:
            raise MCPError(INVALID_PARAMS, "The argument text is required.")
        return _build_prompt_result(
            f"Save this about me with the add_memory tool, in my own words:\n\n{text}"
        )
    raise build_unknown_name_error("prompt")


def _build_about_me_prompt(known: str, topic: str) -> str:
    """Return the request with the context: a client without tools can answer it too."""
    request = (
        f"Tell me what you know about this from my memories, and cite each that you use. Topic: {topic}"
        if topic
        else "Tell me in a few sentences what you know about me, and cite each memory that you use."
    )
    return f"{known or 'I have not saved any memory yet.'}\n\n{request}"


def _build_prompt_result(text: str) -> GetPromptResult:
    return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(text=text))])
