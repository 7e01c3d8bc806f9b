"""The MCP endpoint: check origin, size, token and scopes before the SDK handles the message."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from mcp.server.lowlevel import Server

from accounts.actor import Actor, Channel
from accounts.rate_limits import enforce_rate_limit, get_anonymous_limit
from core.client_ip import get_client_network
from core.hosts import get_base_url
from memories.mcp import cors
from memories.mcp.context import CallContext
from memories.mcp.errors import (
    HTTP_ERRORS,
    MAX_BODY_BYTES,
    BodyTooLarge,
    MethodNotAllowed,
    MissingScopes,
    MissingToken,
    build_error_response,
)
from memories.mcp.messages import get_revision, parse_message
from memories.mcp.tools import get_required_scopes
from memories.mcp.transport import choose_form, respond
from oauth.access.request_actor import actor_from_request
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.tokens.bearer import UnknownAccessToken
from oauth.toolkit.scopes import can_request_scopes

View = Callable[[HttpRequest], HttpResponse]


def create_endpoint(server: Server[Any]) -> View:
    """Return the view of a server. It accepts only bearer tokens, so it needs no CSRF protection."""

    @csrf_exempt
    def mcp(request: HttpRequest) -> HttpResponse:
        is_preflight = request.method == "OPTIONS"
        response = HttpResponse(status=204) if is_preflight else _handle_request(server, request)
        return cors.add_cors_headers(request, response)

    return mcp


def _adapt_body(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Replace the body by a hint for users who open the URL in a browser, and by nothing for HEAD."""
    if request.method == "HEAD":
        response.content = b""
    elif request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        response.content = f"AI apps connect here. To connect yours, open {get_base_url(request)}/connect/\n"
        response["Content-Type"] = "text/plain; charset=utf-8"
    return response


def _handle_request(server: Server[Any], request: HttpRequest) -> HttpResponse:
    request_id = None
    try:
        cors.check_origin(request)
        body = _read_body(request)
        actor = _authenticate_request(request)
        if (
            request.method != "POST"
        ):  # after the token: clients that probe with GET or HEAD need the challenge
            raise MethodNotAllowed
        form = choose_form(request)
        message = parse_message(body)
        request_id = message.get("id")
        revision = get_revision(request.headers.get("MCP-Protocol-Version"), message)
        if missing := [scope for scope in get_required_scopes(message, actor) if not actor.has_scope(scope)]:
            _require_more_scopes(actor, missing)
        response = respond(server, CallContext(actor, request), message, revision, form)
    except HTTP_ERRORS as error:
        response = _adapt_body(request, build_error_response(error, request, request_id))
    response["Cache-Control"] = "no-store"
    return response


def _require_more_scopes(actor: Actor, missing: list[str]) -> None:
    """Raise MissingScopes if the app can request them.

    Otherwise the tool reports the error to the model, so that the user is not sent to a consent that must fail.
    """
    if can_request_scopes(actor.client_id, missing):
        client_errors.record_client_error(actor.client_id, ErrorKind.SCOPE_MISSING)
        raise MissingScopes(missing, granted=actor.scopes)


def _read_body(request: HttpRequest) -> bytes:
    try:
        body = request.body
    except RequestDataTooBig:
        raise BodyTooLarge from None
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return body


def _authenticate_request(request: HttpRequest) -> Actor:
    """Return the actor. Only unknown tokens are rate limited by network: the response to none costs no query."""
    try:
        actor = actor_from_request(request, Channel.MCP)
    except UnknownAccessToken:
        enforce_rate_limit(get_anonymous_limit(), get_client_network(request))
        raise
    if actor.user is None:
        raise MissingToken
    return actor
