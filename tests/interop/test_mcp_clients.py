"""Clients of others connect to the really running server with nothing but its address, and use the tools."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from memories import scopes
from memories.mcp.tools import TOOLS
from memories.models import Memory
from oauth.models import AppGrant, Application
from tests.chaos.people import Person, signed_up
from tests.interop.consent import say_yes
from tests.interop.node import environment, node, program, run_node
from tests.oauth.flows import access_token, make_app
from tests.processes import free_port

pytestmark = pytest.mark.slow

CALLBACK = "http://127.0.0.1:8765/callback"
ZEBRA = "The zebra sleeps in the garden."


class InMemory(TokenStorage):
    """What a client keeps; empty at first."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Browser:
    """Opens what the client asks to open, and says yes. `opened` are the scopes that were asked for, in order."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.opened: list[str] = []
        self.sent_to = ""

    async def open(self, address: str) -> None:
        self.opened.append(parse_qs(urlsplit(address).query)["scope"][0])
        self.sent_to = await asyncio.to_thread(say_yes, self.person, address)

    async def wait(self) -> AuthorizationCodeResult:
        given = {name: values[0] for name, values in parse_qs(urlsplit(self.sent_to).query).items()}
        return AuthorizationCodeResult(code=given["code"], state=given["state"], iss=given["iss"])


async def _from_nothing_to_a_memory(address: str, browser: Browser, mode: Any) -> tuple[Any, Any]:
    asks = OAuthClientMetadata(client_name="The SDK's client", redirect_uris=[CALLBACK])  # type: ignore[list-item]
    auth = OAuthClientProvider(address, asks, InMemory(), browser.open, browser.wait)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        found = await client.call_tool("search", {"query": "zebra"})
        added = await client.call_tool("add_memory", {"text": f"Written by {mode}."})
    return found, added


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_address_is_all_that_a_client_needs(mode: str, site: str) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
        browser = Browser(ada)
        found, added = asyncio.run(_from_nothing_to_a_memory(f"{site}/mcp", browser, mode))
    assert [row["text"] for row in found.structured_content["results"]] == [ZEBRA]
    assert not added.is_error
    assert browser.opened == [scopes.READ, f"{scopes.READ} {scopes.WRITE}"]  # first what is needed, then more
    assert Application.objects.get().is_self_registered
    assert set(AppGrant.objects.get().scopes) == {scopes.READ, scopes.WRITE}
    written = Memory.objects.latest("id")
    assert (written.visibility, written.source.split(":")[0]) == ("private", "mcp")


async def _searches(address: str, token: str, mode: Any) -> tuple[list[float], Any]:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        calls = [client.call_tool("search", {"query": "zebra"}, progress_callback=note) for _ in range(8)]
        return seen, await asyncio.gather(*calls)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_wants_progress_gets_it_as_a_stream(mode: str, site: str) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
    token = access_token(Memory.objects.get().owner, make_app(), resource=[f"{site}/mcp"])
    seen, answers = asyncio.run(_searches(f"{site}/mcp", token, mode))
    assert sorted(seen) == [0] * 8 + [1] * 8
    assert all(answer.structured_content["results"][0]["text"] == ZEBRA for answer in answers)


async def _through_a_bridge(address: str, ada: Person, folder: Path) -> Any:
    """What a program of standard input and output finds behind mcp-remote, whose log asks for a browser."""
    log = folder / "log"
    bridge = StdioServerParameters(
        command=str(node()),
        args=[str(program("mcp-remote")), address, str(free_port()), "--host", "127.0.0.1"],
        env=environment(MCP_REMOTE_CONFIG_DIR=str(folder / "config"), BROWSER="none"),
    )

    async def answer_the_browser() -> None:
        while "Waiting for authorization" not in (said := log.read_text()):
            await asyncio.sleep(0.05)
        [asked] = re.findall(r"^http\S+/oauth/authorize/\S+", said, re.MULTILINE)
        sent_to = await asyncio.to_thread(say_yes, ada, asked)
        await asyncio.to_thread(httpx2.get, sent_to)

    with log.open("w") as errors:
        browser = asyncio.create_task(answer_the_browser())
        async with asyncio.timeout(60), Client(stdio_client(bridge, errlog=errors), mode="legacy") as client:
            await browser
            tools = await client.list_tools()
            return tools, await client.call_tool("search", {"query": "zebra"})


def test_a_client_that_only_starts_programs_needs_no_more_either(site: str, tmp_path: Path) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
        tools, found = asyncio.run(_through_a_bridge(f"{site}/mcp", ada, tmp_path))
    assert len(tools.tools) == len(TOOLS)
    assert [row["text"] for row in found.structured_content["results"]] == [ZEBRA]


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_the_inspector_lists_reads_and_calls(era: str, site: str, tmp_path: Path) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
    owner = Memory.objects.get().owner
    token = access_token(owner, make_app(), resource=[f"{site}/mcp"])

    def inspect(*asked: str) -> Any:
        common = ["--cli", f"{site}/mcp", "--transport", "http", "--protocol-era", era]
        said = run_node(
            program("mcp-inspector"), *common, "--header", f"Authorization: Bearer {token}", *asked,
            HOME=str(tmp_path),
        )  # fmt: skip
        assert said.returncode == 0, said.stdout + said.stderr
        return json.loads(said.stdout)

    tools = inspect("--method", "tools/list", "--strict")["tools"]
    assert len(tools) == len(TOOLS)
    found = inspect("--method", "tools/call", "--tool-name", "search", "--tool-arg", "query=zebra")
    assert found["structuredContent"]["results"][0]["text"] == ZEBRA
    read = inspect("--method", "resources/read", "--uri", "memory://profile")
    assert str(owner.pk) in read["contents"][0]["text"]
