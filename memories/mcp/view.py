"""The endpoint: what comes before the protocol. Who asks, from where, how much, and whether they may."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from mcp.server.lowlevel import Server

from accounts.actor import Actor, Door
from accounts.rate_limits import hit, of_anybody
from core.client_ip import client_network
from memories.mcp import cors
from memories.mcp.context import Call, in_a_thread
from memories.mcp.errors import (
    MAX_BODY_BYTES,
    REFUSALS,
    BodyTooLarge,
    MissingScopes,
    NoToken,
    refusal,
)
from memories.mcp.required_scopes import scopes_needed
from memories.mcp.transport import exchange
from oauth.access.request_actor import actor_from_request
from oauth.diagnostics import client_errors
from oauth.error_hints import Kind
from oauth.tokens.bearer import TokenRefused
from oauth.toolkit.scopes import may_ask_for

View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def endpoint(server: Server[Any]) -> View:
    """The view of a server. Bearer tokens only: no cookie counts, so no forged request of a browser does."""

    @csrf_exempt
    async def mcp(request: HttpRequest) -> HttpResponseBase:
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse(status=204)
        elif request.method != "POST":
            response = _not_posted(request)
        else:
            response = await _answer(server, request)
        return cors.told(request, response)

    return mcp


def _not_posted(request: HttpRequest) -> HttpResponse:
    """405, with a word for whoever opened the address in a browser."""
    said = (
        f"AI apps connect here. How yours does: {settings.PUBLIC_URL}/connect/\n"
        if request.method == "GET"
        else ""
    )
    return HttpResponseNotAllowed(["POST", "OPTIONS"], said, content_type="text/plain; charset=utf-8")


async def _answer(server: Server[Any], request: HttpRequest) -> HttpResponseBase:
    request_id = None
    try:
        cors.check(request)
        body = _body_of(request)
        actor = await in_a_thread(request, lambda: _authenticated(request))
        message = _message_in(body)
        request_id = message.get("id")
        if missing := [scope for scope in scopes_needed(message, actor) if not actor.holds(scope)]:
            await in_a_thread(request, lambda: _send_for_more(actor, missing))
        response = await exchange(server, Call(actor, request), body)
    except REFUSALS as error:
        response = refusal(error, request_id)
    response["Cache-Control"] = "no-store"
    return response


def _send_for_more(actor: Actor, missing: list[str]) -> None:
    """Raises MissingScopes, unless the app may never have them: then the tool tells the model, and no person is shown a
    question that is refused."""
    if may_ask_for(actor.client_id, missing):
        client_errors.note(actor.client_id, Kind.SCOPE_MISSING)
        raise MissingScopes(missing, held=actor.scopes)


def _body_of(request: HttpRequest) -> bytes:
    try:
        body = request.body
    except RequestDataTooBig:
        raise BodyTooLarge from None
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return body


def _authenticated(request: HttpRequest) -> Actor:
    """Whoever shows no good token counts against their address, which bounds guessing."""
    try:
        actor = actor_from_request(request, Door.MCP)
        if actor.user is None:
            raise NoToken
    except (TokenRefused, NoToken):
        hit(of_anybody(), client_network(request))
        raise
    return actor


def _message_in(body: bytes) -> dict[str, object]:
    """The message, empty where there is none to read: the SDK answers what is malformed."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
