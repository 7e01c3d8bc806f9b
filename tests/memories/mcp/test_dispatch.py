"""Every request is answered as the SDK's own transport answers it, in each revision: it is the reference here."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import RequestFactory
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import x_mcp_header_map

from accounts.actor import Channel
from accounts.models import User
from core.db.principal import acting_for
from memories import scopes
from memories.mcp.context import CallContext
from memories.mcp.messages import parse_message
from memories.mcp.server import SERVER
from memories.mcp.tools import TOOLS
from memories.models import Memory
from oauth.tokens.bearer import authenticate_token
from tests.factories import remember
from tests.memories.mcp.callers import ENVELOPE, LEGACY, MODERN, Caller, app_of

pytestmark = pytest.mark.django_db

REVISIONS = (MODERN, LEGACY, "2025-06-18", "2025-03-26", "")
JSON, BOTH = "application/json", "application/json, text/event-stream"
KINDS = ((MODERN, JSON), (MODERN, BOTH), (LEGACY, JSON), (LEGACY, BOTH), ("2025-06-18", JSON), ("", BOTH))
CLIENT = {"capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
Request = tuple[str, dict[str, Any]]
Answer = tuple[int, list[Any]]  # status, and the messages of the response

PLAIN: tuple[Request, ...] = (
    *(("initialize", {"protocolVersion": each, **CLIENT}) for each in (*REVISIONS, "1999")),
    ("initialize", {}), ("ping", {}), ("ping", {"_meta": 7}), ("server/discover", {}),
    ("tools/list", {}), ("tools/list", {"cursor": "x"}), ("tools/list", {"cursor": 7}),
    ("prompts/list", {}), ("resources/list", {}), ("resources/templates/list", {}),
    ("prompts/get", {"name": "about_me"}), ("prompts/get", {"name": "about_me", "arguments": {"topic": "zebra"}}),
    ("prompts/get", {"name": "remember_this", "arguments": {"text": "a"}}), ("prompts/get", {"name": "remember_this"}),
    ("prompts/get", {"name": "unknown"}), ("prompts/get", {}), ("prompts/get", {"name": 7}),
    ("resources/read", {"uri": "memory://profile"}), ("resources/read", {"uri": "memory://context"}),
    ("resources/read", {"uri": "memory://unknown"}), ("resources/read", {}), ("resources/read", {"uri": 7}),
    ("logging/setLevel", {"level": "info"}), ("logging/setLevel", {}), ("resources/subscribe", {"uri": "memory://x"}),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": ""}}),
    ("subscriptions/listen", {}), ("sampling/createMessage", {}), ("tasks/get", {"taskId": "x"}),
    ("unknown/method", {}), ("TOOLS/LIST", {}),
)  # fmt: skip


def build_tool_calls(memory: Memory) -> list[Request]:
    """Return calls of every tool that succeed, that fail, and that are invalid."""
    found = {"id": str(memory.pk)}
    calls: list[tuple[Any, Any]] = [
        ("search", {"query": "zebra"}), ("search", {"query": "nothing like it"}), ("search", {}),
        ("search", {"query": "zebra", "limit": "many"}), ("search", {"query": "zebra", "colour": "red"}),
        ("search", {"query": "zebra", "since": "2030-01-01"}), ("search", {"query": "zebra", "max_tokens": 100}),
        ("fetch", found), ("fetch", {"id": "unknown"}), ("fetch", {"id": 7}), ("list_recent", {}),
        ("add_memory", {"text": "Éa"}), ("add_memory", {"text": "The zebra."}), ("add_memory", {"text": ""}),
        ("update_memory", {**found, "text": "The lion."}), ("update_memory", found), ("update_memory", {}),
        ("forget_memory", found), ("forget_memory", {"id": "unknown"}),
        ("get_context", {}), ("get_context", {"max_tokens": 1}), ("ask_persona", {"question": "Where is the zebra?"}),
        ("ask_persona", {}), ("whoami", {}), ("whoami", {"colour": "red"}), ("whoami", 7), ("unknown", {}), (7, {}),
    ]  # fmt: skip
    return [("tools/call", {"name": name, "arguments": arguments}) for name, arguments in calls]


async def take_call_from_scope(context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Give the handlers what they find in a request of the dispatch."""
    request: Any = context.request
    is_of_sdk = not isinstance(request, CallContext)
    return await call_next(replace(context, request=request.scope["call"]) if is_of_sdk else context)


@pytest.fixture
def app(ada: User, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(SERVER, "middleware", [*SERVER.middleware, take_call_from_scope])
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the SDK runs the handlers on the event loop
    return app_of(ada, scopes.READ, scopes.WRITE)


@pytest.mark.parametrize(("revision", "accept"), KINDS)
def test_requests_are_answered_as_by_the_sdk(revision: str, accept: str, ada: User, app: Caller) -> None:
    memory = remember(ada, "The zebra.")
    uris = (f"memory://{memory.pk}", f"memories://{ada.pk}")
    requests = [*PLAIN, *build_tool_calls(memory), *(("resources/read", {"uri": uri}) for uri in uris)]
    for method, params in requests:
        check(app, revision, accept, method, params)


@pytest.mark.parametrize(("revision", "accept"), KINDS)
@pytest.mark.parametrize(
    ("tool", "arguments", "reports"),
    [
        ("search", {"query": "zebra"}, 2),
        ("search", {}, 1),
        ("ask_persona", {"question": "zebra"}, 2),
        ("whoami", {}, 0),
    ],
)
def test_progress_is_reported_as_by_the_sdk(
    tool: str, arguments: dict[str, Any], reports: int, revision: str, accept: str, app: Caller
) -> None:
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    _status, messages = check(app, revision, accept, "tools/call", params)
    assert len(messages) == (1 if accept == JSON else reports + 1)


@pytest.mark.parametrize(
    ("headers", "meta"),
    [
        ({"Mcp-Method": "ping"}, {}), ({"Mcp-Method": ""}, {}), ({"Mcp-Name": "fetch"}, {}), ({"Mcp-Name": ""}, {}),
        ({"Mcp-Name": "=?base64?d2hvYW1p?="}, {}), ({"Mcp-Name": "=?base64?%%?="}, {}),
        ({}, {"io.modelcontextprotocol/protocolVersion": LEGACY}), ({}, {"io.modelcontextprotocol/protocolVersion": 7}),
        ({}, {"io.modelcontextprotocol/protocolVersion": None}),
        ({}, {"io.modelcontextprotocol/clientCapabilities": None}),
        ({}, {"io.modelcontextprotocol/clientCapabilities": 7}),
        ({}, {"io.modelcontextprotocol/clientInfo": None}), ({}, {"io.modelcontextprotocol/clientInfo": 7}),
        ({}, {"io.modelcontextprotocol/logLevel": "debug"}), ({}, {"io.modelcontextprotocol/logLevel": 7}),
        ({}, {"progressToken": []}),
    ],
)  # fmt: skip
def test_envelope_is_checked_as_by_the_sdk(
    headers: dict[str, str], meta: dict[str, Any], app: Caller
) -> None:
    for params in ({"name": "whoami"}, {"name": "search", "arguments": {"query": "zebra"}}):
        check(app, MODERN, BOTH, "tools/call", {**params, "_meta": ENVELOPE | meta}, **headers)


@pytest.mark.parametrize("revision", REVISIONS)
def test_messages_without_a_response_are_accepted_as_by_the_sdk(revision: str, app: Caller) -> None:
    notifications = (
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/roots/list_changed",
        "x",
    )
    for method in notifications:
        message = {"jsonrpc": "2.0", "method": method}
        compare(app, revision, BOTH, message, {})
        compare(app, revision, BOTH, {**message, "params": {"requestId": 1}}, {})
    outcomes: list[dict[str, Any]] = [{"result": {}}, {"error": {"code": 1, "message": "x"}}]
    for outcome in outcomes:
        ours, sdks = ask_both(app, revision, BOTH, {"jsonrpc": "2.0", "id": 1, **outcome}, {})
        assert ours[0] == sdks[0]  # the texts of the errors differ


def test_no_tool_has_arguments_that_headers_repeat() -> None:
    """The dispatch would have to compare them (2026-07-28, Streamable HTTP, custom headers)."""
    assert not any(x_mcp_header_map(tool.to_sdk_tool.input_schema) for tool in TOOLS.values())


def check(
    app: Caller, revision: str, accept: str, method: str, params: dict[str, Any], **headers: str
) -> Answer:
    if revision == MODERN:
        meta = params.get("_meta", {})
        params = {**params, "_meta": {**ENVELOPE, **meta} if isinstance(meta, dict) else meta}
        name = str(params.get("name") or params.get("uri") or "")
        headers = {"Mcp-Method": method, **({"Mcp-Name": name} if name else {}), **headers}
    return compare(
        app, revision, accept, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers
    )


def compare(
    app: Caller, revision: str, accept: str, message: dict[str, Any], headers: dict[str, str]
) -> Answer:
    ours, sdks = ask_both(app, revision, accept, message, headers)
    assert ours == sdks, message
    return ours


def ask_both(
    app: Caller, revision: str, accept: str, message: dict[str, Any], headers: dict[str, str]
) -> tuple[Answer, Answer]:
    headers = {"MCP-Protocol-Version": revision, "Accept": accept, **headers}
    if message.get("method") == "initialize" and revision != MODERN:
        headers["MCP-Protocol-Version"] = ""  # it negotiates
    body = json.dumps(message).encode()
    with undone():
        response = app.post(body, **headers)
        ours = read_answer(response.status_code, response.headers.get("Content-Type"), response.content)
    with undone():
        sdks = ask_sdk(app, body, accept, headers)
    return ours, sdks


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask_sdk(app: Caller, body: bytes, accept: str, headers: dict[str, str]) -> Answer:
    actor = authenticate_token(app.token, Channel.MCP)
    call = CallContext(actor, RequestFactory().post("/mcp"))
    lines = {**headers, "Content-Type": JSON, "Accept": BOTH}
    scope = {
        "type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "call": call,
        "headers": [(name.lower().encode(), value.encode()) for name, value in lines.items() if value],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    connection = connections["default"]

    async def exchange() -> None:
        connections["default"] = connection  # an event loop has others
        unread = [
            {"type": "http.request", "body": json.dumps(parse_message(body)).encode(), "more_body": False}
        ]

        async def receive() -> dict[str, Any]:
            if unread:
                return unread.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(part: Any) -> None:
            sent.append(dict(part))

        manager = StreamableHTTPSessionManager(SERVER, stateless=True, json_response=accept == JSON)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    with acting_for(actor.person.pk):
        asyncio.run(exchange())
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return read_answer(
        sent[0]["status"], found.get("content-type"), b"".join(part.get("body", b"") for part in sent[1:])
    )


def read_answer(status: int, content_type: str | None, content: bytes) -> Answer:
    """Return status and messages, in either form. IDs and times differ in each answer."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", content.decode())
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)", "TIME", text)
    is_stream = (content_type or "").startswith("text/event-stream")
    documents = re.findall(r"^data: (.+?)\r?$", text, re.MULTILINE) if is_stream else [text] if text else []
    messages = [json.loads(each) for each in documents]
    for message in messages:
        if message.get("error", {}).get("data", "") is None:
            del message["error"]["data"]  # means the same as none
    return status, messages
