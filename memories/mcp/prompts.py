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

from memories.mcp.errors import build_unknown_name_error

Context = ServerRequestContext[Any, Any]
ABOUT_ME, REMEMBER_THIS = "about_me", "remember_this"
_PROMPTS = ListPromptsResult(
    prompts=[
        Prompt(
            name=ABOUT_ME,
            title="What do you know about me?",
            description="Summarize the user's memories, in general or on a topic.",
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


async def get_prompt(_context: Context, params: GetPromptRequestParams) -> GetPromptResult:
    arguments = params.arguments or {}
    if params.name == ABOUT_ME:
        return _build_prompt_result(_build_about_me_prompt(arguments.get("topic", "").strip()))
    if params.name == REMEMBER_THIS:
        text = arguments.get("text", "").strip()
        if not text:
            raise MCPError(INVALID_PARAMS, "The argument text is required.")
        return _build_prompt_result(
            f"Save this about me with the add_memory tool, in my own words:\n\n{text}"
        )
    raise build_unknown_name_error("prompt")


def _build_about_me_prompt(topic: str) -> str:
    if topic:
        return (
            f"Search my memories for this topic and tell me what they say. Cite each memory. Topic: {topic}"
        )
    return "List my recent memories and tell me in a few sentences what you know about me. Cite each memory."


def _build_prompt_result(text: str) -> GetPromptResult:
    return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(text=text))])
