"""Many answers that wait for a chat model, in a running server: they are streamed, block nobody else, and are cancelled
when the client disconnects."""

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

STREAMS, THREADS = 20, 2
QUESTION = "Where does the zebra sleep?"
FIRST_WORDS = b'event: text\ndata: {"text":"Peanuts"}'


def test_answers_waiting_for_the_model_do_not_block_others(transactional_db: None) -> None:
    variables = {"WEB_WORKERS": "1", "WEB_THREADS": str(THREADS), "CHAT_TIMEOUT_S": "300"}
    with ModelServer() as model, serving(**variables, **model.chat_variables) as site:
        with signed_up(site, "ada") as [ada]:
            ada.create("The zebra sleeps in the garden.")
        owner, app = Memory.objects.get().owner, make_app()
        token, mcp_token = (
            access_token(owner, app, scopes.READ, resource=[site + path]) for path in (API, MCP)
        )
        asyncio.run(_check_while_streams_wait(site, token, mcp_token, model))


async def _check_while_streams_wait(site: str, token: str, mcp_token: str, model: ModelServer) -> None:
    async with (
        httpx.AsyncClient(base_url=site, headers=_auth_header(token), timeout=60) as http,
        AsyncExitStack() as stack,
    ):
        # The first answer shows that the model does not begin with reasoning; the next ones arrive in pieces.
        first = await stack.enter_async_context(_ask_persona(http))
        assert b"event: answer" in await _read_until(first.aiter_bytes(), b"event: answer")
        model.may_go_on.clear()
        streams = [await stack.enter_async_context(_ask_persona(http)) for _ in range(STREAMS)]
        bodies = [stream.aiter_bytes() for stream in streams]
        # Each has the first word while the model has sent no second one.
        assert all([FIRST_WORDS in await _read_until(body, FIRST_WORDS) for body in bodies])
        assert model.under_way == STREAMS
        listed = await http.get("/api/v1/memories/")
        assert listed.json()["results"]
        assert (await http.get("/accounts/login/")).status_code == 200
        for mode in ("auto", "legacy"):
            await _cancel_call(site + MCP, mcp_token, mode, model)
        assert model.under_way == STREAMS  # all still wait: the pages did not need a free thread
        model.may_go_on.set()
        assert all([b"event: answer" in await _read_until(body, b"event: answer") for body in bodies])


async def _cancel_call(address: str, token: str, mode: Any, model: ModelServer) -> None:
    """Start a call, cancel it, and wait until the request to the model is cancelled, too."""
    async with (
        httpx2.AsyncClient(headers=_auth_header(token), timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        call = asyncio.create_task(client.call_tool("ask_persona", {"question": QUESTION}))
        await _wait_for_pending(model, STREAMS + 1)
        call.cancel()
        if mode == "auto":
            await _wait_for_pending(model, STREAMS)
            assert not (await client.call_tool("whoami", {})).is_error
    # In legacy mode there is no session to identify the call: closing the stream cancels it.
    await _wait_for_pending(model, STREAMS)


def _auth_header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _ask_persona(http: httpx.AsyncClient) -> Any:
    headers = {"Accept": "text/event-stream"}
    return http.stream("POST", "/api/v1/personas/me/ask/", json={"question": QUESTION}, headers=headers)


async def _read_until(body: Any, expected: bytes) -> bytes:
    read = b""
    while expected not in read:
        chunk = await anext(body, b"")
        assert chunk, read
        read += chunk
    return read


async def _wait_for_pending(model: ModelServer, number: int) -> None:
    async with asyncio.timeout(30):
        while model.under_way != number:
            await asyncio.sleep(0.02)
