"""The server that the conformance suite requires; its scenarios describe what each one expects."""

import json
from typing import Any

from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextResourceContents,
    Tool,
    UnsubscribeRequestParams,
)

from tests.interop.conformance import prompts, tools
from tests.interop.conformance.contents import PNG

Params = PaginatedRequestParams | None


async def list_tools(_context: Any, _params: Params) -> ListToolsResult:
    schema = {"type": "object", "properties": {}}
    return ListToolsResult(
        tools=[
            Tool(name=name, description=f"For the suite: {name}.", input_schema=schema)
            for name in tools.TOOLS
        ]
    )


async def list_resources(_context: Any, _params: Params) -> ListResourcesResult:
    uris = {"static-text": "text/plain", "static-binary": "image/png", "watched-resource": "text/plain"}
    return ListResourcesResult(
        resources=[
            Resource(uri=f"test://{name}", name=name, description="For the suite.", mime_type=media_type)
            for name, media_type in uris.items()
        ]
    )


async def list_templates(_context: Any, _params: Params) -> ListResourceTemplatesResult:
    template = ResourceTemplate(
        uri_template="test://template/{id}/data", name="template", mime_type="application/json"
    )
    return ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(_context: Any, params: ReadResourceRequestParams) -> ReadResourceResult:
    uri = str(params.uri)
    if uri == "test://static-binary":
        return ReadResourceResult(contents=[BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)])
    texts = {
        "test://static-text": ("text/plain", "This is the content of the static text resource."),
        "test://watched-resource": ("text/plain", "Watched."),
    }
    if uri.startswith("test://template/") and uri.endswith("/data"):
        data_id = uri.split("/")[-2]
        data = {"id": data_id, "templateTest": True, "data": f"Data for ID: {data_id}"}
        texts[uri] = ("application/json", json.dumps(data))
    if uri not in texts:
        raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    media_type, text = texts[uri]
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=media_type, text=text)])


async def complete(_context: Any, _params: CompleteRequestParams) -> CompleteResult:
    return CompleteResult(completion=Completion(values=["paris", "park"], total=2, has_more=False))


async def return_empty(_context: Any, _params: Any) -> EmptyResult:
    return EmptyResult()


_HINT = CacheHint(ttl_ms=1_000, scope="private")
SERVER: Server[Any] = Server(
    "conformance",
    version="1",
    cache_hints={
        "server/discover": _HINT,
        "tools/list": _HINT,
        "prompts/list": _HINT,
        "resources/list": _HINT,
        "resources/templates/list": _HINT,
        "resources/read": _HINT,
    },
    on_list_tools=list_tools,
    on_call_tool=tools.call_tool,
    on_list_resources=list_resources,
    on_list_resource_templates=list_templates,
    on_read_resource=read_resource,
    on_list_prompts=prompts.list_prompts,
    on_get_prompt=prompts.get_prompt,
    on_completion=complete,
)
SERVER.add_request_handler("logging/setLevel", SetLevelRequestParams, return_empty)
SERVER.add_request_handler("resources/subscribe", SubscribeRequestParams, return_empty)
SERVER.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, return_empty)
