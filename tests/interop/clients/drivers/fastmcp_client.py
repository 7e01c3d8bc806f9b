# mypy: ignore-errors
"""The client of fastmcp, as its documentation connects with OAuth. Usage: fastmcp_client URL."""

import asyncio
import sys

from fastmcp import Client
from fastmcp.client.auth import OAuth

from tests.interop.clients.drivers.driver import CLIENT_DOCUMENT, serve


async def main(url):
    async with Client(url, auth=OAuth(client_metadata_url=CLIENT_DOCUMENT)) as client:

        async def list_tools(_params):
            return {
                "tools": [tool.model_dump(mode="json", by_alias=True) for tool in await client.list_tools()]
            }

        async def call_tool(params):
            result = await client.call_tool_mcp(params["name"], params["arguments"])
            return result.model_dump(mode="json", by_alias=True)

        await serve({"tools/list": list_tools, "tools/call": call_tool})


asyncio.run(main(*sys.argv[1:]))
