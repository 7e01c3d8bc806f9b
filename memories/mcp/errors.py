"""Everything that can go wrong, in the protocol's words: HTTP answers, errors of tools, errors of resources.

Nothing here repeats what a memory says, what a token is, or what the server looks like within.
"""

import logging
from collections.abc import Iterable

import pydantic
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, CallToolResult, TextContent

from accounts.actor import Channel, InsufficientScope
from accounts.fields import DecryptError
from accounts.rate_limits import RateLimitExceeded
from core.db.errors import DATABASE_RETRY_AFTER_S, DATABASE_UNAVAILABLE, is_database_unavailable
from memories import scopes
from memories.errors import MemoryNotFound, PersonaNotFound
from oauth.tokens.bearer import InvalidAccessToken, build_www_authenticate

MAX_BODY_BYTES = 1_000_000  # the longest memory, in any script and escaped, is a tenth of it
ARGUMENT_MESSAGES = {
    "missing": "This argument is required.",
    "extra_forbidden": "This argument is not known.",
}

logger = logging.getLogger(__name__)


class MissingToken(Exception):
    """The request shows no token, so the app is told where to get one."""


class OriginNotAllowed(Exception):
    """A web page of another site asks."""


class BodyTooLarge(Exception):
    """The body has more than MAX_BODY_BYTES."""


class MissingScopes(Exception):
    """The app may not do this yet; it can ask its person for more."""

    def __init__(self, missing: Iterable[str], *, held: Iterable[str]) -> None:
        self.missing = sorted(missing)
        self.wanted = sorted(
            {*missing, *held}
        )  # what it has too: a new consent takes the place of the old one
        super().__init__(f"This needs the scope {' '.join(self.missing)}.")


HTTP_ERRORS = (
    MissingToken,
    InvalidAccessToken,
    OriginNotAllowed,
    BodyTooLarge,
    MissingScopes,
    RateLimitExceeded,
    *DATABASE_UNAVAILABLE,
)


def build_error_response(error: Exception, request_id: object) -> HttpResponse:
    """The answer to a request that the protocol never sees: an HTTP status, and a JSON-RPC error as its body."""
    if isinstance(error, MissingToken):
        challenge = build_www_authenticate(Channel.MCP, scope=scopes.READ)
        return _build_http_error(
            401, "Show an access token of this site.", {"WWW-Authenticate": challenge}, request_id
        )
    if isinstance(error, InvalidAccessToken):
        challenge = build_www_authenticate(
            Channel.MCP, error=error.error, description=error.description, scope=scopes.READ
        )
        return _build_http_error(401, error.description, {"WWW-Authenticate": challenge}, request_id)
    if isinstance(error, MissingScopes):
        challenge = build_www_authenticate(
            Channel.MCP, error="insufficient_scope", description=str(error), scope=" ".join(error.wanted)
        )
        return _build_http_error(403, str(error), {"WWW-Authenticate": challenge}, request_id)
    if isinstance(error, OriginNotAllowed):
        return _build_http_error(403, "Pages of this origin may not ask.", {}, request_id)
    if isinstance(error, BodyTooLarge):
        return _build_http_error(413, f"A request's body may have {MAX_BODY_BYTES:,} bytes.", {}, request_id)
    if isinstance(error, RateLimitExceeded):
        return _build_http_error(429, str(error), {"Retry-After": str(error.retry_after_s)}, request_id)
    return _build_http_error(
        503, _describe_error(error), {"Retry-After": str(DATABASE_RETRY_AFTER_S)}, request_id
    )


def build_tool_error(error: Exception) -> CallToolResult:
    """What the model is told, so that it can do better or tell its person."""
    return CallToolResult(content=[TextContent(text=_describe_error(error))], is_error=True)


def build_resource_error(error: Exception, uri: str) -> MCPError:
    if isinstance(error, MemoryNotFound):
        # Absent and forbidden are one answer (the revision of 2026-07-28: invalid params, with the address).
        return MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    return MCPError(INTERNAL_ERROR, _describe_error(error))


def build_unknown_name_error(what: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Unknown {what}: none of this name is listed.")


def _build_http_error(status: int, message: str, headers: dict[str, str], request_id: object) -> HttpResponse:
    code = INVALID_REQUEST if status < 500 else INTERNAL_ERROR
    known = request_id if isinstance(request_id, str | int) and not isinstance(request_id, bool) else None
    body = {"jsonrpc": "2.0", "id": known, "error": {"code": code, "message": message}}
    return JsonResponse(body, status=status, headers=headers)


def _describe_error(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return " ".join(_describe_argument_errors(error))
    if isinstance(error, ValidationError):
        return " ".join(_describe_domain_errors(error))
    if isinstance(error, MemoryNotFound):
        return "There is no such memory, or it is not yours to see."
    if isinstance(error, PersonaNotFound):
        return "There is no such persona, or it is not open to you."
    if isinstance(error, InsufficientScope):
        if ":" not in error.scope:  # no scope would do
            return "Only the person can do this, on their own pages here. Do not try again; tell them."
        if error.scope not in scopes.FOR_EVERY_APP:
            return f"{error} Only apps that somebody registered here may have it. Do not try again; tell the person."
        return f"{error} Ask the person to connect this app again and to allow it."
    if isinstance(error, RateLimitExceeded):
        return str(error)
    if is_database_unavailable(error):
        return "The database does not answer just now. Try again in a few seconds."
    logger.error("a call failed", exc_info=error)
    if isinstance(error, DecryptError):
        return "What is stored cannot be opened: its key is missing, or it was changed."
    return "The server failed. Its log says more."


def _describe_argument_errors(error: pydantic.ValidationError) -> Iterable[str]:
    """By name, without the values: they are a person's words."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(map(str, each["loc"])) or "arguments"
        yield f"{name[:100]}: {ARGUMENT_MESSAGES.get(each['type'], each['msg'] + '.')}"


def _describe_domain_errors(error: ValidationError) -> Iterable[str]:
    if hasattr(error, "error_dict"):
        return (f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
    return error.messages
