# mypy: ignore-errors
"""langchain-mcp-adapters, which connects anew for each tool call. Usage: langchain_adapters URL."""

import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient

from tests.interop.clients.drivers.driver import Browser, serve
from tests.interop.clients.drivers.python_sdk import build_auth


async def main(url):
    browser = await Browser().listen()
    auth = build_auth(url, browser, "LangChain", lambda params: (params["code"], params.get("state")))
    connection = {"transport": "streamable_http", "url": url, "auth": auth}
    tools = {}

    async def list_tools(_params):
        tools.update(
            {tool.name: tool for tool in await MultiServerMCPClient({"picard": connection}).get_tools()}
        )
        return {"tools": [{"name": name} for name in tools]}

    async def call_tool(params):
        call = {"type": "tool_call", "id": "1", "name": params["name"], "args": params["arguments"]}
        message = await tools[params["name"]].ainvoke(call)
        artifact = message.artifact or {}
        return {
            "structuredContent": artifact.get("structured_content"),
            "isError": message.status == "error",
            "content": [{"type": "text", "text": str(message.content)}],
        }

    await serve({"tools/list": list_tools, "tools/call": call_tool})


asyncio.run(main(*sys.argv[1:]))
