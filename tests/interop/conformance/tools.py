"""The tools of the suite."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from django.conf import settings
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolRequestParams,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    TextContent,
    TextResourceContents,
)

from memories.mcp.context import DeferredResult, get_call_context
from memories.mcp.errors import build_unknown_name_error
from tests.interop.conformance.contents import (
    PNG,
    WAV,
    build_elicitation,
    build_roots_request,
    build_sampling,
)

Context = ServerRequestContext[Any, Any]
Result = CallToolResult | InputRequiredResult
PAUSE = DeferredResult(lambda: anyio.sleep(0.05))


def build_result(*contents: Any, is_error: bool = False) -> CallToolResult:
    items = [TextContent(text=each) if isinstance(each, str) else each for each in contents]
    return CallToolResult(content=items, is_error=is_error)


def resource(uri: str, text: str, media_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=media_type, text=text))


PLAIN = {
    "test_simple_text": build_result("This is a simple text response for testing."),
    "test_image_content": build_result(ImageContent(data=PNG, mime_type="image/png")),
    "test_audio_content": build_result(AudioContent(data=WAV, mime_type="audio/wav")),
    "test_embedded_resource": build_result(
        resource("test://embedded-resource", "This is an embedded resource content.")
    ),
    "test_multiple_content_types": build_result(
        "Multiple content types test:",
        ImageContent(data=PNG, mime_type="image/png"),
        resource("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ),
    "test_error_handling": build_result(
        "This tool intentionally returns an error for testing", is_error=True
    ),
    "test_logging_tool": build_result("Nothing was logged."),
    "test_streaming_elicitation": build_result("Nothing was requested."),
}


async def progress(context: Context, _params: CallToolRequestParams) -> Result:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await get_call_context(context).wait_for(PAUSE)
    return build_result("Done.")


async def logging(context: Context, _params: CallToolRequestParams) -> Result:
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        note = LoggingMessageNotification(params=LoggingMessageNotificationParams(level="info", data=line))
        await context.session.send_notification(note, related_request_id=context.request_id)
        await get_call_context(context).wait_for(PAUSE)
    return build_result("Done.")


async def missing_capability(context: Context, _params: CallToolRequestParams) -> Result:
    declared = context.session.client_capabilities
    if declared is None or declared.sampling is None:
        data: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Sampling is required.", data)
    return build_result("Sampling is supported.")


async def elicitation(_context: Context, params: CallToolRequestParams) -> Result:
    answer: Any = (params.input_responses or {}).get("user_name")
    content = getattr(answer, "content", None) or {}
    if "name" not in content:
        return InputRequiredResult(
            input_requests={"user_name": build_elicitation("What is your name?", "name")}
        )
    return build_result(f"Hello, {content['name']}!")


async def sampling(_context: Context, params: CallToolRequestParams) -> Result:
    if answer := (params.input_responses or {}).get("capital_question"):
        return build_result(f"Answer: {answer}")
    return InputRequiredResult(
        input_requests={"capital_question": build_sampling("What is the capital of France?", 100)}
    )


async def list_roots(_context: Context, params: CallToolRequestParams) -> Result:
    if answer := (params.input_responses or {}).get("client_roots"):
        return build_result(f"Roots: {answer}")
    return InputRequiredResult(input_requests={"client_roots": build_roots_request()})


async def request_state(_context: Context, params: CallToolRequestParams) -> Result:
    if params.request_state is not None:
        verify_state(params.request_state)
        return build_result("state-ok")
    return InputRequiredResult(
        input_requests={"confirm": build_elicitation("Please confirm", "ok", "boolean")},
        request_state=sign_state("confirm"),
    )


async def multiple_inputs(_context: Context, params: CallToolRequestParams) -> Result:
    if params.request_state is not None:
        verify_state(params.request_state)
        return build_result("All three inputs received.")
    return InputRequiredResult(
        input_requests={
            "user_name": build_elicitation("What is your name?", "name"),
            "greeting": build_sampling("Generate a greeting", 50),
            "client_roots": build_roots_request(),
        },
        request_state=sign_state("multiple"),
    )


async def multi_round(_context: Context, params: CallToolRequestParams) -> Result:
    state = verify_state(params.request_state) if params.request_state is not None else ""
    if state == "":
        request = build_elicitation("Step 1: What is your name?", "name")
        return InputRequiredResult(input_requests={"step1": request}, request_state=sign_state("one"))
    if state == "one":
        request = build_elicitation("Step 2: What is your favorite color?", "color")
        return InputRequiredResult(input_requests={"step2": request}, request_state=sign_state("two"))
    return build_result("Both steps completed.")


async def capabilities(context: Context, _params: CallToolRequestParams) -> Result:
    declared = context.session.client_capabilities
    requests: dict[str, Any] = {}
    if declared and declared.sampling is not None:
        requests["sample"] = build_sampling("Say something.", 50)
    if declared and declared.elicitation is not None:
        requests["elicit"] = build_elicitation("Say something.", "word")
    return InputRequiredResult(input_requests=requests) if requests else build_result("No requests possible.")


def sign_state(state: str) -> str:
    return f"{state}.{hmac.new(settings.SECRET_KEY.encode(), state.encode(), hashlib.sha256).hexdigest()}"


def verify_state(signed: str) -> str:
    state = signed.partition(".")[0]
    if not hmac.compare_digest(signed, sign_state(state)):
        raise MCPError(INVALID_PARAMS, "Invalid request state.")
    return state


ACTING: dict[str, Callable[[Context, CallToolRequestParams], Awaitable[Result]]] = {
    "test_tool_with_progress": progress,
    "test_tool_with_logging": logging,
    "test_missing_capability": missing_capability,
    "test_input_required_result_elicitation": elicitation,
    "test_input_required_result_sampling": sampling,
    "test_input_required_result_list_roots": list_roots,
    "test_input_required_result_request_state": request_state,
    "test_input_required_result_tampered_state": request_state,
    "test_input_required_result_multiple_inputs": multiple_inputs,
    "test_input_required_result_multi_round": multi_round,
    "test_input_required_result_capabilities": capabilities,
}
TOOLS = [*PLAIN, *ACTING]


async def call_tool(context: Context, params: CallToolRequestParams) -> Result:
    if params.name in PLAIN:
        return PLAIN[params.name]
    if params.name not in ACTING:
        raise build_unknown_name_error("tool")
    return await ACTING[params.name](context, params)
