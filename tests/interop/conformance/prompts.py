"""The prompts of the suite."""

from typing import Any

from mcp_types import (
    EmbeddedResource,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
    TextResourceContents,
)

from memories.mcp.errors import build_unknown_name_error
from tests.interop.conformance.contents import PNG, build_elicitation

ARGUMENTS = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


async def list_prompts(_context: Any, _params: PaginatedRequestParams | None) -> ListPromptsResult:
    return ListPromptsResult(
        prompts=[
            Prompt(name=name, description="For the suite.", arguments=[_argument(each) for each in names])
            for name, names in ARGUMENTS.items()
        ]
    )


def _argument(name: str) -> PromptArgument:
    return PromptArgument(name=name, description="For the suite.", required=True)


async def get_prompt(_context: Any, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
    arguments = params.arguments or {}
    if params.name == "test_input_required_result_prompt" and not (params.input_responses or {}).get(
        "user_context"
    ):
        return InputRequiredResult(
            input_requests={
                "user_context": build_elicitation("What context should the prompt use?", "context")
            }
        )
    messages: dict[str, list[Any]] = {
        "test_simple_prompt": [TextContent(text="This is a simple prompt for testing.")],
        "test_prompt_with_arguments": [
            TextContent(
                text=f"Prompt with arguments: arg1='{arguments.get('arg1')}', arg2='{arguments.get('arg2')}'"
            )
        ],
        "test_prompt_with_image": [
            ImageContent(data=PNG, mime_type="image/png"),
            TextContent(text="Please analyze the image above."),
        ],
        "test_prompt_with_embedded_resource": [
            EmbeddedResource(
                resource=TextResourceContents(
                    uri=arguments.get("resourceUri", "test://none"),
                    mime_type="text/plain",
                    text="Embedded resource content for testing.",
                )
            ),
            TextContent(text="Please process the embedded resource above."),
        ],
        "test_input_required_result_prompt": [TextContent(text="With the given context.")],
    }
    if params.name not in messages:
        raise build_unknown_name_error("prompt")
    return GetPromptResult(
        messages=[PromptMessage(role="user", content=each) for each in messages[params.name]]
    )
