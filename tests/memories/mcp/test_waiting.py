"""Results that are awaited: the response is sent without a thread, begins with reports, and can be cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from core.deferred_responses import DEFERRED_KEY, Body
from core.work_meter import get_meter
from memories.mcp import transport
from memories.mcp.dispatch import run_in_this_thread
from memories.persona import generation
from tests.factories import remember
from tests.memories.mcp.callers import ENVELOPE, LEGACY, MODERN, Caller, app_of
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db

JSON, STREAM = "application/json", "text/event-stream"
QUESTION = {"name": "ask_persona", "arguments": {"question": "Where does the zebra sleep?"}}


class Waiting(Caller):
    """Receives responses as the gateway does: the view leaves the body in the environ."""

    def __init__(self, token: str, revision: str) -> None:
        self.bodies: list[Body] = []
        super().__init__(token, Client(**{DEFERRED_KEY: self.bodies}), revision)  # type: ignore[arg-type]

    def ask_later(self, accept: str) -> tuple[str, AsyncIterator[bytes]]:
        """Return the media type and the body."""
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {**QUESTION, "_meta": self.meta},
        }
        headers = {"Mcp-Method": "tools/call", "Mcp-Name": "ask_persona", "Accept": accept}
        response = self.post(json.dumps(message).encode(), **headers)
        assert (response.status_code, response.content) == (200, b"")
        [body] = self.bodies
        return response.headers["Content-Type"], body()

    @property
    def meta(self) -> dict[str, Any]:
        return {"progressToken": 7, **(ENVELOPE if self.revision == MODERN else {})}


@pytest.fixture
def zebra(ada: User, index: Callable[[], int], model: ModelServer) -> User:
    remember(ada, "The zebra sleeps in the garden.")
    index()
    return ada


async def read(body: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in body])


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
@pytest.mark.parametrize("accept", [STREAM, f"{JSON}, {STREAM}"])
def test_stream_begins_with_progress(accept: str, revision: str, zebra: User) -> None:
    media_type, body = Waiting(app_of(zebra).token, revision).ask_later(accept)
    events = asyncio.run(read(body)).decode().strip().split("\n\n")
    first, last, answer = (json.loads(event.removeprefix("event: message\ndata: ")) for event in events)
    assert media_type == STREAM
    assert [each["params"]["progress"] for each in (first, last)] == [0, 1]
    assert {each["params"]["progressToken"] for each in (first, last)} == {7}
    assert answer["result"]["structuredContent"]["answer"] == "Peanuts [1]."


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
def test_client_that_accepts_only_json_gets_one_document(revision: str, zebra: User) -> None:
    media_type, body = Waiting(app_of(zebra).token, revision).ask_later(JSON)
    assert media_type == JSON
    assert json.loads(asyncio.run(read(body)))["result"]["structuredContent"]["mode"] == "worded"


def test_stream_stays_open_while_nothing_is_sent(zebra: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PING_S", 0.01)
    may_go_on = asyncio.Event()

    async def generate(prepared: Any) -> Any:
        await may_go_on.wait()
        return prepared.quoted

    async def read_until_ping(body: AsyncIterator[bytes]) -> bytes:
        async for part in body:
            if part == transport.PING:
                may_go_on.set()
                return await read(body)
        raise AssertionError

    monkeypatch.setattr(generation, "generate_answer", generate)
    _type, body = Waiting(app_of(zebra).token, MODERN).ask_later(STREAM)
    assert b'"structuredContent"' in asyncio.run(read_until_ping(body))


@pytest.mark.parametrize("accept", [JSON, STREAM])
def test_work_of_the_answer_is_charged_to_the_user(
    accept: str, zebra: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 60
    charges = []

    async def generate(prepared: Any) -> Any:
        meter = get_meter()
        charges.append(meter and meter.charge)
        return prepared.quoted

    monkeypatch.setattr(generation, "generate_answer", generate)
    _type, body = Waiting(app_of(zebra).token, MODERN).ask_later(accept)
    asyncio.run(read(body))
    assert None not in charges
    assert charges


def test_closing_the_stream_cancels_the_call(zebra: User, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = []

    async def generate(_prepared: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    async def read_one(body: Any) -> None:
        assert b'"progress":0' in await anext(body)
        await asyncio.sleep(0)
        await body.aclose()
        await asyncio.sleep(0)

    monkeypatch.setattr(generation, "generate_answer", generate)
    _type, body = Waiting(app_of(zebra).token, MODERN).ask_later(STREAM)
    asyncio.run(read_one(body))
    assert outcome == ["cancelled"]


def test_handler_that_waits_without_saying_so_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="waited"):
        run_in_this_thread(asyncio.sleep(0))
