"""Many answers that wait for a chat model, in the really running server: words come as they are said, nobody else
waits for them, and who goes away is waited for no longer."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from memories import scopes
from memories.models import Memory
from tests.chaos.people import signed_up
from tests.model_server import ModelServer
from tests.oauth.flows import API, MCP, access_token, make_app
from tests.processes import serving

pytestmark = pytest.mark.slow

WAITING, THREADS = 20, 2
QUESTION = "Where does the zebra sleep?"
FIRST_WORDS = b'event: text\ndata: {"text":"Peanuts"}'


def test_answers_that_wait_for_their_model_hold_nobody_up(transactional_db: None) -> None:
    patient = {"WEB_WORKERS": "1", "WEB_THREADS": str(THREADS), "CHAT_TIMEOUT_S": "300"}
    with ModelServer() as model, serving(**patient, **model.chat_variables) as site:
        with signed_up(site, "ada") as [ada]:
            ada.create("The zebra sleeps in the garden.")
        owner, app = Memory.objects.get().owner, make_app()
        token, mcp_token = (
            access_token(owner, app, scopes.READ, resource=[site + path]) for path in (API, MCP)
        )
        model.may_go_on.clear()
        asyncio.run(_while_all_wait(site, token, mcp_token, model))


async def _while_all_wait(site: str, token: str, mcp_token: str, model: ModelServer) -> None:
    async with (
        httpx.AsyncClient(base_url=site, headers=_bearer(token), timeout=60) as http,
        AsyncExitStack() as stack,
    ):
        streams = [await stack.enter_async_context(_asked(http)) for _ in range(WAITING)]
        bodies = [stream.aiter_bytes() for stream in streams]
        # Each has its first words while the model has said no second one.
        assert all([FIRST_WORDS in await _until(body, FIRST_WORDS) for body in bodies])
        assert model.under_way == WAITING
        listed = await http.get("/api/v1/memories/")
        assert listed.json()["results"]
        assert (await http.get("/accounts/login/")).status_code == 200
        for mode in ("auto", "legacy"):
            await _cancelled_by_the_sdk(site + MCP, mcp_token, mode, model)
        assert model.under_way == WAITING  # all of them still wait: none had to end for the pages
        model.may_go_on.set()
        assert all([b"event: answer" in await _until(body, b"event: answer") for body in bodies])


async def _cancelled_by_the_sdk(address: str, token: str, mode: Any, model: ModelServer) -> None:
    """A call that its client gives up: the model is asked for it, and then no longer."""
    async with (
        httpx2.AsyncClient(headers=_bearer(token), timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        call = asyncio.create_task(client.call_tool("ask_persona", {"question": QUESTION}))
        await _until_waiting(model, WAITING + 1)
        call.cancel()
        if mode == "auto":
            await _until_waiting(model, WAITING)
            assert not (await client.call_tool("whoami", {})).is_error
    # After a handshake there is no session to find the call by: closing the stream is what cancels it.
    await _until_waiting(model, WAITING)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _asked(http: httpx.AsyncClient) -> Any:
    wants = {"Accept": "text/event-stream"}
    return http.stream("POST", "/api/v1/personas/me/ask/", json={"question": QUESTION}, headers=wants)


async def _until(body: Any, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        more = await anext(body, b"")
        assert more, read
        read += more
    return read


async def _until_waiting(model: ModelServer, number: int) -> None:
    async with asyncio.timeout(30):
        while model.under_way != number:
            await asyncio.sleep(0.02)
