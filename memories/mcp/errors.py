"""Map errors to the protocol: HTTP responses, tool errors and resource errors.

Messages contain no memory texts, tokens or server internals.
"""

import logging
from collections.abc import Iterable

import pydantic
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, CallToolResult, TextContent

from accounts.actor import Channel, InsufficientScope
from accounts.fields import DecryptError
from accounts.rate_limits import RateLimitExceeded
from core.db.errors import (
    DATABASE_RETRY_AFTER_S,
    DATABASE_UNAVAILABLE,
    describe_unavailability,
    is_database_unavailable,
)
from memories import scopes
from memories.errors import MemoryNotFound, PersonaNotFound
from oauth.tokens.bearer import InvalidAccessToken, build_www_authenticate

MAX_BODY_BYTES = 1_000_000  # ten times the longest memory, in any script and escaped
ARGUMENT_MESSAGES = {
    "missing": "Required argument.",
    "extra_forbidden": "Unknown argument.",
    "string_type": "Use text.",
    "list_type": "Use a list of texts.",
    "dict_type": "Use an object.",
    "model_type": "Use an object.",
}

logger = logging.getLogger(__name__)


class MissingToken(Exception):
    """The request has no token; the response says where to get one."""


class OriginNotAllowed(Exception):
    """The request comes from a web page of another origin."""


class MethodNotAllowed(Exception):
    """The request has a token but is not a POST: there are neither sessions nor streams to open or to close."""


class BodyTooLarge(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class InvalidMessage(Exception):
    """The request contains no message that can be handled, or in a form that is not accepted.

    message_id: the ID of the message, if it has a valid one.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 400,
        code: int = INVALID_REQUEST,
        message_id: object = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(text)
        self.status, self.code, self.message_id, self.data = status, code, message_id, data


class MissingScopes(Exception):
    """The app lacks scopes that it can request from the user."""

    def __init__(self, missing: Iterable[str], *, granted: Iterable[str]) -> None:
        self.missing = sorted(missing)
        # Including the granted ones: a new consent replaces the old one.
        self.wanted = sorted({*missing, *granted})
        super().__init__(f"This needs the scope {' '.join(self.missing)}.")


HTTP_ERRORS = (
    MissingToken,
    InvalidAccessToken,
    OriginNotAllowed,
    MethodNotAllowed,
    BodyTooLarge,
    InvalidMessage,
    MissingScopes,
    RateLimitExceeded,
    *DATABASE_UNAVAILABLE,
)


def build_error_response(error: Exception, request: HttpRequest, request_id: object) -> HttpResponse:
    """Return the response to a request that never reaches the SDK: an HTTP status and a JSON-RPC error."""
    if isinstance(error, MissingToken):
        challenge = build_www_authenticate(Channel.MCP, request)
        return _build_http_error(401, "Access token required.", {"WWW-Authenticate": challenge}, request_id)
    if isinstance(error, InvalidAccessToken):
        challenge = build_www_authenticate(
            Channel.MCP, request, error=error.error, description=error.description
        )
        return _build_http_error(401, error.description, {"WWW-Authenticate": challenge}, request_id)
    if isinstance(error, MissingScopes):
        challenge = build_www_authenticate(
            Channel.MCP,
            request,
            error="insufficient_scope",
            description=str(error),
            scope=" ".join(error.wanted),
        )
        return _build_http_error(403, str(error), {"WWW-Authenticate": challenge}, request_id)
    if isinstance(error, OriginNotAllowed):
        return _build_http_error(403, "Requests from this origin are not allowed.", {}, request_id)
    if isinstance(error, MethodNotAllowed):
        return _build_http_error(405, "Send a POST request.", {"Allow": "POST, OPTIONS"}, request_id)
    if isinstance(error, BodyTooLarge):
        return _build_http_error(
            413, f"The request body is larger than {MAX_BODY_BYTES:,} bytes.", {}, request_id
        )
    if isinstance(error, InvalidMessage):
        return _build_http_error(
            error.status, str(error), {}, error.message_id, code=error.code, data=error.data
        )
    if isinstance(error, RateLimitExceeded):
        return _build_http_error(429, str(error), {"Retry-After": str(error.retry_after_s)}, request_id)
    return _build_http_error(
        503, _describe_error(error), {"Retry-After": str(DATABASE_RETRY_AFTER_S)}, request_id
    )


def build_tool_error(error: Exception) -> CallToolResult:
    """Return the error for the model, so that it can retry correctly or tell the user."""
    return CallToolResult(content=[TextContent(text=_describe_error(error))], is_error=True)


def build_resource_error(error: Exception, uri: str) -> MCPError:
    if isinstance(error, MemoryNotFound):
        # Absent and forbidden look the same (revision 2026-07-28: invalid params, with the URI).
        return MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    return MCPError(INTERNAL_ERROR, _describe_error(error))


def build_prompt_error(error: Exception) -> MCPError:
    is_invalid = isinstance(error, ValidationError)
    return MCPError(INVALID_PARAMS if is_invalid else INTERNAL_ERROR, _describe_error(error))


def build_params_error(error: pydantic.ValidationError) -> MCPError:
    return MCPError(INVALID_PARAMS, _describe_error(error))


def build_unknown_name_error(kind: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Unknown {kind}.")


def _build_http_error(
    status: int,
    message: str,
    headers: dict[str, str],
    request_id: object,
    *,
    code: int | None = None,
    data: dict[str, object] | None = None,
) -> HttpResponse:
    error: dict[str, object] = {
        "code": code or (INVALID_REQUEST if status < 500 else INTERNAL_ERROR),
        "message": message,
    }
    if data is not None:
        error["data"] = data
    return JsonResponse({"jsonrpc": "2.0", "id": request_id, "error": error}, status=status, headers=headers)


def _describe_error(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return " ".join(_describe_argument_errors(error))
    if isinstance(error, ValidationError):
        return " ".join(_describe_domain_errors(error))
    if isinstance(error, MemoryNotFound):
        return "Memory not found."
    if isinstance(error, PersonaNotFound):
        return "Persona not found."
    if isinstance(error, InsufficientScope):
        if ":" not in error.scope:  # no scope grants it
            return "Only the user can do this, on the web pages of this server. Do not retry; tell the user."
        if error.scope not in scopes.FOR_EVERY_APP:
            return f"{error} Only apps that were registered manually can get it. Do not retry; tell the user."
        return f"{error} Ask the user to reconnect this app and to allow it."
    if isinstance(error, RateLimitExceeded):
        return str(error)
    if is_database_unavailable(error):
        return f"{describe_unavailability(error)} Try again in a few seconds."
    logger.error("MCP call failed", exc_info=error)
    if isinstance(error, DecryptError):
        return "The stored data cannot be decrypted: its key is missing, or it was modified."
    return "Internal server error. Find details in the server log."


def _describe_argument_errors(error: pydantic.ValidationError) -> Iterable[str]:
    """Yield each argument error by name, without the value, which is private."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(map(str, each["loc"])) or "arguments"
        yield f"{name[:100]}: {ARGUMENT_MESSAGES.get(each['type'], each['msg'].removesuffix('.') + '.')}"


def _describe_domain_errors(error: ValidationError) -> Iterable[str]:
    if hasattr(error, "error_dict"):
        return (f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
    return error.messages
