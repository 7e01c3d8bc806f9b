"""Convert tools as the SDKs of three model providers do, without a network: a result of tools/list in, JSON out.

Runs in the environment of requirements.txt, not in the one of the tests.
"""

import json
import sys
from typing import Any

from agents.mcp import MCPServerStreamableHttp
from agents.mcp.util import MCPUtil
from anthropic.lib.tools.mcp import async_mcp_tool
from google.genai._mcp_utils import mcp_to_gemini_tool
from mcp.types import ListToolsResult, Tool


def convert_for_anthropic(tool: Tool, client: Any) -> Any:
    return async_mcp_tool(tool, client).to_dict()["input_schema"]


def convert_for_openai(tool: Tool, *, strict: bool) -> dict[str, Any]:
    server = MCPServerStreamableHttp(params={"url": "http://127.0.0.1:1/mcp"})  # never connected
    function = MCPUtil.to_function_tool(tool, server, convert_schemas_to_strict=strict)
    return {"strict": function.strict_json_schema, "schema": function.params_json_schema}


def convert_for_gemini(tool: Tool) -> Any:
    [declaration] = mcp_to_gemini_tool(tool).function_declarations
    return declaration.parameters.model_dump(mode="json", exclude_none=True)


def main() -> None:
    tools = ListToolsResult.model_validate(json.load(sys.stdin)).tools
    converted = {
        tool.name: {
            "anthropic": convert_for_anthropic(tool, None),
            "openai": convert_for_openai(tool, strict=False)["schema"],
            "openai_strict": convert_for_openai(tool, strict=True),
            "gemini": convert_for_gemini(tool),
        }
        for tool in tools
    }
    json.dump(converted, sys.stdout)


if __name__ == "__main__":
    main()
