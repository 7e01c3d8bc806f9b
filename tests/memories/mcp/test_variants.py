"""Messages in forms that are malformed or merely unusual: each is answered as its specification says.

JSON-RPC 2.0; MCP, Streamable HTTP; RFC 8259 (JSON); RFC 9110 12.5.1 (Accept).
"""

import json
from itertools import product
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from accounts.models import User
from memories.models import Memory
from tests.factories import remember
from tests.memories.mcp.callers import ENVELOPE, LEGACY, MODERN, Caller, app_of

pytestmark = pytest.mark.django_db

JSON, STREAM = "application/json", "text/event-stream"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
REVISIONS = (MODERN, LEGACY, "2025-03-26", "")
CANARY = "canary"
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def send(user: User, body: bytes, *, revision: str = LEGACY, **headers: str) -> Any:
    caller = app_of(user)
    caller.revision = revision
    return caller.post(body, **headers)


def build_call(*, message_id: Any = 1, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": message_id, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


# --- Malformed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "message_id"),
    [
        *((b'{"jsonrpc":"2.0","id":%s,"method":"tools/list"}' % odd, INVALID_REQUEST, None)
          for odd in (b"null", b"1.0", b"2.5", b"[]", b'["x"]', b"{}", b"true", b"false", b"-1e3")),
        (b" \n", PARSE_ERROR, None), (b"{", PARSE_ERROR, None), (b'{"canary"}', PARSE_ERROR, None),
        (PING + b"canary", PARSE_ERROR, None), (PING + PING, PARSE_ERROR, None), (PING + b"\0", PARSE_ERROR, None),
        (b"canary", PARSE_ERROR, None), (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', PARSE_ERROR, None),
        (b'{"canary": "\xff"}', PARSE_ERROR, None), (b'{"canary": "\\ud800"}', PARSE_ERROR, None),
        (PING.decode().encode("utf-16"), PARSE_ERROR, None), (b"[" * 100_000, PARSE_ERROR, None),
        (b"jsonrpc=2.0&id=1&method=canary", PARSE_ERROR, None), (b"'canary'", PARSE_ERROR, None),
        (b"[]", INVALID_REQUEST, None),
        (b"[" + PING + b"]", INVALID_REQUEST, None),
        (b'"canary"', INVALID_REQUEST, None),
        (b"7", INVALID_REQUEST, None), (b"null", INVALID_REQUEST, None), (b"{}", INVALID_REQUEST, None),
        (b'{"id":1,"method":"ping"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"1.0","id":"x","method":"ping"}', INVALID_REQUEST, "x"),
        (b'{"jsonrpc":2.0,"id":1,"method":"ping"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":""}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"canary"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":["canary"]}', INVALID_PARAMS, 1),
        (build_call(name="add_memory", arguments={"text": CANARY}).replace(b'"id": 1,', b""), INVALID_REQUEST, None),
    ],
)  # fmt: skip
def test_malformed_message(body: bytes, code: int, message_id: Any, ada: User) -> None:
    for revision in REVISIONS:
        response = send(ada, body, revision=revision)
        answer = json.loads(response.content)
        assert (response.status_code, answer["error"]["code"], answer["id"]) == (400, code, message_id)
        assert answer["error"]["message"].endswith(".")
        assert b"canary" not in response.content
        assert b"pydantic" not in response.content
    assert not Memory.objects.exists()


INVALID = [
    ("tools/call", {}, "name"),
    ("tools/call", {"name": None}, "name"),
    ("tools/call", {"name": "whoami", "arguments": CANARY}, "arguments"),
    ("tools/call", {"name": "whoami", "arguments": [CANARY]}, "arguments"),
    ("tools/call", {"name": "whoami", "arguments": 7}, "arguments"),
    ("tools/call", {"name": "drop_tables"}, "tool"),
    ("prompts/get", {"name": "drop_tables"}, "prompt"),
    ("prompts/get", {"name": "about_me", "arguments": CANARY}, "arguments"),
    ("prompts/get", {}, "name"),
    ("resources/read", {}, "uri"),
]


@pytest.mark.parametrize(("method", "params", "named"), INVALID)
def test_invalid_params_are_named(method: str, params: Any, named: str, ada: User) -> None:
    caller = app_of(ada)
    for revision in (MODERN, LEGACY):
        caller.revision = revision
        answer = caller.ask(method, params)
        assert (answer.json["error"]["code"], answer.json["id"]) == (INVALID_PARAMS, 1)
        assert named in answer.json["error"]["message"]
        assert CANARY not in answer.content.decode()


@pytest.mark.parametrize("name", [7, [CANARY], {}, True])
@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_invalid_name_is_named(method: str, name: Any, ada: User) -> None:
    key = "uri" if method == "resources/read" else "name"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {key: name}}).encode()
    response = send(ada, body)
    assert json.loads(response.content)["error"]["message"] == f"params.{key}: Use text."
    assert CANARY not in response.content.decode()


@pytest.mark.parametrize(
    "meta", [{"progressToken": []}, {"progressToken": {}}, {"progressToken": 1.5}, [], "x", 7]
)
def test_odd_meta_is_invalid(meta: Any, ada: User) -> None:
    answer = json.loads(send(ada, build_call(name="whoami", _meta=meta)).content)
    assert answer["error"]["code"] == INVALID_PARAMS
    assert "_meta" in answer["error"]["message"]


@pytest.mark.parametrize("header", ["1.0", "2027-01-01", "latest", "v2025-06-18", "canary" * 50])
def test_unknown_revision_is_answered_with_the_known_ones(header: str, ada: User) -> None:
    response = send(ada, PING, revision=header)
    error = json.loads(response.content)["error"]
    assert (response.status_code, error["code"]) == (400, -32022)
    assert all(known in error["message"] for known in (MODERN, LEGACY, "2025-03-26", "MCP-Protocol-Version"))
    assert "_meta" not in error["message"]
    assert error["data"]["requested"] == header[:100]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406), ("application/json;q=0", 406), ("application/json;q=0, text/event-stream;q=0.0", 406),
        ("application/xml, image/*", 406), ("*/*;q=0", 406),
    ],
)  # fmt: skip
def test_accept_of_neither_form(accept: str, status: int, ada: User) -> None:
    response = send(ada, PING, Accept=accept)
    assert response.status_code == status
    assert json.loads(response.content)["error"]["code"] == INVALID_REQUEST


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""])
def test_other_content_types(content_type: str, ada: User) -> None:
    caller = app_of(ada)
    headers = {"Authorization": f"Bearer {caller.token}", "MCP-Protocol-Version": LEGACY}
    for revision in (LEGACY, MODERN):
        headers["MCP-Protocol-Version"] = revision
        response = Client().generic("POST", "/mcp", PING, content_type=content_type, headers=headers)
        assert response.status_code == 415
        assert "Content-Type: application/json" in json.loads(response.content)["error"]["message"]


# --- Unusual --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (PING, 1), (b"\xef\xbb\xbf" + PING, 1), (b"\r\n " + PING + b"\n\t", 1),
        (b'{"jsonrpc":"2.0","id":0,"method":"ping"}', 0), (b'{"jsonrpc":"2.0","id":-5,"method":"ping"}', -5),
        (b'{"jsonrpc":"2.0","id":"","method":"ping"}', ""), (b'{"jsonrpc":"2.0","id":"1","method":"ping"}', "1"),
        (b'{"jsonrpc":"2.0","id":"%s","method":"ping"}' % (b"x" * 9_000), "x" * 9_000),
        (b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % 10**30, 10**30),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"extra":[]}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":null}}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":null}}}', 1),
        (b'{"jsonrpc":"2.0","id":"\\u00e9","method":"ping"}', "é"),
        (build_call(name="whoami", _meta={"progressToken": "p"}), 1), (build_call(name="whoami", arguments=None), 1),
    ],
)  # fmt: skip
def test_unusual_message_is_answered(body: bytes, message_id: Any, ada: User) -> None:
    for revision in (LEGACY, "2025-03-26", ""):
        answer = json.loads(send(ada, body, revision=revision).content)
        assert "result" in answer, answer
        assert answer["id"] == message_id


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
def test_unknown_method(revision: str, ada: User) -> None:
    caller = app_of(ada)
    caller.revision = revision
    for method in ("tools/run", "sampling/unknown", "TOOLS/LIST"):
        assert caller.ask(method).json["error"]["code"] == METHOD_NOT_FOUND


@pytest.mark.parametrize("revision", [MODERN, LEGACY, ""])
@pytest.mark.parametrize(
    "method", ["notifications/initialized", "notifications/cancelled", "notifications/unknown", "x"]
)
def test_notification_is_accepted(method: str, revision: str, ada: User) -> None:
    for params in (b"", b',"params":null', b',"params":{"requestId":[]}'):
        body = b'{"jsonrpc":"2.0","method":"%s"%s}' % (method.encode(), params)
        response = send(ada, body, revision=revision)
        assert (response.status_code, response.content) == (202, b"")


@pytest.mark.parametrize("outcome", ['"result":{}', '"result":7', '"error":{"code":1,"message":"canary"}'])
def test_response_of_a_client(outcome: str, ada: User) -> None:
    body = f'{{"jsonrpc":"2.0","id":1,{outcome}}}'.encode()
    assert send(ada, body).status_code == 202
    refused = send(ada, body, revision=MODERN)  # 2026-07-28: clients must not send any
    assert refused.status_code == 400
    assert b"canary" not in refused.content


@pytest.mark.parametrize(
    "requested", ["2024-01-01", "1999", "draft", LEGACY, "2025-06-18", "2025-03-26", MODERN]
)
def test_initialize_negotiates_the_revision(requested: str, ada: User) -> None:
    params = {"protocolVersion": requested, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    is_known = requested in (LEGACY, "2025-06-18", "2025-03-26")
    for header in ("", "2027-01-01", LEGACY):
        result = json.loads(send(ada, body, revision=header).content)["result"]
        assert result["protocolVersion"] == (requested if is_known else LEGACY)


def test_initialize_without_required_params_names_them(ada: User) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}'
    error = json.loads(send(ada, body, revision="").content)["error"]
    assert error["code"] == INVALID_PARAMS
    assert "clientInfo: Required" in error["message"]
    assert "capabilities: Required" in error["message"]


# --- The form of the response ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "forms"),
    [
        (JSON, [JSON]), (STREAM, [STREAM]), ("*/*", [JSON]), (None, [JSON]), ("", [JSON]), ("*", [JSON]),
        ("application/*", [JSON]),
        ("text/*", [STREAM]),
        (f"{JSON};q=0, {STREAM}", [STREAM]),
        (f"{JSON};q=0, */*", [STREAM]),
        (f"{JSON}, {STREAM};q=0", [JSON]),
        (f"{JSON};q=0.5, {STREAM};q=0.9", [STREAM]),
        (f"{JSON}, {STREAM};q=0.1", [JSON]),
        (f"{JSON}; charset=utf-8", [JSON]), ("APPLICATION/JSON", [JSON]), ("Text/Event-Stream", [STREAM]),
        (f"text/html, {JSON}", [JSON]), (f"{JSON}, {STREAM}", [JSON, STREAM]), (f"{STREAM},{JSON}", [JSON, STREAM]),
    ],
)  # fmt: skip
def test_response_has_a_form_that_is_accepted(accept: str | None, forms: list[str], ada: User) -> None:
    remember(ada, "The zebra.")
    token = app_of(ada).token
    clients: tuple[Client | AsyncClient, ...] = (Client(), AsyncClient())
    for client, revision in product(clients, (MODERN, LEGACY)):
        caller = Caller(token, client=client, revision=revision)
        params = {"name": "search", "arguments": {"query": "zebra"}}
        status, content_type, content = post(caller, accept, params)
        form = content_type.partition(";")[0]
        assert (status, form in forms) == (200, True)
        if form == STREAM:
            events = [line for line in content.decode().splitlines() if line.startswith("data: ")]
            content = events[-1].removeprefix("data: ").encode()
        assert json.loads(content)["result"]["structuredContent"]["results"][0]["text"] == "The zebra."


@pytest.mark.parametrize(
    "content_type", ["APPLICATION/JSON", "application/json; charset=utf-8", "Application/Json;x=y"]
)
def test_content_type_in_any_case(content_type: str, ada: User) -> None:
    headers = {"Authorization": f"Bearer {app_of(ada).token}"}
    response = Client().generic("POST", "/mcp", PING, content_type=content_type, headers=headers)
    assert response.status_code == 200


def post(caller: Caller, accept: str | None, params: dict[str, Any]) -> tuple[int, str, bytes]:
    """Return status, content type and content, also of a stream."""
    headers = {"Authorization": f"Bearer {caller.token}", "MCP-Protocol-Version": caller.revision}
    if accept is not None:
        headers["Accept"] = accept
    if caller.revision == MODERN:
        params = {**params, "_meta": ENVELOPE}
        headers |= {"Mcp-Method": "tools/call", "Mcp-Name": params["name"]}
    generic: Any = caller.client.generic

    async def exchange() -> Any:
        response = await generic("POST", "/mcp", build_call(**params), content_type=JSON, headers=headers)
        content = b"".join([part async for part in response]) if response.streaming else response.content
        return response, content

    if isinstance(caller.client, AsyncClient):
        response, content = async_to_sync(exchange)()
    else:
        response = generic("POST", "/mcp", build_call(**params), content_type=JSON, headers=headers)
        content = response.content
    return response.status_code, response.headers["Content-Type"], content
