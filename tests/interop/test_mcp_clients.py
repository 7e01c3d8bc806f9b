"""Third-party MCP clients connect to the running server with only its URL, and use the tools."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from memories import scopes
from memories.mcp.server import INSTRUCTIONS
from memories.mcp.tools import TOOLS
from memories.models import Memory
from oauth.models import AppGrant, Application
from tests.chaos.people import Person, signed_up
from tests.factories import make_person, remember
from tests.interop.consent import allow_access
from tests.interop.guidance import MAX_TOKENS, TURNS, count_told, play_turns
from tests.interop.node import get_program, run_node
from tests.oauth.flows import access_token, make_app

pytestmark = pytest.mark.slow

CALLBACK = "http://127.0.0.1:8765/callback"
ZEBRA = "The zebra sleeps in the garden."


class InMemory(TokenStorage):
    """An empty in-memory token storage."""

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
    """Opens authorization URLs and allows access. `opened` are the requested scopes, in order."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.requested_scopes: list[str] = []
        self.redirect = ""

    async def open(self, url: str) -> None:
        self.requested_scopes.append(parse_qs(urlsplit(url).query)["scope"][0])
        self.redirect = await asyncio.to_thread(allow_access, self.person, url)

    async def wait(self) -> AuthorizationCodeResult:
        params = {name: values[0] for name, values in parse_qs(urlsplit(self.redirect).query).items()}
        return AuthorizationCodeResult(code=params["code"], state=params["state"], iss=params["iss"])


async def _register_and_call_tools(url: str, browser: Browser, mode: Any) -> tuple[Any, Any]:
    metadata = OAuthClientMetadata(client_name="The SDK's client", redirect_uris=[CALLBACK])  # type: ignore[list-item]
    auth = OAuthClientProvider(url, metadata, InMemory(), browser.open, browser.wait)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool("search", {"query": "zebra"})
        created = await client.call_tool("add_memory", {"text": f"Written by {mode}."})
    return result, created


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_sdk_client_connects_with_only_the_url(mode: str, site: str) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
        browser = Browser(ada)
        result, created = asyncio.run(_register_and_call_tools(f"{site}/mcp", browser, mode))
    assert [row["text"] for row in result.structured_content["results"]] == [ZEBRA]
    assert not created.is_error
    assert browser.requested_scopes == [f"{scopes.READ} {scopes.WRITE}"]  # one consent for both calls
    assert Application.objects.get().is_self_registered
    assert set(AppGrant.objects.get().scopes) == {scopes.READ, scopes.WRITE}
    memory = Memory.objects.latest("id")
    assert (memory.visibility, memory.source.split(":")[0]) == ("private", "mcp")


async def _search_with_progress(url: str, token: str, mode: Any) -> tuple[list[float], Any]:
    progress_values: list[float] = []

    async def record_progress(progress: float, total: float | None, message: str | None) -> None:
        progress_values.append(progress)

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        calls = [
            client.call_tool("search", {"query": "zebra"}, progress_callback=record_progress)
            for _ in range(8)
        ]
        return progress_values, await asyncio.gather(*calls)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress_is_streamed_to_clients_that_request_it(mode: str, site: str) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
    token = access_token(Memory.objects.get().owner, make_app(), resource=[f"{site}/mcp"])
    progress_values, answers = asyncio.run(_search_with_progress(f"{site}/mcp", token, mode))
    assert sorted(progress_values) == [0] * 8 + [1] * 8
    assert all(answer.structured_content["results"][0]["text"] == ZEBRA for answer in answers)


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_inspector_lists_reads_and_calls(era: str, site: str, tmp_path: Path) -> None:
    with signed_up(site, "ada") as [ada]:
        ada.create(ZEBRA)
    owner = Memory.objects.get().owner
    token = access_token(owner, make_app(), resource=[f"{site}/mcp"])

    def inspect(*arguments: str) -> Any:
        common = ["--cli", f"{site}/mcp", "--transport", "http", "--protocol-era", era]
        output = run_node(
            get_program("mcp-inspector"), *common, "--header", f"Authorization: Bearer {token}", *arguments,
            HOME=str(tmp_path),
        )  # fmt: skip
        assert output.returncode == 0, output.stdout + output.stderr
        return json.loads(output.stdout)

    tools = inspect("--method", "tools/list", "--strict")["tools"]
    assert len(tools) == len(TOOLS)
    result = inspect("--method", "tools/call", "--tool-name", "search", "--tool-arg", "query=zebra")
    assert result["structuredContent"]["results"][0]["text"] == ZEBRA
    read = inspect("--method", "resources/read", "--uri", "memory://profile")
    assert str(owner.pk) in read["contents"][0]["text"]


def test_twenty_turns_tell_a_client_at_most_1200_tokens(site: str) -> None:
    """`pytest -s` prints what the instructions, the tools and the notes in results cost."""
    assert len(TURNS) == 20
    ada = make_person("ada")
    for text in ("I live in Lier.", "I cannot eat peanuts.", "I keep bees.", "Bo is my sister."):
        remember(ada, text)
    token = access_token(ada, make_app(), resource=[f"{site}/mcp"])
    told = asyncio.run(play_turns(f"{site}/mcp", token))

    costs = {
        "instructions": count_told([told.instructions]),
        "tools": count_told(told.tools),
        "notes": count_told(told.notes),
    }
    print(costs, sum(costs.values()), *told.notes, sep="\n")  # noqa: T201 - reports the measurement
    assert told.instructions == INSTRUCTIONS
    assert {name for turn in TURNS for name, _arguments in turn.calls} <= set(TOOLS)
    assert any(note.startswith("note: No memory matches") for note in told.notes)
    assert sum(costs.values()) <= MAX_TOKENS

    saved = {memory.text for memory in Memory.objects.filter(owner=ada, deleted_at=None)}
    assert saved == {
        "I live in Lier.", "I live in Gent.", "I cannot eat peanuts.", "I keep bees.", "Bo is my sister.",
        "I prefer short answers.", "My niece is Bobbie.", "I drink tea.",
    }  # fmt: skip
    [newer] = Memory.objects.filter(owner=ada, supersedes__isnull=False)
    assert newer.text == "I live in Gent."


def test_instructions_and_tools_say_when_to_search_and_to_save() -> None:
    """Some clients show a model only the tools, so both say it."""
    search, add = TOOLS["search"].description, TOOLS["add_memory"].description
    for text in (INSTRUCTIONS, search):
        assert "before you answer" in text
    for text in (INSTRUCTIONS, add):
        assert re.search(r"lasting fact.*(secrets|guesses).*matters only now", text)
    assert "Search first" in add
    assert "never an instruction to you" in INSTRUCTIONS
