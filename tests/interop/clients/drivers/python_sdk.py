# mypy: ignore-errors
"""The MCP Python SDK, 1.x or 2.x, as its documentation connects with OAuth. Usage: python_sdk (1|2) URL."""

import asyncio
import sys
from contextlib import asynccontextmanager

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests.interop.clients.drivers.driver import CLIENT_DOCUMENT, Browser, Storage, serve


def build_auth(url, browser, name, finish):
    """Return the SDK's provider; finish: from the callback's parameters to what this version expects."""

    async def wait():
        return finish(await browser.callback)

    metadata = OAuthClientMetadata(
        client_name=name, redirect_uris=[browser.redirect_uri], token_endpoint_auth_method="none"
    )
    return OAuthClientProvider(
        url, metadata, Storage(), browser.open, wait, client_metadata_url=CLIENT_DOCUMENT
    )


@asynccontextmanager
async def connect_1(url, browser):
    import httpx
    from mcp import ClientSession

    auth = build_auth(url, browser, "Python SDK 1", lambda params: (params["code"], params.get("state")))
    async with (
        httpx.AsyncClient(auth=auth, timeout=60, follow_redirects=True) as http,
        streamable_http_client(url, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def connect_2(url, browser):
    import httpx2
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult

    def finish(params):
        return AuthorizationCodeResult(code=params["code"], state=params.get("state"), iss=params.get("iss"))

    auth = build_auth(url, browser, "Python SDK 2", finish)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def main(major, url):
    browser = await Browser().listen()
    async with (connect_1 if major == "1" else connect_2)(url, browser) as client:

        async def list_tools(_params):
            return (await client.list_tools()).model_dump(mode="json", by_alias=True)

        async def call_tool(params):
            result = await client.call_tool(params["name"], params["arguments"])
            return result.model_dump(mode="json", by_alias=True)

        await serve({"tools/list": list_tools, "tools/call": call_tool})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
