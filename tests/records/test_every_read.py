"""No answer of any channel tells an app or another user of a memory without a line in its owner's record.

The operations are those of the OpenAPI description, of the MCP endpoint's own lists and of the URL configuration: one
that has no calls here fails.
"""

import io
import json
import logging
import zipfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from http.cookies import SimpleCookie
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.api.openapi.views import get_openapi_document
from tests.chaos.report import IS_LONG, record
from tests.memories.api.callers import V1
from tests.memories.mcp.callers import Caller
from tests.model_server import ModelServer
from tests.oauth.flows import API, MCP, access_token, allow, make_app, personal_token
from tests.records.ledger import Ledger, Reader, Reply
from tests.records.pages import FORM, list_urls
from tests.records.rest_requests import CALLS, TEXT, Call
from tests.records.world import ALL_SCOPES, QUESTION, World, plant_canaries

pytestmark = pytest.mark.django_db
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(autouse=True)
def _no_request_logging() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch, index: Callable[[], int]) -> World:
    monkeypatch.setattr(settings, "API_REQUESTS_PER_MINUTE", 10_000_000)
    return plant_canaries(index)


@pytest.fixture
def ledger(world: World) -> Iterator[Ledger]:
    """The ledger, which must be without unrecorded answers at the end."""
    kept = Ledger(world)
    yield kept
    assert kept.recorded > 0  # else nothing was tried
    record(
        "answers of every operation", tries=kept.requests, lost=len(kept.unrecorded), what="unrecorded reads"
    )
    assert kept.unrecorded == [], "\n".join(kept.unrecorded)


# --- REST ----------------------------------------------------------------------------------------------------


def list_operations() -> dict[str, tuple[str, str]]:
    """Return the method and the path of each operation by its id."""
    paths = get_openapi_document()["paths"]
    return {
        operation["operationId"]: (method, path.removeprefix(V1))
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in METHODS
    }


def connect_apps(world: World) -> list[tuple[Reader, str]]:
    """Return apps with different access, each with a token for REST and MCP; in the short form only two."""
    tag = frozenset(world.values["tag_id"])
    apps: list[tuple[str, User, Collection[str], dict[str, Any]]] = [
        ("an app with every scope", world.ada, ALL_SCOPES, {}),
        ("an app of another user", world.bob, ALL_SCOPES, {}),
        ("a personal access token limited to a tag", world.ada, ALL_SCOPES, {"only_tags": tag}),
        ("an app that reads and writes", world.ada, (scopes.READ, scopes.WRITE), {}),
        ("an app that asks first", world.ada, ALL_SCOPES, {"asks_first": True}),
        ("an app that only writes", world.ada, (scopes.WRITE,), {}),
    ]
    readers = []
    for name, user, granted, limits in apps if IS_LONG else apps[:2]:
        if limits.keys() == {"only_tags"}:
            issued = personal_token(user, *granted, name=name, **limits)
            readers.append((Reader(name, user.pk, issued.grant.application.client_id), issued.secret))
            continue
        app = make_app(name)
        allow(user, app, *granted, **limits)
        resource = [f"{settings.PUBLIC_URL}{path}" for path in (API, MCP)]
        token = access_token(user, app, *granted, resource=resource)
        readers.append((Reader(name, user.pk, app.application.client_id), token))
    return readers


def test_rest_operations_are_those_of_the_description() -> None:
    assert set(CALLS) == set(list_operations())


def test_rest(world: World, ledger: Ledger) -> None:
    for reader, token in connect_apps(world):
        client = Client(headers={"Authorization": f"Bearer {token}"})
        for name, (method, path) in list_operations().items():
            for request in build_requests(world, method, path, CALLS[name]):
                ledger.check(reader, f"{name} {request}", request, partial(send_rest, client))


def test_rest_with_a_chat_model(world: World, ledger: Ledger, model: ModelServer) -> None:
    """The model repeats everything that it reads."""
    model.says = None
    operations = list_operations()
    for reader, token in connect_apps(world):
        client = Client(headers={"Authorization": f"Bearer {token}"})
        for name in ("ask_persona", "extract_memories"):
            for request in build_requests(world, *operations[name], CALLS[name]):
                ledger.check(reader, f"{name} {request}", request, partial(send_rest, client))


def build_requests(world: World, method: str, path: str, calls: tuple[Call, ...]) -> Iterator[str]:
    """Yield each call with each value of the parameters in the path. An unknown parameter raises KeyError."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    for values in product(*(world.values[name] for name in names)):
        filled = path.format(**dict(zip(names, values, strict=True)))
        for call in calls:
            text = json.dumps({"method": method, "path": filled, **call._asdict()})
            for name, pk in [*world.memories.items(), ("tag_id", world.values["tag_id"][0])]:
                text = text.replace(f"{{{name}}}", str(pk))
            yield text


def send_rest(client: Client, text: str) -> Reply:
    request: dict[str, Any] = json.loads(text)
    body = b"" if request["body"] is None else json.dumps(request["body"]).encode()
    for _ in range(request["times"]):
        response = client.generic(
            request["method"].upper(),
            V1 + request["path"],
            body,
            content_type="application/json" if body else "",
            query_params=request["query"],
            headers=request["headers"],
        )
        reply = read_reply(response)
    return reply


def read_reply(response: Any) -> Reply:
    chunks = response.streaming_content if response.streaming else [response.content]
    content = b"".join(chunks)
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = b"".join(archive.read(name) for name in archive.namelist())
    head = "".join(f"{name}: {response[name]}\n" for name in ("ETag", "Location") if name in response)
    if response.headers.get("Content-Type") == "application/problem+json":
        problem = json.loads(content)
        content = json.dumps({**problem, "request_id": "", "instance": ""}).encode()
    return Reply(response.status_code, head.encode() + content)


# --- MCP -----------------------------------------------------------------------------------------------------

TOOLS: dict[str, tuple[dict[str, Any], ...]] = {
    "search": ({"query": "zebra"}, {"query": "zebra", "max_tokens": 200}, {"query": "privatebird"}),
    "fetch": ({"id": "{memory_id}"},),
    "add_memory": (
        {"text": "New."},
        {"text": TEXT},
        {"text": TEXT, "tags": ["new"]},
        {"text": TEXT, "tags": [f"tag {number}" for number in range(20)]},
        {"text": "New.", "supersedes": "{memory_id}"},
        {"text": TEXT, "pinned": True},
    ),
    "update_memory": (
        {"id": "{memory_id}"},
        {"id": "{memory_id}", "text": "Moved."},
        {"id": "{memory_id}", "text": TEXT},
        {"id": "{memory_id}", "expires_at": "2001-01-01"},
        {"id": "{memory_id}", "supersedes": "{older}"},
        {"id": "{memory_id}", "pinned": "true"},
    ),
    "forget_memory": ({"id": "{memory_id}"},),
    "list_recent": ({}, {"limit": 1}, {"max_tokens": 200}),
    "get_context": ({}, {"query": "privatebird", "max_tokens": 100}),
    "ask_persona": ({"question": QUESTION}, {"question": QUESTION, "handle": "{handle}"}),
    "whoami": ({},),
}
RESOURCES = {"memory://{id}": "memory://{memory_id}", "memories://{user_id}": "memories://{ada}"}
PROMPTS: dict[str, dict[str, str]] = {"about_me": {"topic": "the zebra"}, "remember_this": {"text": "New."}}


def test_mcp(world: World, ledger: Ledger) -> None:
    """The tools, resources and prompts are those that the endpoint lists to each app."""
    for reader, token in connect_apps(world):
        caller = Caller(token)
        for method, params in list_mcp_requests(caller):
            text = json.dumps([method, params]).replace("{ada}", str(world.ada.pk))
            text = text.replace("{older}", str(world.memories["older"]))
            for request in fill_parameters(world, text):
                ledger.check(reader, request, request, partial(send_mcp, caller))


def list_mcp_requests(caller: Caller) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests for everything that the endpoint lists. A name without arguments here raises KeyError."""
    for tool in caller.ask("tools/list").result["tools"]:
        for arguments in TOOLS[tool["name"]]:
            yield "tools/call", {"name": tool["name"], "arguments": arguments}
    for resource in caller.ask("resources/list").result["resources"]:
        yield "resources/read", {"uri": resource["uri"]}
    for template in caller.ask("resources/templates/list").result["resourceTemplates"]:
        yield "resources/read", {"uri": RESOURCES[template["uriTemplate"]]}
    for prompt in caller.ask("prompts/list").result["prompts"]:
        yield "prompts/get", {"name": prompt["name"], "arguments": PROMPTS[prompt["name"]]}


def fill_parameters(world: World, text: str) -> Iterator[str]:
    """Yield the text with each value of the parameters in it."""
    names = [name for name in world.values if f"{{{name}}}" in text]
    for values in product(*(world.values[name] for name in names)):
        filled = text
        for name, value in zip(names, values, strict=True):
            filled = filled.replace(f"{{{name}}}", str(value))
        yield filled


def send_mcp(caller: Caller, text: str) -> Reply:
    method, params = json.loads(text)
    answer = caller.ask(method, params)
    return Reply(answer.status, answer.content)


# --- Pages ---------------------------------------------------------------------------------------------------


def test_pages(world: World, ledger: Ledger) -> None:
    """Every URL, opened and sent a form by everybody but Ada. Tokens of apps count for nothing on pages.

    In the short form by one of them, and forms go only where questions are asked.
    """
    anonymous = (Reader("an anonymous user", None), Client())
    other = (Reader("another user", world.bob.pk), log_in(world.bob))
    root = (Reader("a superuser", world.root.pk), log_in(world.root))
    [(_reader, token), *_] = connect_apps(world)
    app = (Reader("an app", None), Client(headers={"Authorization": f"Bearer {token}"}))
    for path in list_urls(world):
        is_admin, is_page = path.startswith("/admin/"), not path.startswith(("/api/", "/mcp"))
        visitors = [root if is_admin else other]
        if IS_LONG:
            visitors = [anonymous, other, root, *([app] if is_page else [])]
        elif path.startswith("/@"):
            visitors = [anonymous, other]
        for reader, client in visitors:
            takes_forms = IS_LONG or path.startswith(("/@", "/memories/ask/"))
            for method in ("get", "post") if takes_forms else ("get",):
                request = json.dumps(
                    {"method": method, "path": path, "form": {**FORM, "whom": world.ada.handle}}
                )
                ledger.check(reader, request, request, partial(send_form, client))


def send_form(client: Client, text: str) -> Reply:
    request: dict[str, Any] = json.loads(text)
    before = client.cookies.output(header="", sep=";")
    reply = read_reply(getattr(client, request["method"])(request["path"], request["form"]))
    client.cookies = SimpleCookie(before)  # the page may have logged out
    return reply


def log_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
